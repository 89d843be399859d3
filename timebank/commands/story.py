"""What `timebank demo` lives through: command lines, each with its day. Values only; demo.py carries them out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from timebank.base.i18n import Say, say
from timebank.base.months import last_day
from timebank.sample import (
    DEALS,
    DESK,
    DESK_CORRECTED,
    HALF,
    LAPSE_DAYS,
    MONTHS,
    NEWCOMERS_MONTH,
    SAVER,
    Sample,
    Wish,
    last_wish,
    wishes,
)

OFFICE = ("520201-jianshe", "建设中路社区", "福美和")
"""Code, name and unit of credits of the sample community."""
SHEETS, CLAIMS, STATEMENTS = "sheets", "claims", "statements"
"""The demo's folders: what comes in, what goes to the merchants, what goes to the members."""
SECOND = "W0002"
_IMPORT_DAY, _ROUTINE_DAY, _PAY_DAY = 2, 5, 18
_REFUSED, _INVALID = 3, 8


@dataclass(frozen=True, slots=True)
class Step:
    """One command line. `words` are what is typed behind 'timebank'; '{V1}' in them stands for what an earlier step `learns`:
    V1 the code of a voucher, E1 the number of an entry. `status` is the exit status it must end with. A `quiet` one is told
    only in the figures of its chapter: the month of its day, if no other name is given."""

    day: date
    words: tuple[str, ...]
    remark: Say | None = None
    status: int = 0
    learns: str = ""
    quiet: bool = False
    chapter: str = ""


def sample_year(sample: Sample, folder: str) -> list[Step]:
    """The sample community's year in the order of its days; `folder` is the demo's, as it is typed."""
    year, office = sample.year, Office(sample, folder)
    steps = [*office.opening(), *office.fund(), *office.desk(), *office.first_vouchers(), *office.first_sheet()]
    for month in range(1, MONTHS):
        steps.extend(office.sheet(month))
    steps.extend(office.newcomers())
    steps.extend(office.second_rules())
    for month in range(1, MONTHS):
        steps.extend(office.vouchers(month))
    for month in range(MONTHS - 1):
        if year.day(month + 1, _ROUTINE_DAY) <= year.last_day:
            steps.extend(office.month_end(month))
        if year.day(month + 1, _PAY_DAY) <= year.last_day:
            steps.extend(office.paid(month))
    steps.extend(office.lapse())
    steps.sort(key=lambda step: step.day)
    return [*steps, *office.last_day()]


