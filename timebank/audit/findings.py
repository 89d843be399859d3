"""What an audit finds, as values: which check, which code, which entry, how grave. Pure.

Four grades, the exit statuses of the program (docs/reliability.md): 20 the book was tampered with, 21 it was rolled back, 22
it was rewritten, 23 a projection differs from the journal and can be made again from it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from timebank.base.errors import Finding as InputFinding
from timebank.base.i18n import Say, say

TAMPERED, ROLLED_BACK, REWRITTEN, PROJECTION = 20, 21, 22, 23
WORST_FIRST = (REWRITTEN, ROLLED_BACK, TAMPERED, PROJECTION)
KEPT_OF_A_CODE = 100
"""How many findings of one code are kept; the others are counted, so that a book in ruins does not fill the memory."""

CODES: dict[str, tuple[str, int]] = {
    # I1
    "unbalanced": ("I1", TAMPERED),
    # I2
    "unit_unbalanced": ("I2", PROJECTION),
    # I3
    "below_floor": ("I3", TAMPERED),
    # I4
    "unreadable": ("I4", TAMPERED),
    "not_canonical": ("I4", TAMPERED),
    "malformed": ("I4", TAMPERED),
    "other_log": ("I4", TAMPERED),
    "out_of_place": ("I4", TAMPERED),
    "entry_differs": ("I4", PROJECTION),
    "posting_differs": ("I4", PROJECTION),
    "posting_missing": ("I4", PROJECTION),
    "posting_extra": ("I4", PROJECTION),
    "account_missing": ("I4", PROJECTION),
    "account_differs": ("I4", PROJECTION),
    "number_differs": ("I4", PROJECTION),
    "rules_differ": ("I4", PROJECTION),
    "offer_differs": ("I4", PROJECTION),
    "merchant_differs": ("I4", PROJECTION),
    "claim_differs": ("I4", PROJECTION),
    "fund_row_differs": ("I4", PROJECTION),
    "service_differs": ("I4", PROJECTION),
    "kin_differs": ("I4", PROJECTION),
    "team_differs": ("I4", PROJECTION),
    "device_differs": ("I4", PROJECTION),
    "notice_differs": ("I4", PROJECTION),
    "issuer_key_differs": ("I4", PROJECTION),
    # I5
    "entry_missing": ("I5", TAMPERED),
    "entry_beyond": ("I5", TAMPERED),
    "leaf_differs": ("I5", TAMPERED),
    "log_differs": ("I5", TAMPERED),
    "checkpoint_differs": ("I5", TAMPERED),
    "not_signed": ("I5", TAMPERED),
    "clock_back": ("I5", TAMPERED),
    "head_differs": ("I5", PROJECTION),
    "rolled_back": ("I5", ROLLED_BACK),
    "rewritten": ("I5", REWRITTEN),
    # I6
    "key_twice": ("I6", TAMPERED),
    "key_gap": ("I6", TAMPERED),
    "command_missing": ("I6", TAMPERED),
    "command_differs": ("I6", TAMPERED),
    # I7
    "not_held": ("I7", TAMPERED),
    "voucher_differs": ("I7", PROJECTION),
    "resolution_differs": ("I7", PROJECTION),
    "quote_differs": ("I7", PROJECTION),
    "tombstone_differs": ("I7", PROJECTION),
    "refund_differs": ("I7", PROJECTION),
    "acceptance_unsound": ("I7", TAMPERED),
    "acceptance_differs": ("I7", PROJECTION),
    "dispute_differs": ("I7", PROJECTION),
    "refund_unsound": ("I7", TAMPERED),
    "dispute_unsound": ("I7", TAMPERED),
    # I8
    "lots_unequal": ("I8", PROJECTION),
    "lots_differ": ("I8", PROJECTION),
    "lot_overdrawn": ("I8", TAMPERED),
    # I9
    "award_differs": ("I9", TAMPERED),
    "points_differ": ("I9", TAMPERED),
    "rules_other": ("I9", TAMPERED),
    "rules_unreadable": ("I9", PROJECTION),
    # I10
    "balance_differs": ("I10", PROJECTION),
    "running_balance_differs": ("I10", PROJECTION),
    "not_numbered": ("I10", TAMPERED),
    "turnover_differs": ("I10", PROJECTION),
    "earning_differs": ("I10", PROJECTION),
    # I11
    "closed_out_of_order": ("I11", TAMPERED),
    "wrong_month": ("I11", TAMPERED),
    "open_month_differs": ("I11", PROJECTION),
    "totals_differ": ("I11", PROJECTION),
    # I12
    "personal_data": ("I12", TAMPERED),
    "free_text": ("I12", TAMPERED),
    # I13
    "one_person": ("I13", TAMPERED),
    "approver_missing": ("I13", TAMPERED),
    # I14
    "hours_overlap": ("I14", TAMPERED),
    "day_too_long": ("I14", TAMPERED),
    # I15
    "vouchers_unequal": ("I15", PROJECTION),
    # statements
    "statements_differ": ("statements", PROJECTION),
    # notices
    "notice_unsound": ("notices", TAMPERED),
    "notice_missing": ("notices", TAMPERED),
    "records_differ": ("notices", TAMPERED),
    # rules
    "rules_unsound": ("rules", TAMPERED),
    # issuers
    "issuer_unsound": ("issuers", TAMPERED),
    # fund
    "fund_differs": ("fund", PROJECTION),
    "over_budget": ("fund", TAMPERED),
    "claim_unsound": ("fund", TAMPERED),
    # text
    "text_differs": ("text", TAMPERED),
    "text_unbound": ("text", TAMPERED),
    # replay
    "used_differs": ("replay", TAMPERED),
    "history_differs": ("replay", TAMPERED),
    "history_lost": ("replay", PROJECTION),
    # guards
    "guard_missing": ("guards", TAMPERED),
    "guard_differs": ("guards", TAMPERED),
    "guard_asleep": ("guards", TAMPERED),
    "strange_trigger": ("guards", TAMPERED),
}
"""Every code an audit can give -> the check it belongs to and how grave it is."""
ALWAYS = frozenset({"unreadable"})
"""Codes that are told whatever checks are wanted: what was not read was not checked either."""


@dataclass(frozen=True, slots=True)
class Finding(InputFinding):
    """One thing that does not hold. `entry` is the number of the entry it shows in, `status` the exit status it calls for."""

    check: str = ""
    entry: int | None = None
    status: int = TAMPERED


class Findings:
    """Collects the findings of the checks that are wanted, at most `KEPT_OF_A_CODE` of each code."""

    def __init__(self, checks: Collection[str]) -> None:
        self._checks = frozenset(checks)
        self._kept: list[Finding] = []
        self._counts: dict[str, int] = {}

    def add(self, code: str, message: Say, *, entry: int | None = None, where: str = "") -> None:
        """Note one finding; `where` is 'entry 12' unless told."""
        check, status = CODES[code]
        if check not in self._checks and code not in ALWAYS:
            return
        count = self._counts[code] = self._counts.get(code, 0) + 1
        if count <= KEPT_OF_A_CODE:
            place = where or (f"entry {entry}" if entry is not None else "book")
            self._kept.append(Finding(place, code, message, check=check, entry=entry, status=status))

    def wants(self, check: str) -> bool:
        """Whether a check is among those wanted."""
        return check in self._checks

    def all(self) -> tuple[Finding, ...]:
        """All findings: by check as `CODES` has them, in each as found; what was left out is told in one more of its code."""
        found = list(self._kept)
        for code, count in self._counts.items():
            if count > KEPT_OF_A_CODE:
                check, status = CODES[code]
                more = say("{count} more of the same kind.", count=count - KEPT_OF_A_CODE)
                found.append(Finding("book", code, more, check=check, status=status))
        order = {code: number for number, code in enumerate(CODES)}
        return tuple(sorted(found, key=lambda finding: order[finding.code]))


def verdict(findings: Iterable[InputFinding]) -> int:
    """The exit status of an audit: 0 if nothing was found, else the gravest: 22, then 21, then 20, then 23."""
    statuses = {finding.status for finding in findings if isinstance(finding, Finding)}
    return next((status for status in WORST_FIRST if status in statuses), 0)
