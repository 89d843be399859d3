"""The fund's months under other rules: what came, what vouchers really cost, and what more (or less) points would. Pure.

The cost is the real one, and beside it what the draft's difference in points would cost if it were redeemed in the month in
which it was awarded. So a book in force changes nothing, and a month is dry where more was promised than had been given.
"""

from collections.abc import Sequence
from typing import NamedTuple

from timebank import funds
from timebank.backtest import Line, Price
from timebank.funds import Budget, Month


class FundMonth(NamedTuple):
    """One month of the fund, in fen: `given` in cash, `promised` to vouchers as it was, `new` under the draft, `free` and
    `new_free` at its end; `budget` for all vouchers, None where there was none."""

    period: str
    given: int
    promised: int
    new: int
    free: int
    new_free: int
    budget: int | None

    @property
    def dry(self) -> bool:
        """Whether more would be promised by its end than was given."""
        return self.new_free < 0

    @property
    def beyond(self) -> bool:
        """Whether its vouchers would cost more than its budget."""
        return self.budget is not None and self.new > self.budget


def fund_months(moved: Sequence[Month], by_month: Sequence[Line], price: Price, declared: Sequence[Budget]) -> list[FundMonth]:
    """The months from the first in which points were awarded, in their order; none where nothing was ever given.

    `moved` are the fund's real months, `by_month` points awarded and under the draft by month of service.
    """
    if not any(month.given for month in moved) or not by_month:
        return []
    real = {month.period: month for month in moved}
    changes = {line.name: price.of(line.change) for line in by_month}
    first = min(changes)
    free = sum(month.given - month.promised for month in moved if month.period < first)
    more, found = 0, []
    for period in sorted({*changes, *(name for name in real if name >= first)}):
        month, change = real.get(period, Month(period, 0, 0, 0, 0)), changes.get(period, 0)
        free += month.given - month.promised
        more += change
        found.append(
            FundMonth(
                period, month.given, month.promised, month.promised + change, free, free - more, _budget(declared, period)
            )
        )
    return found


def _budget(declared: Sequence[Budget], period: str) -> int | None:
    whole = (b for b in funds.in_force(declared, period) if b.merchant_id is None and b.programme is None)
    return next((budget.fen for budget in whole), None)