@dataclass(slots=True)
class Office:
    """The clerks of the sample community at work. Each method gives the steps of one matter; they are put in order later."""

    sample: Sample
    folder: str
    issued: int = 0

    def _in(self, *parts: str) -> str:
        return "/".join((self.folder, *parts))

    def opening(self) -> Iterator[Step]:
        """The first day: the book, the people, the shops, the rules, the offers."""
        year = self.sample.year
        first = year.first_day
        code, name, unit = OFFICE
        founding = ("init", "--community", code, "--name", name, "--credits", unit, "--open-from", year.months[0])
        yield Step(first, founding, say("The office founds its time bank; W0001 and W0002 are its two clerks."))
        yield Step(
            first, ("member", "import", self._in(SHEETS, "members.csv")), say("Sheets come in as the office keeps them.")
        )
        yield Step(first, ("merchant", "import", self._in(SHEETS, "merchants.csv")))
        told: Say | None = say("A team has a captain; that two are kin is said by two people, since gifts hang on it.")
        yield Step(first, ("team", "add", "楼道清洁队", "--captain", "M0003"), told)
        yield Step(first, ("kin", "add", "M0012", "M0014", "--kind", "spouse", "--approver", SECOND))
        rules = self._in(SHEETS, "rules-1.toml")
        yield Step(first, ("rules", "check", rules), say("The committee's rule book is checked, then published by two people."))
        yield Step(first, ("rules", "publish", rules, "--resolution", f"{first.year}-1", "--approver", SECOND))
        valid = f"{first}..{year.last_day + timedelta(days=365)}"
        told = say("Shops say what points take off a bill: points for yuan, or a discount.")
        for place, deal in enumerate(DEALS):
            words = ("offer", "add", "--merchant", deal.merchant, *deal.words, "--valid", valid)
            yield Step(first, words, told, quiet=place > 1)
            told = None
        more = len(DEALS) - 2
        yield Step(first, ("offer", "list"), say("{count} more offers have been added in the same way.", count=more))

    def fund(self) -> Iterator[Step]:
        """The first day's money: of the street office, of a sponsor for its own purpose, rice; and what vouchers may cost."""
        day = self.sample.year.first_day
        money = ("fund", "deposit", "--source", "government", "--yuan", "1500.00", "--reference", f"{day}-0012")
        yield Step(
            day, money, say("Money of four sources comes into the fund; goods are counted apart, at what they are worth.")
        )
        yield Step(day, ("fund", "sponsor", "add", "黔灵超市连锁", "--source", "enterprise"))
        yield Step(day, ("fund", "deposit", "--sponsor", "1", "--yuan", "300.00", "--reference", f"{day}-0019"), quiet=True)
        rice = ("--reference", "收据18", "--basis", "大米16袋, 按超市零售价每袋50元")
        yield Step(day, ("fund", "deposit", "--source", "resident", "--yuan", "800.00", *rice))
        told = say("Two people say what the vouchers of a month may cost. From now on none goes beyond the fund's money.")
        yield Step(day, ("fund", "budget", "--yuan", "300.00", "--approver", SECOND), told)

    def desk(self) -> Iterator[Step]:
        """Services told at the desk in the first month, one by one."""
        told: Say | None = say("A service told at the desk is recorded at once; the rule book turns it into points.")
        for desk in DESK:
            day = self.sample.year.day(0, desk.number)
            words = ("hours", "record", desk.member, "--date", str(day), "--minutes", desk.time)
            yield Step(day, (*words, "--category", desk.category, "--activity", desk.activity), told, quiet=desk.quiet)
            told = None
        day = self.sample.year.day(0, DESK[-1].number)
        yield Step(day, ("hours", "list", "--member", DESK[0].member), learns="E1")
        yield Step(day, ("rules", "explain", "{E1}"), say("Every point can be explained, from its entry alone."))
        yield Step(day, ("points", "balance", DESK[0].member))

    def first_vouchers(self) -> Iterator[Step]:
        """The first month's vouchers: one redeemed and refused twice, a discount, one voided, one left to lapse."""
        day = self.sample.year.day(0, 15)
        yield self._issue("M0012", 1, 60, day, say("Points are held for a voucher; its code is shown once."))
        at_shop = ("voucher", "verify", "{V1}", "--merchant", DEALS[0].merchant)
        yield Step(day, at_shop, say("The shop asks whether it is good, takes it once, and any other try is refused."))
        wrong = ("voucher", "capture", "{V1}", "--merchant", DEALS[1].merchant, "--bill", "86.00")
        yield Step(day, wrong, say("At another shop:"), status=_REFUSED)
        yield Step(day, ("voucher", "capture", "{V1}", "--merchant", DEALS[0].merchant, "--bill", "86.00"))
        again = ("voucher", "capture", "{V1}", "--merchant", DEALS[0].merchant, "--bill", "12.00")
        yield Step(day, again, say("The same voucher once more:"), status=_REFUSED)
        day = self.sample.year.day(0, 17)
        yield self._issue("M0031", 2, None, day, say("A discount has a fixed price in points."))
        yield Step(day, ("voucher", "capture", "{V2}", "--merchant", DEALS[1].merchant, "--bill", "128.50"))
        yield self._issue(SAVER, 3, 40, day, say("A voucher that is not wanted any more is voided; its points go back."))
        yield Step(day + timedelta(days=1), ("voucher", "void", "V3", "--reason", "居民改变主意"))
        day = self.sample.year.day(0, 19)
        days = ("--days", str(LAPSE_DAYS))
        yield self._issue("M0012", 4, 20, day, say("A voucher that nobody uses lapses; its points go back too."), days)
        yield Step(day + timedelta(days=LAPSE_DAYS + 1), ("voucher", "expire", "--due"))

    def _issue(
        self, member: str, offer: int, points: int | None, day: date, remark: Say | None = None, more: tuple[str, ...] = ()
    ) -> Step:
        self.issued += 1
        words = ("voucher", "issue", member, "--offer", str(offer), *(("--points", str(points)) if points else ()), *more)
        return Step(day, words, remark, learns=f"V{self.issued}")

    def first_sheet(self) -> Iterator[Step]:
        """The first month's sheet: with mistakes, in part, corrected, once more; long days; a correction."""
        day, month = self.sample.year.day(1, _IMPORT_DAY), self.sample.year.months[0]
        sheet = self._in(SHEETS, f"attendance-{month}.csv")
        kept = ("--save-rejects", self._in(SHEETS, f"rejected-{month}.csv"))
        right = ("hours", "import", self._in(SHEETS, f"attendance-{month}-corrected.csv"))
        told = say("The month's sheet has mistakes: all of them are named, and nothing is imported.")
        yield Step(day, ("hours", "import", sheet), told, status=_INVALID)
        yield Step(day, ("hours", "import", sheet, "--partial", *kept), say("The good rows now, the others into a file."))
        yield Step(day, right, say("The whole sheet again, corrected: what is known already does not count twice."))
        yield Step(day, right, say("And the very same sheet once more:"))
        yield Step(day, ("inbox", "--as", SECOND), say("More than eight hours a day wait for a second person."))
        yield Step(day, ("approve", "1", "--as", SECOND))
        yield Step(day, ("reject", "2", "--why", "签到表上没有", "--as", SECOND))
        yield Step(day, ("approve", "3", "--as", SECOND))
        day += timedelta(days=1)
        told = say("A correction takes the old entry back and makes a new one; nothing is edited.")
        words = ("hours", "correct", str(DESK_CORRECTED), "--minutes", "120", "--reason", "实为两小时", "--approver", SECOND)
        yield Step(day, words, told)
        yield Step(day, ("hours", "list", "--member", SAVER))

    def sheet(self, month: int) -> Iterator[Step]:
        """A later month's sheet, typed on the second of the next month; a second person has confirmed all of it."""
        year = self.sample.year
        day = min(year.day(month + 1, _IMPORT_DAY), year.last_day)
        running = month == MONTHS - 1
        told = say("The running month's sheet so far.") if running else None
        file = self._in(SHEETS, f"attendance-{year.months[month]}.csv")
        yield Step(day, ("hours", "import", file, "--approver", SECOND), told, quiet=not running)

    def newcomers(self) -> Iterator[Step]:
        """People who join in the course of the year."""
        day = self.sample.year.day(NEWCOMERS_MONTH, 10)
        yield Step(day, ("member", "import", self._in(SHEETS, "newcomers.csv")), say("Twelve newcomers."))

    def second_rules(self) -> Iterator[Step]:
        """The second rule book, published before it speaks."""
        day = self.sample.year.day(HALF - 1, 20)
        words = ("rules", "publish", self._in(SHEETS, "rules-2.toml"), "--resolution", f"{day.year}-2", "--approver", SECOND)
        yield Step(day, words, say("New rules from next month on; what was earned under the old ones stays as it was."))

    def vouchers(self, month: int) -> Iterator[Step]:
        """A later month's vouchers. What lapses is released on the last day of every other month, else by the close."""
        for wish in wishes(self.sample, month):
            yield from self._voucher(wish)
        year = self.sample.year
        day = last_day(year.months[month])
        if month % 2 == 0 and day <= year.last_day:
            yield Step(day, ("voucher", "expire", "--due"), quiet=True)

    def _voucher(self, wish: Wish) -> Iterator[Step]:
        days = ("--days", str(LAPSE_DAYS)) if wish.fate == "lapses" else ()
        issue = self._issue(wish.member, wish.offer, wish.points, wish.issued_on, None, days)
        yield Step(issue.day, issue.words, learns=issue.learns, quiet=True)
        code = f"{{{issue.learns}}}"
        if wish.fate == "captured":
            words = ("voucher", "capture", code, "--merchant", wish.merchant, "--bill", wish.bill)
            yield Step(wish.ends_on, words, quiet=True)
        elif wish.fate == "voided":
            yield Step(wish.ends_on, ("voucher", "void", issue.learns, "--reason", "居民改变主意"), quiet=True)

    def month_end(self, month: int) -> Iterator[Step]:
        """Settlement and close on the fifth of the next month; the first month's is shown."""
        year, first = self.sample.year, month == 0
        day, period = year.day(month + 1, _ROUTINE_DAY), year.months[month]

        def step(*words: str, remark: Say | None = None) -> Step:
            return Step(day, words, remark if first else None, quiet=not first)

        yield step("settlement", "draft", period, remark=say("The month's claims of the shops, approved by a second person."))
        yield step("settlement", "approve", period, "--approver", SECOND)
        if first:
            yield step("settlement", "list", period)
        yield step("settlement", "export", period, "--to", self._in(CLAIMS))
        told = say("The month is closed: one statement a member, and a root over all of them.")
        yield step("statement", "close", period, "--approver", SECOND, remark=told)
        yield step("statement", "export", period, "--to", self._in(STATEMENTS, period))

    def paid(self, month: int) -> Iterator[Step]:
        """What became of a month's claims, on the 18th of the next: paid, but for one of the first month that came back."""
        year, first, back = self.sample.year, month == 0, DEALS[1].merchant
        day, period = year.day(month + 1, _PAY_DAY), year.months[month]
        told: Say | None = say("The shops are paid. One payment comes back: its vouchers go into the next month's claims.")
        for place, shop in enumerate(sorted(self._claimants(month))):
            reference = ("--reference", f"{day}-{place + 1:04d}")
            paid = ("settlement", "paid", period, "--merchant", shop, *reference)
            returned = ("settlement", "returned", period, "--merchant", shop, "--why", "账号有误")
            yield Step(day, returned if first and shop == back else paid, told if first else None, quiet=not first)
            told = None
        if month == 1:
            shown = say("With that the first month is settled to the last fen:")
            yield Step(day, ("settlement", "reconcile", year.months[0]), shown)
            yield Step(day, ("fund", "show"), say("What the fund was given, has promised, owes, has paid and has left:"))

    def _claimants(self, month: int) -> set[str]:
        """The shops that redeemed a voucher in a month, and the one whose first claim came back."""
        if month == 0:
            return {DEALS[0].merchant, DEALS[1].merchant}
        period = self.sample.year.months[month]
        made = (wish for number in range(1, month + 1) for wish in wishes(self.sample, number))
        found = {wish.merchant for wish in made if wish.fate == "captured" and f"{wish.ends_on:%Y-%m}" == period}
        return found | ({DEALS[1].merchant} if month == 1 else set())

    def lapse(self) -> Iterator[Step]:
        """Points of the first rule book lapse after six months: a balance before and after."""
        year = self.sample.year
        before = say("Points of the first rules lapse after six months: a member who saved hers, before the month ends")
        yield Step(last_day(year.months[HALF]), ("points", "balance", SAVER), before)
        after = year.day(HALF + 1, _ROUTINE_DAY)
        yield Step(after, ("points", "balance", SAVER), say("… and after the month was closed."))

    def last_day(self) -> Iterator[Step]:
        """Yesterday: a voucher left open to be tried, the running month as a draft, and the audit."""
        year, wish = self.sample.year, last_wish(self.sample)
        day, running = year.last_day, year.months[-1]
        yield self._issue(wish.member, wish.offer, wish.points, day, say("A voucher for you to try."))
        yield Step(day, ("rules", "list"))
        yield Step(day, ("voucher", "list"), say("Vouchers that are open:"))
        told = say("The running month's statements are marked as drafts.")
        yield Step(day, ("statement", "export", running, "--to", self._in(STATEMENTS, running)), told)
        yield Step(day, ("audit",), say("Everything is worked out again from the entries and compared."))


