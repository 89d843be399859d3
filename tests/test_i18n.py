"""Every sentence stands in both languages, in the words of docs/glossary.md."""

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli_page import Live, live_commands, nested_groups, one_line, root_options
from timebank import cli
from timebank.base.i18n import Language, say, text, translate
from timebank.base.zh_CN import MESSAGES

ROOT = Path(__file__).parent.parent
DISCLAIMER = "本积分为公益回馈凭证,不是人民币或代币票券,不可买卖、提现、找零或生息,仅在指定商户按规则享受优待。"
FORBIDDEN = ("报酬", "支付", "存款", "利息", "工资", "薪", "购买", "存入", "取款", "赚", "货币")
"""Words of money and wages: points are a thank-you (docs/glossary.md)."""


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call of `say` in the program, with its place."""
    for path in sorted((ROOT / "timebank").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


CALLS = list(calls())
SAID = {call.args[0].value: place for place, call in CALLS if isinstance(call.args[0], ast.Constant)}
COMMANDS = list(live_commands())


def helped() -> dict[str, str]:
    """Every English help text of the program, with the command it stands in."""
    found = dict.fromkeys(cli.NOUNS.values(), "the list of nouns")
    found[one_line(cli.root.__doc__)] = "timebank"
    for words, params in (("timebank", root_options()), *((live.words, live.command.params) for live in COMMANDS)):
        found.update({param.help: words for param in params if getattr(param, "help", None)})
    found.update({live.help: live.words for live in COMMANDS})
    found.update({told: words for words, told in nested_groups()})
    found["Show this message and exit."] = "--help, which typer adds"
    return found


HELPED = helped()


def fields(template: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(template) if name is not None)


def test_every_sentence_is_a_literal() -> None:
    """A sentence made at run time could not be looked up, and nobody would notice that it stays English."""
    made = [f"{place}: {ast.unparse(call)}" for place, call in CALLS if not _literal(call)]
    assert not made, "\n".join(made)


def _literal(call: ast.Call) -> bool:
    return len(call.args) == 1 and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)


def test_every_sentence_has_its_chinese() -> None:
    missing = [f"{place}: {template}" for template, place in {**HELPED, **SAID}.items() if template not in MESSAGES]
    assert not missing, "\n".join(missing)


def test_no_translation_is_dead() -> None:
    dead = sorted(set(MESSAGES) - set(SAID) - set(HELPED))
    assert not dead, "\n".join(dead)


def test_a_translation_keeps_every_value() -> None:
    other = [template for template in SAID if fields(template) != fields(MESSAGES.get(template, template))]
    assert not other, "\n".join(other)


def test_a_sentence_gets_exactly_the_values_it_names() -> None:
    """`say("{day} …", date=…)` would fail only when somebody reads it."""
    wrong = []
    for place, call in CALLS:
        given = sorted(keyword.arg for keyword in call.keywords if keyword.arg)
        named = fields(call.args[0].value) if _literal(call) else given
        spread = any(keyword.arg is None for keyword in call.keywords)
        if not (set(given) <= set(named) if spread else given == sorted(set(named))):
            wrong.append(f"{place}: {ast.unparse(call)}")
    assert not wrong, "\n".join(wrong)


def test_chinese_says_thanks_never_wages_or_money() -> None:
    wrong = [told for told in MESSAGES.values() if told != DISCLAIMER and any(word in told for word in FORBIDDEN)]
    assert not wrong, "\n".join(wrong)


def test_the_disclaimer_stands_word_for_word() -> None:
    told = [chinese for chinese in MESSAGES.values() if "代币票券" in chinese]
    assert told
    assert set(told) == {DISCLAIMER}


def test_chinese_is_punctuated_as_chinese() -> None:
    """No half-width comma, colon or question mark behind a Chinese character; the disclaimer is quoted as it is."""
    half = re.compile(r"[一-鿿”][,;:?!]")
    wrong = [told for told in MESSAGES.values() if told != DISCLAIMER and half.search(told)]
    assert not wrong, "\n".join(wrong)


def test_sentences_inside_sentences_are_translated_too() -> None:
    inner = say("{yuan} yuan", yuan="8.60")
    assert text(say("at most {limit} yuan, so {off} yuan off", limit="10.00", off=inner), "zh").endswith("优待 8.60 元 元")


@pytest.mark.parametrize("live", COMMANDS, ids=[live.words for live in COMMANDS])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_help_shows_in_both_languages_with_an_example(live: Live, lang: Language) -> None:
    shown = CliRunner().invoke(cli.app, [*live.words.split(), "--help", "--lang", lang])
    assert shown.exit_code == 0
    assert translate(live.help, lang) in shown.output
    assert live.examples
    for example in live.examples:
        assert example.startswith(f"timebank {live.words}")
        assert example in shown.output
    for param in live.command.params:
        if not param.name.endswith("_completion"):
            assert translate(param.help, lang) in shown.output, param.name
