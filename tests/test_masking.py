"""What others may see of a person."""

import unicodedata
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timebank.base.masking import digits_could_tell, mask_id_number, mask_name, mask_names, mask_phone, tells_who, unfit_word


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("张三", "张*"),
        ("张小三", "张*三"),
        ("欧阳小华", "欧*华"),
        ("𠮷田", "𠮷*"),
        ("田中𠮷", "田*𠮷"),
        ("阿迪力·买买提", "阿*提"),
        ("古丽·米", "古*米"),
        ("Volunteer 00187a", "V*a"),
        ("Zoë", "Z*ë"),
        ("Li", "L*"),
        ("张", "*"),
        ("  张三  ", "张*"),
        ("（张三）", "张*"),
        ("", ""),
        ("   ", ""),
        ("···", "*"),
    ],
)
def test_a_name_shows_its_first_and_from_three_letters_on_its_last(name: str, masked: str) -> None:
    assert mask_name(name) == masked


def test_a_letter_with_its_marks_is_one_letter() -> None:
    """Tibetan stacks and vowels, Uyghur, a variation selector, and accents typed as separate marks."""
    assert mask_name("བསྟན་འཛིན") == "བ*ན"
    assert mask_name("སྒྲོལ་མ") == "སྒྲོ*མ"
    assert mask_name("ئابدۇللا") == "ئ*ا"
    assert mask_name("葛\U000e0100城") == "葛\U000e0100*"
    assert mask_name("Zoe\u0308") == "Z*ë"
    assert mask_name("e\u0301") == "*"


def test_names_on_one_paper_that_look_alike_get_a_number() -> None:
    names = {7: "张三", 2: "张四", 3: "李四", 9: "欧阳小华", 4: "", 5: "", 11: "张五"}
    assert mask_names(names) == {2: "张*(1)", 3: "李*", 4: "", 5: "", 7: "张*(2)", 9: "欧*华", 11: "张*(3)"}


def test_the_length_of_a_name_is_hidden() -> None:
    assert mask_name("阿卜杜热合曼提") == mask_name("阿木提")


@given(st.text(max_size=30))
def test_a_masked_name_always_hides_a_letter(name: str) -> None:
    letters = [c for c in unicodedata.normalize("NFC", name) if unicodedata.category(c)[0] in "LN"]
    shown = [c for c in mask_name(name) if unicodedata.category(c)[0] in "LN"]
    assert len(shown) < max(1, len(letters))


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("13812341234", "138****1234"),
        ("１３８１２３４１２３４", "138****1234"),
        ("138-1234-1234", "138****1234"),
        ("+86 138 1234 1234", "138****1234"),
        ("008613812341234", "138****1234"),
        ("0755-12345678", "075****5678"),
        ("8212345", "****45"),
        ("110", "****"),
        ("无", "****"),
        ("", ""),
    ],
)
def test_a_phone_shows_three_and_four_digits(phone: str, masked: str) -> None:
    assert mask_phone(phone) == masked


@given(st.text(alphabet="0123456789 -+", max_size=20))
def test_a_masked_phone_shows_at_most_seven_digits_of_eleven(phone: str) -> None:
    digits = sum(c.isdigit() for c in phone)
    assert sum(c.isdigit() for c in mask_phone(phone)) <= digits * 7 // 11


def test_an_id_number_shows_its_ends_only() -> None:
    assert mask_id_number("11010119900307123X") == "1****************X"
    assert mask_id_number("110101900307123") == "1*************3"
    assert mask_id_number("12") == "**"
    assert mask_id_number("") == ""


