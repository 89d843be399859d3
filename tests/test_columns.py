"""Every column of every table is compared by the audit, or stands here with the reason why it need not be."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Column, Date, Integer, LargeBinary, Table, select, text, update
from sqlmodel import Session

from lived import Vandal, a_vandal, the_book_lived_in_together  # noqa: F401 - fixtures
from timebank import audit
from timebank.base.db import Utc
from timebank.tables import metadata

WHO = "who somebody is stands apart from the book and can be erased; printed numbers are bound"
MOMENT = "its entry has the moment"
SHOWN = "it is only shown"
FOUND_BY = "found by it only; the number itself is bound, and a second row of one number is refused"
FROM_NOW_ON = "read when something new is done; what is in the book has its own days and amounts"
SEALED = "not in the book yet, or not any more: sealed with the file of keys, and refused when approved (test_approvals)"
REPEATED = (
    "a repeat of the command or of the row is known by it; changed, the repeat is refused, or is a new row with its own entry"
)
SIGNED_IN = "read once, when somebody signs out; the service that comes of it is confirmed, and its entry says all that counts"

UNCOMPARED: dict[str, dict[str, str]] = {
    "approval": dict.fromkeys(
        (
            *("id", "kind", "subject", "request", "digest", "asked_by", "asked_at"),
            *("state", "decided_by", "decided_at", "why"),
        ),
        SEALED,
    ),
    "checkpoint": {"made_at": "not signed, and only shown", "note": "compared where the log's key is given (test_vandals)"},
    "claim": {"drafted_at": SHOWN, "approved_by": "its entry names the approver", "approved_at": MOMENT},
    "clerk": {"number_key": FOUND_BY, "person_id": WHO, "state": FROM_NOW_ON, "since": MOMENT},
    "command": {"verb": SHOWN, "fingerprint": REPEATED, "done_at": MOMENT},
    "community": {"name": SHOWN, "timezone": FROM_NOW_ON, "credits_unit": SHOWN, "founded_at": SHOWN},
    "member": {
        "number_key": FOUND_BY,
        "person_id": WHO,
        "grid": SHOWN,
        **dict.fromkeys(("joined_on", "state"), FROM_NOW_ON),
    },
    "merchant": {
        "number_key": FOUND_BY,
        "contact_id": WHO,
        "name": SHOWN,
        "category": SHOWN,
        "joined_on": FROM_NOW_ON,
    },
    "device": {"label": SHOWN, "enrolled_at": MOMENT},
    "device_end": {"ended_at": MOMENT},
    "offline_key": {"registered_at": MOMENT},
    "enrolment": {"label": SHOWN},
    "guess": dict.fromkeys(("id", "device_id", "at"), "wrong codes of the last hour, written over; no entry rests on them"),
    "person": dict.fromkeys(("id", "name", "phone", "id_number", "birth_date"), WHO),
    "quote": {"quoted_at": MOMENT},
    "resolution": {"resolved_at": MOMENT},
    "rulebook": {"name": "the text has it", "title": "the text has it", "published_at": MOMENT},
    "service": {
        **dict.fromkeys(("ref", "version", "digest"), REPEATED),
        "recorded_by": "its entry names who posted it",
        "recorded_at": SHOWN,
    },
    "sign_in": dict.fromkeys(("category", "activity_no", "place", "team", "programme"), SIGNED_IN),
    "team": {"number_key": FOUND_BY, "name": SHOWN},
    "voucher": {"code_tail": SHOWN},
}
"""What no audit compares, by table, and why it need not."""

REPLAYED = {"shared_earning"}
"""Tables that only `audit --replay` compares."""

ROWS = {"command": "key = 'test-6'", "lot": "balance > 0", "claim": "state = 'paid'", "service": "state = 'posted'"}
"""Of these tables, rows that something depends on."""

FIRST_OF_ALL = {"community": ("id", "code")}
"""Whose book it is: all rows of all tables carry the number, and the code is the log's name."""


def compared(table: Table) -> list[Column[Any]]:
    apart = {"community_id", *FIRST_OF_ALL.get(table.name, ()), *UNCOMPARED.get(table.name, ())}
    return [column for column in table.columns if column.name not in apart]


@pytest.mark.parametrize("table", [one for one in metadata.sorted_tables if compared(one)], ids=lambda table: table.name)
def test_a_change_of_any_column_is_found(vandal: Vandal, table: Table) -> None:
    checks = {"replay", "I10"} if table.name in REPLAYED else set(audit.CHECKS) - audit.ON_REQUEST - {"guards"}
    for column in compared(table):
        with vandal.undone() as session:
            change(session, column)
            assert not audit.audit(session, 1, checks).ok, column.name


def test_what_the_audit_does_not_compare_is_listed_with_its_reason(vandal: Vandal) -> None:
    with vandal.undone() as session:
        for name, reasons in UNCOMPARED.items():
            for column in reasons:
                change(session, metadata.tables[name].columns[column])
        assert audit.audit(session, 1, set(audit.CHECKS) - {"guards"}).findings == ()


def change(session: Session, column: Column[Any]) -> None:
    """Let one row say something else in a column."""
    table, keys = column.table, list(column.table.primary_key.columns)
    rows = select(*keys, column.label("told")).where(text(ROWS.get(table.name, "true")))
    *key, told = session.execute(rows.order_by(column.is_(None), *keys).limit(1)).one()
    same = (one == value for one, value in zip(keys, key, strict=True))
    session.execute(update(table).where(*same).values({column.name: _other(told, column)}))


def _other(told: Any, column: Column[Any]) -> Any:
    """Another value of the same kind; some value for none."""
    match told:
        case datetime():
            return told + timedelta(seconds=1)
        case date():
            return told - timedelta(days=1)
        case int():
            return told - 1 if column.name == "floor" else told + 1_000  # no balance may lie below it
        case str():
            return f"{told}x"
        case bytes():
            return bytes([told[0] ^ 1]) + told[1:]
    if isinstance(column.type, Utc):
        return datetime(2026, 10, 2, tzinfo=UTC)
    if isinstance(column.type, Date):
        return date(2026, 10, 2)
    return 1 if isinstance(column.type, Integer) else b"x" if isinstance(column.type, LargeBinary) else "x"