LEEDS_DAY = date(2024, 1, 5)
LEEDS_MONTHS = tuple(f"{2022 + (9 + i) // 12}-{(9 + i) % 12 + 1:02d}" for i in range(15))
LEEDS_MEMBER = "V37aa7b861f"


def leeds_year(folder: str) -> list[Step]:
    """The real year of LEEDS 2023: everything is loaded on one day, as an office does that brings its history along."""

    def step(*words: str, remark: Say | None = None, learns: str = "", quietly_in: str = "") -> Step:
        return Step(LEEDS_DAY, words, remark, learns=learns, quiet=bool(quietly_in), chapter=quietly_in)

    sheets, first = f"{folder}/{SHEETS}", LEEDS_MONTHS[0]
    names = ("--community", "leeds-2023", "--name", "LEEDS 2023", "--timezone", "Europe/London")
    why = ("--retroactive", "history is loaded")
    totals = ("hours", "import", f"{sheets}/attendance.csv", "--rows", "6098", "--minutes", "1066011", "--approver", SECOND)
    steps = [
        step("init", *names, "--open-from", first, remark=say("A book that opens in the past, to load history.")),
        step("member", "import", f"{sheets}/members.csv"),
        step("rules", "publish", f"{sheets}/rules.toml", "--resolution", "example", *why, "--approver", SECOND),
        step(*totals, remark=say("A year of attendances, with the control totals that the publisher gives.")),
        step(*totals, remark=say("The same file once more: nothing counts twice.")),
        step("hours", "list", "--member", LEEDS_MEMBER, learns="E1"),
        step("rules", "explain", "{E1}"),
    ]
    told: Say | None = say("Fifteen months are closed in their order, each with its statements.")
    for period in LEEDS_MONTHS:
        later = period if period != first else ""
        steps.append(step("statement", "close", period, "--approver", SECOND, remark=told, quietly_in=later))
        steps.append(step("statement", "export", period, "--to", f"{folder}/{STATEMENTS}/{period}", quietly_in=later))
        told = None
    steps.append(step("points", "balance", LEEDS_MEMBER))
    return [*steps, step("audit", remark=say("Everything is worked out again from the entries and compared."))]
