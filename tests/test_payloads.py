"""Payloads written straight: byte for byte the canonical form of their fields, and nothing else is ever written."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timebank.base.act import Act
from timebank.base.errors import Invalid
from timebank.journal import Draft
from timebank.payloads import Payloads
from timebank.positions import Line, Position
from timebank.transparency import INTEGER_MAX, canonical, parse

MOMENT = "2026-10-20T04:00:00Z"
texts = st.text("aB7 :/\"\\'积分é·𠮷\u00a0<>&", max_size=8)
numbers = st.integers(-INTEGER_MAX, INTEGER_MAX)
data = st.dictionaries(
    st.sampled_from("abcxyz"), st.recursive(texts | numbers | st.booleans(), st.lists, max_leaves=5), max_size=4
)
drafts = st.builds(
    Draft, texts, st.dates(), st.just(()), *(st.none() | texts, st.none() | texts, st.none() | data, st.none() | data)
)
places = st.tuples(texts, texts, texts).map(lambda name: Position(1, 1, name[0], name[1], name[2], None, 0, None))
lines = st.lists(st.builds(Line, places, st.dates().map(str), numbers, st.integers(1, 10**6), numbers), max_size=4)
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)


def act(approver: int | None = None) -> Act:
    return Act(1, datetime(2026, 10, 20, 4, tzinfo=UTC), 7, approver, "pin" if approver else "none", "key", "", bytes(32))


def fields_of(act: Act, seq: int, key: str, draft: Draft, lines: list[Line]) -> dict[str, Any]:
    """The fields of docs/ledger.md as a dictionary, what is absent left out."""
    fields: dict[str, Any] = {
        "v": 1,
        "log": "520201-jianshe/1",
        "seq": seq,
        "kind": draft.kind,
        "business_date": str(draft.business_date),
        "posted_at": MOMENT,
        "period": "2026-10",
        "actor": act.actor,
        "key": key,
        "nonce": act.draw_many(f"nonces {seq}", 1)[0].hex(),
        "postings": [[(p := line.position).holder, p.unit, p.purpose, line.expires_on, line.amount, line.n] for line in lines],
    }
    if act.approver is not None:
        fields |= {"approver": act.approver, "approver_auth": act.approver_auth}
    told = {"subject": draft.subject, "rules": draft.rules, "trace": draft.trace, "facts": draft.facts}
    return fields | {name: value for name, value in told.items() if value is not None}


@given(st.none() | st.integers(1, 99), st.integers(0, 10**9), texts, drafts, lines, st.none() | numbers, st.none() | hashes)
def test_a_payload_is_the_canonical_form_of_its_fields(
    approver: int | None, seq: int, key: str, draft: Draft, lines: list[Line], reverses: int | None, text_hash: str | None
) -> None:
    asked = act(approver)
    fields = fields_of(asked, seq, key, draft, lines)
    more: dict[str, str] = {}
    if reverses is not None:
        fields["reverses"], more["reverses"] = reverses, str(reverses)
    if text_hash is not None:
        fields["text_hash"], more["text_hash"] = text_hash, f'"{text_hash}"'
    payloads = Payloads(asked, "520201-jianshe/1", MOMENT, range(seq, seq + 1))
    for _ in range(2):  # accounts and words are remembered
        written = payloads.write(seq, key, "2026-10", draft, lines, **more)
        assert written.encode() == canonical(fields)
    assert parse(written.encode()) == fields


LINE = Line(Position(1, 1, "member:1", "points", "available", 0, 0, None), "2026-12-31", 1, 1, 1)
DRAFT = Draft("points.gift", date(2026, 10, 20))


@pytest.mark.parametrize(
    ("draft", "line"),
    [
        (DRAFT, LINE._replace(amount=INTEGER_MAX + 1)),
        (DRAFT, LINE._replace(amount=-INTEGER_MAX - 1)),
        (DRAFT, LINE._replace(amount=1.0)),  # type: ignore[arg-type]
        (DRAFT, LINE._replace(amount=True)),
        (DRAFT._replace(kind="a\nb"), LINE),
        (DRAFT._replace(subject="e\u0301"), LINE),
        (DRAFT._replace(rules="\ud800"), LINE),
        (DRAFT._replace(trace={"a": 0.5}), LINE),
        (DRAFT._replace(trace={"a": INTEGER_MAX + 1}), LINE),
        (DRAFT._replace(facts={"é": 1}), LINE),
        (DRAFT._replace(facts={"a": None}), LINE),
        (DRAFT, LINE._replace(position=Position(1, 1, "pool:\x7f", "points", "available", 0, 0, None))),
    ],
    ids=repr,
)
def test_what_has_no_canonical_form_is_never_written(draft: Draft, line: Line) -> None:
    with pytest.raises(Invalid) as refusal:
        Payloads(act(), "520201-jianshe/1", MOMENT, range(1)).write(0, "key/0", "2026-10", draft, [line])
    assert refusal.value.code == "not_canonical"


def test_every_entry_of_a_batch_has_a_nonce_of_its_own() -> None:
    payloads = Payloads(act(), "520201-jianshe/1", MOMENT, range(5, 8))
    nonces = [parse(payloads.write(seq, "key/0", "2026-10", DRAFT, [LINE]).encode())["nonce"] for seq in range(5, 8)]
    assert len({*nonces, act().draw("nonces 5")[:16].hex()}) == 4
    assert all(len(nonce) == 32 for nonce in nonces)