@pytest.mark.parametrize(
    "text",
    [
        "13800138000",
        "19912345678",
        "138-0013-8000",
        "138 0013 8000",
        "１３８００１３８０００",
        " 13800138000 ",
        "tel:13800138000",
        "T-13812345678",
        "助老13812345678",
        "110101900307123",
        "110101199003071234",
        "11010119900307123X",
        "11010119900307123x",
        "110101 19900307 123X",
        "请打138 0013 8000找小王",
        "１３８-００１３-８０００（王）",
        "小王138–0013–8000",
        "+86 138 00138000",
        "86-13800138000",
        "0851 8682 1234",
        "电话0851-86821234转3",
        "（0851）8682 1234",
        "０８５１－８６８２１２３",
        "010-82345678",
        "T-085186821234",
        "2026-03-08 0851 8682 1234",
    ],
)
def test_phones_and_id_numbers_are_recognised(text: str) -> None:
    assert tells_who(text) == "number"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "M0012",
        "M13800138000",
        "12800138000",
        "1380013800",
        "138001380001",
        "11010119900307",
        "1101011990030712",
        "11010119900307123Y",
        "520201-001-000012",
        "V00187a8c2e",
        "456ba12d13800138",
        "2026-10-20T04:00:00Z",
        "2026.1@9f86d081884c7d65",
        "١٣٨٠٠١٣٨٠٠٠",
        "138 0013 80001",
        "M138 0013 8000",
        "2138 0013 8000",
        "138 001 38000",
        "0851-20260308",
        "010-20260308",
        "138-2026-0308"[:4] + "M20260308",
        "0830 2030 2200",
        "0851 1682 1234",
        "0151 8682 1234",
        "010 8234567 1",
        "400-820-8820 0",
        "1.5小时 2026年3月8日 14:00-15:30",
        "520201-001 2026-03-08",
    ],
)
def test_other_numbers_are_not_personal(text: str) -> None:
    """It stands by itself: a letter in front, or another length, and it is an ordinary number."""
    assert tells_who(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("社区食堂", None),
        ("elder care", None),
        ("2026.7", None),
        ("助老13812345678", "number"),
        ("wang@example.org", "e-mail"),
        ("St. Mary visit", "text"),
        ("他病了。我去看他", "text"),
        ("字" * 100, None),
        ("字" * 101, "text"),
    ],
)
def test_a_sentence_or_an_address_is_no_word(text: str, why: str | None) -> None:
    assert unfit_word(text) == why


def written(*ways: str) -> st.SearchStrategy[str]:
    return st.sampled_from(ways)


ORDINARY = st.one_of(
    st.dates(date(1900, 1, 1), date(2099, 12, 31)).flatmap(
        lambda d: written(f"{d}", f"{d.year}/{d.month}/{d.day}", f"{d.year}年{d.month}月{d.day}日", f"{d:%Y%m%d}", f"{d:%m-%d}")
    ),
    st.times().flatmap(lambda t: written(f"{t.hour}:{t:%M}", f"{t:%H:%M}", f"{t.hour}点{t.minute}分", f"{t:%H%M}")),
    st.integers(0, 10**9).flatmap(
        lambda a: written(f"{a}元", f"{a:,}", f"{a}分钟", f"¥{a // 100}.{a % 100:02}", f"{a % 1000}人")
    ),
)


@given(st.lists(ORDINARY, max_size=6), st.sampled_from([" ", "，", "、", " - ", "~", "到", "；"]))
def test_days_times_and_amounts_tell_of_nobody(words: list[str], between: str) -> None:
    assert tells_who(between.join(words)) is None


PERSONAL = written(
    *("13800138000", "138 0013 8000", "0851 8682 1234", "(010)8234-5678", "+86 13800138000"),
    *("110101199003071234", "110101 19900307 123X"),
)


@given(PERSONAL, written("", "请打", "tel:", "T-"), written("", "转3", "（王）"), st.randoms())
def test_a_text_whose_digits_could_tell_is_known_by_its_shape(number: str, before: str, after: str, chance: Any) -> None:
    """What the audit remembers of payloads hangs on it: one that differs in digits only must be looked at again."""
    text = before + number + after
    if tells_who(text) == "number":
        other = "".join(chance.choice("0123456789") if c.isdigit() else c for c in text)
        assert digits_could_tell(other)
    assert not digits_could_tell("2026-10-20T04:00:00Z"), "an entry's own fields are remembered"
