"""Sentences for people, in Chinese and English.

The English sentence in the code is the key of its translation, so code reads in plain words and nothing is looked up by
number. Rooms build a `Say` and never know the language; the door that shows it does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")


@dataclass(frozen=True, slots=True)
class Say:
    """A sentence with the values in it. `str()` gives English; `text(say, lang)` any language."""

    template: str
    values: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return text(self, "en")


def say(template: str, /, **values: object) -> Say:
    """Make a sentence. `template` must be a literal: a test looks its Chinese up (tests/test_i18n.py)."""
    return Say(template, values)


def text(sentence: Say | str, lang: Language) -> str:
    """Write a sentence out in a language. Values that are sentences themselves are written out too."""
    if isinstance(sentence, str):
        return translate(sentence, lang)
    template = translate(sentence.template, lang)
    if not sentence.values:
        return template
    return template.format(**{name: text(v, lang) if isinstance(v, Say) else v for name, v in sentence.values.items()})


def translate(template: str, lang: Language) -> str:
    """Give the template in a language; a template without a translation comes back as it is."""
    if lang == "en":
        return template
    from timebank.base.zh_CN import MESSAGES  # only when Chinese is wanted: start-up time

    return MESSAGES.get(template, template)
