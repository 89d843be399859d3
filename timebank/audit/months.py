"""Closed months against the journal: closing and opening totals by the refold, and the root over all statements."""

from collections.abc import Sequence

from timebank import statements
from timebank.audit.accounts import Account, Turned
from timebank.audit.findings import Findings
from timebank.audit.refold import CLOSE, Event
from timebank.audit.source import WRONG_KIND, Damaged, Source
from timebank.base.errors import TimebankError
from timebank.base.i18n import say

_FIGURES: dict[tuple[str, str], str] = {
    ("member", "minutes"): "minutes_{}",
    ("member", "points"): "points_{}",
    ("member", "credits"): "credits_{}",
    ("merchant", "fen"): "payable_{}_fen",
    ("pool", "points"): "pool_points_{}",
    ("team", "points"): "pool_points_{}",
}
"""Kind of holder and unit -> the figure of the totals that its balances add up to, opening or closing."""


class Months:
    """Collects the months' closings while the journal is read, and what moved in each month while accounts are compared."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._closed: list[Event] = []
        self._moved: dict[str, dict[str, int]] = {}

    def take(self, events: Sequence[Event]) -> None:
        """Keep the entries that close months."""
        self._closed.extend(event for event in events if event.kind == CLOSE)

    def add(self, account: Account, turned: Turned) -> None:
        """Add what moved on an account to the figure that it belongs to, month by month."""
        figure = _FIGURES.get((account.holder.partition(":")[0], account.unit))
        if figure is not None:
            for (period, _), (_, net) in turned.items():
                moved = self._moved.setdefault(period, {})
                moved[figure] = moved.get(figure, 0) + net

    def check_totals(self) -> None:
        """I11: each month opens with what the refold has of all months before it, and closes with that and its own."""
        sums = dict.fromkeys(_FIGURES.values(), 0)
        ahead = sorted(self._moved)
        for event in self._closed:
            totals = {name: amount for _, name, amount, *_ in event.payload.get("facts", {}).get("totals", [])}
            period = event.payload["period"]
            self._add_up(sums, [month for month in ahead if month < period])
            self._compare(event, totals, {figure.format("opening"): amount for figure, amount in sums.items()})
            self._add_up(sums, [month for month in ahead if month == period])
            self._compare(event, totals, {figure.format("closing"): amount for figure, amount in sums.items()})
            ahead = [month for month in ahead if month > period]

    def _add_up(self, sums: dict[str, int], months: Sequence[str]) -> None:
        for month in months:
            for figure, amount in self._moved.pop(month, {}).items():
                sums[figure] += amount

    def _compare(self, event: Event, totals: dict[str, int], right: dict[str, int]) -> None:
        for name, amount in right.items():
            if totals.get(name, 0) != amount:
                differs = say(
                    "{figure} was closed as {shown}; the entries make {truth}.",
                    figure=name,
                    shown=str(totals.get(name, 0)),
                    truth=amount,
                )
                self._findings.add("totals_differ", differs, entry=event.seq)

    def check_statements(self, source: Source) -> None:
        """Build every closed month's statements again: their root is the one that the month was closed with."""
        if not self._findings.wants("statements"):
            return
        for event in self._closed:
            period, closed = event.payload["period"], event.payload.get("facts", {}).get("statements")
            try:
                with source.damage():
                    root = statements.rebuild(source.session, source.community_id, period).hex()
            except (TimebankError, Damaged, *WRONG_KIND) as error:
                cause = error.message if isinstance(error, TimebankError) else f"{type(error).__name__}, {error}"
                broken = say("The statements of {period} cannot be built again: {cause}", period=period, cause=cause)
                self._findings.add("statements_differ", broken, entry=event.seq)
                continue
            if root != closed:
                differs = say("The statements of {period} are not those that it was closed with.", period=period)
                self._findings.add("statements_differ", differs, entry=event.seq)
