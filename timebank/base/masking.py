"""What others may see of a person: masked names, phones and id numbers, and numbers that give a person away.

Masking is for eyes (reliability.md, "Privacy"); it is not a pseudonym. Where two masked names collide, the door adds a number.
"""

import re
import unicodedata

from timebank.base.codes import narrow

_STAR = "*"
_ZERO_WIDTH_JOINERS = {"\u200c", "\u200d"}
_PHONE_DIGITS_MIN = 11
_PERSONAL_NUMBER = re.compile(
    r"1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}"  # a mobile phone, also as 138-0013-8000
    r"|[0-9]{15}"  # an id number of the first generation
    r"|[0-9]{6}[ -]?[0-9]{8}[ -]?[0-9]{3}[0-9Xx]"  # an id number (GB 11643)
)


def mask_name(name: str) -> str:
    """Mask a name: 张三 -> 张*, 张小三 -> 张*三, 欧阳小华 -> 欧*华, 阿迪力·买买提 -> 阿*提, 'Volunteer 00187a' -> V*a.

    Letters are counted as people see them (a letter with its marks is one; 𠮷 is one); points, spaces and signs between them
    do not count. One star stands for whatever is hidden, so that the length is hidden too. A single letter becomes a star,
    an empty name stays empty.
    """
    letters = _letters(unicodedata.normalize("NFC", name))
    if not letters:
        return _STAR if name.strip() else ""
    if len(letters) == 1:
        return _STAR
    return letters[0] + _STAR + (letters[-1] if len(letters) > 2 else "")


def mask_phone(phone: str) -> str:
    """Mask a phone: 13812341234 -> 138****1234, also typed with +86, spaces or hyphens.

    Of fewer than 11 digits at most the last two are shown; an empty phone stays empty.
    """
    digits = re.sub(r"[^0-9]", "", re.sub(r"^\s*(\+|00)86", "", narrow(phone)))
    if len(digits) >= _PHONE_DIGITS_MIN:
        return f"{digits[:3]}****{digits[-4:]}"
    return f"****{digits[-2:]}" if len(digits) > 4 else "****" if phone.strip() else ""


def mask_id_number(number: str) -> str:
    """Mask an id number: its first and last character with a star for each between; the region and birthday stay hidden."""
    bare = narrow(number).strip()
    return f"{bare[0]}{_STAR * (len(bare) - 2)}{bare[-1]}" if len(bare) > 2 else _STAR * len(bare)


def looks_like_personal_number(text: str) -> bool:
    """Tell whether the whole of a text is a phone or id number: 11 digits starting 1[3-9], 15, or 17 and a digit or X.

    Such a text is refused as a member number, because member numbers are written into the log for ever (ledger.md, "The
    transparency log"). Full-width digits, and phones and ids grouped as people group them (138-0013-8000), count too.
    """
    return _PERSONAL_NUMBER.fullmatch(narrow(text).strip()) is not None


def _letters(name: str) -> list[str]:
    """The letters and digits of a name as seen: each with the marks and joiners that belong to it."""
    clusters: list[str] = []
    for character in name:
        if clusters and _belongs_to_previous(character, clusters[-1]):
            clusters[-1] += character
        else:
            clusters.append(character)
    return [cluster for cluster in clusters if unicodedata.category(cluster[0])[0] in "LN"]


def _belongs_to_previous(character: str, cluster: str) -> bool:
    """The part of UAX #29 that names need: marks (Tibetan stacks, vowel signs, variation selectors) and joiners."""
    return (
        unicodedata.category(character)[0] == "M"
        or character in _ZERO_WIDTH_JOINERS
        or (cluster[-1] == "\u200d" and unicodedata.category(character)[0] == "L")
    )
