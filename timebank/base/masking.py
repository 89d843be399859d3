"""What others may see of a person: masked names, phones and id numbers, and numbers that give a person away.

Masking is for eyes (reliability.md, "Privacy"); it is not a pseudonym. Where two masked names collide, the door adds a number.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Literal

from timebank.base.codes import narrow

_STAR = "*"
_ZERO_WIDTH_JOINERS = {"\u200c", "\u200d"}
_PHONE_DIGITS_MIN = 11
_PERSONAL_NUMBER = re.compile(
    r"1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}"  # a mobile phone, also as 138-0013-8000
    r"|[0-9]{15}"  # an id number of the first generation
    r"|[0-9]{6}[ -]?[0-9]{8}[ -]?[0-9]{3}[0-9Xx]"  # an id number (GB 11643)
)
_PERSONAL_DIGITS_MIN = 11
_GAP = "[ \u2010-\u2015-]?"
_BY_ITSELF = (r"(?<![0-9A-Za-z])", r"(?![0-9A-Za-z])")
_PHONE = re.compile(  # as people group it inside a text; an area code is 010, 02x or 0 and three digits from 3 on
    rf"{_BY_ITSELF[0]}(?:(?:86{_GAP})?1[3-9][0-9]|\(?(?P<area>010|02[0-9]|0[3-9][0-9]{{2}})\)?){_GAP}"
    rf"(?P<first>[0-9]{{3,4}}){_GAP}(?P<last>[0-9]{{4}}){_BY_ITSELF[1]}"
)
_SHAPE_OF_PHONE = re.compile(
    rf"{_BY_ITSELF[0]}(?:86{_GAP})?\(?[0-9]{{3,4}}\)?{_GAP}[0-9]{{3,4}}{_GAP}[0-9]{{4}}{_BY_ITSELF[1]}"
)
_SHAPE_OF_NUMBER = re.compile(
    rf"{_BY_ITSELF[0]}(?:[0-9]{{11}}|[0-9]{{15}}|[0-9]{{17}}[0-9Xx]){_BY_ITSELF[1]}|^[0-9 -]{{11,}}[Xx]?$"
)
_DATE_LIKE = re.compile(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")
_CLOCK_LIKE = re.compile(r"(?:[01][0-9]|2[0-3])[0-5][0-9]")
_TOKEN = re.compile(r"[0-9A-Za-z]+")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*[A-Za-z]", re.ASCII)
_SENTENCE = re.compile("[。！？]|[.!?] ")
WORD_CHARACTERS_MAX = 100
"""What is longer is no word."""


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


def mask_names(names: Mapping[int, str]) -> dict[int, str]:
    """Mask names that stand on one paper, by id: where two come out alike, each gets a number, in the order of the ids.

    张三, 张四, 李四 -> 张*(1), 张*(2), 李*: so that who reads it knows that these are two people.
    """
    masked = {number: mask_name(names[number]) for number in sorted(names)}
    alike = Counter(masked.values())
    seen = Counter[str]()
    for number, shown in masked.items():
        if shown and alike[shown] > 1:
            seen[shown] += 1
            masked[number] = f"{shown}({seen[shown]})"
    return masked


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


def mask_birth_date(day: date | None) -> str:
    """Mask a birth date: only its year is shown; '' for none."""
    return f"{day.year}-{2 * _STAR}-{2 * _STAR}" if day else ""


def tells_who(text: str) -> Literal["number", "e-mail"] | None:
    """What in a text tells who somebody is, or None: a phone or identity number, or an e-mail address.

    Rooms refuse such a text in every field that is written into the log for ever, and the audit finds it there (docs/audit.md):
    both ask here. A number is 11 digits starting 1[3-9], 15, or 17 and a digit or X, as the whole text or by itself in it
    (T-13800138000, but not T13800138000), or a landline with its area code; full-width digits count, and the groups people
    make (138-0013-8000, 0851 8682 1234).
    """
    if sum(map(str.isdigit, text)) >= _PERSONAL_DIGITS_MIN:
        narrowed = narrow(text).strip()
        if any(map(_PERSONAL_NUMBER.fullmatch, (narrowed, *_TOKEN.findall(narrowed)))):
            return "number"
        if any(map(_is_phone, _PHONE.finditer(narrowed))):
            return "number"
    return "e-mail" if "@" in text and _EMAIL.search(text) else None


def _is_phone(found: re.Match[str]) -> bool:
    """Whether digits in groups are a phone, and no day behind a number (0851-20260308), no times (0830 2030 2200)."""
    area, first, last = found["area"], found["first"], found["last"]
    if _DATE_LIKE.fullmatch(first + last) or (not area and len(first) == 3):
        return False
    if not area:
        return True
    local = first[0] in "23456789" and (len(first) == 4 or len(area) == 4)
    return local and not all(map(_CLOCK_LIKE.fullmatch, (area, first, last)))


def digits_could_tell(text: str) -> bool:
    """Whether a text of the same letters and signs with other digits could hold a number that `tells_who` finds."""
    if sum(map(str.isdigit, text)) < _PERSONAL_DIGITS_MIN:
        return False
    narrowed = narrow(text).strip()
    return bool(_SHAPE_OF_NUMBER.search(narrowed) or _SHAPE_OF_PHONE.search(narrowed))


@lru_cache(4_096)
def unfit_word(text: str) -> Literal["number", "e-mail", "text"] | None:
    """Why a text cannot stand where a word of people's own language may (a category, a label, a resolution's number), or None.

    Besides what `tells_who`: sentences, and texts above 100 characters. Asked by rooms and by the audit alike.
    """
    told = tells_who(text)
    if told is None and (len(text) > WORD_CHARACTERS_MAX or _SENTENCE.search(text)):
        return "text"
    return told


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
