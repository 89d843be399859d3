"""What became of the rows of one import: the same shape for every noun."""

from dataclasses import dataclass, field
from typing import Any

from timebank.base.errors import Finding, Invalid
from timebank.base.i18n import Language, say, text

OTHER_TOTAL = "other_total"
"""The code of a row of totals that does not agree with the rows above it: it is no row that could be imported."""


@dataclass(slots=True)
class Imported:
    """Counts of rows by what became of them (`pending` wait for a second person, `confirmed` for a public notice); `minutes`,
    `points` (smallest unit) and `credits` are sums of what was posted; `credits` is None where a sheet has none.

    Rooms post the good rows and report the others; the door decides whether bad rows undo the whole (`all_or_nothing`).
    """

    rows: int = 0
    posted: int = 0
    pending: int = 0
    repeated: int = 0
    rejected: list[Finding] = field(default_factory=list)
    minutes: int = 0
    points: int = 0
    credits: int | None = None
    warnings: list[Finding] = field(default_factory=list)
    confirmed: int = 0

    def add(self, more: "Imported") -> None:
        """Count another batch of the same file."""
        for name in ("rows", "posted", "pending", "confirmed", "repeated", "minutes", "points"):
            setattr(self, name, getattr(self, name) + getattr(more, name))
        if more.credits is not None:
            self.credits = (self.credits or 0) + more.credits
        self.rejected.extend(more.rejected)
        self.warnings.extend(more.warnings)

    def all_or_nothing(self) -> None:
        """Raise Invalid naming every bad row, if there is any: `rejected_rows`, or `other_total` where all rows are good."""
        totals = [finding for finding in self.rejected if finding.code == OTHER_TOTAL]
        if bad := len(self.rejected) - len(totals):
            raise Invalid(
                say("{bad} of {rows} rows are wrong; nothing was imported.", bad=bad, rows=self.rows),
                "rejected_rows",
                say("Correct them, or import the good rows with --partial and keep the others with --save-rejects FILE."),
                self.rejected,
            )
        if totals:
            raise Invalid(
                say("{rows} rows can be imported, but a total written below them is another; nothing was.", rows=self.rows),
                OTHER_TOTAL,
                say("Look for missing and doubled rows, or correct the total; --partial imports the rows as they stand."),
                totals,
            )

    def receipt(self) -> dict[str, Any]:
        """What is kept of an import: counts, rows and codes, and none of the sentences, which may hold what was typed."""
        counts = {name: getattr(self, name) for name in ("rows", "posted", "pending", "repeated")}
        rejected = [{"row": finding.row or 0, "code": finding.code} for finding in self.rejected]
        more = {} if self.credits is None else {"credits": self.credits}
        more |= {"confirmed": self.confirmed} if self.confirmed else {}
        return {**counts, "rejected": rejected, "minutes": self.minutes, "points": self.points, **more}

    def told(self, receipt: dict[str, Any], lang: Language) -> dict[str, Any]:
        """The JSON of an import (docs/formats.md): the receipt with the sentences of this run, '' where it was a repeat."""
        told = {
            (f.row or 0, f.code): {"message": text(f.message, lang), "hint": text(f.hint, lang) if f.hint else ""}
            for f in self.rejected
        }
        nothing = {"message": "", "hint": ""}
        rejected = [{**row, **told.get((row["row"], row["code"]), nothing)} for row in receipt["rejected"]]
        return {**receipt, "rejected": rejected}
