"""The model: working days, notices and objections."""

from datetime import date, timedelta

from model_accounts import Accounts
from model_values import Notice, Objection, Who


class Notices(Accounts):
    """What hangs out, and what follows from it."""

    def calendar(self, who: Who, year: int, off: frozenset[date], made_up: frozenset[date]) -> set[str]:
        """Enter which days of a year are off, and which Saturdays and Sundays are worked."""
        why = who.two
        if self.calendars.get(year) != (off, made_up):
            why = why | self.clock(who)
            if not why:
                self.calendars[year] = (off, made_up)
                self.wrote("calendar.set")
        return why

    def worked(self, day: date) -> bool | None:
        """Whether a day is worked; None where its year is not known. A year's calendar may speak for the December before."""
        if day.year not in self.calendars:
            return None
        for year in (day.year + 1, day.year):
            off, made_up = self.calendars.get(year, (frozenset(), frozenset()))
            if day in off or day in made_up:
                return day in made_up
        return day.weekday() < 5

    def require(self, who: Who, about: str, days: int) -> set[str]:
        """Demand a notice of so many working days before hours are posted."""
        why = who.two | self.clock(who) | (set() if about == "hours" else {"bad_subject"})
        why |= {"demanded_already"} if days == self.demand else set() if 0 <= days <= 60 else {"bad_days"}
        if not why:
            self.demand = days
            self.wrote("notice.demand")
        return why

    def hang(self, who: Who, about: str, begins: date, days: int, binds: str) -> set[str]:
        """Post a notice."""
        why = self.clock(who) | ({"past_day"} if begins < self.today else set())
        least = self.demand if about.startswith("hours") else 0
        why |= set() if ":" in about else {"bad_subject"}
        why |= {"notice_too_short"} if days < least else set()
        same = [n for n in self.notices if n.about == about]
        speaks = any(not n.outcome or (n.outcome == "passed" and n.days >= least and n.binds == binds) for n in same)
        why |= {"noticed_already"} if speaks else set()
        if not 1 <= days <= 60:
            return why | {"bad_days"}
        day, left = begins, days
        while self.worked(day) is not None:
            left -= bool(self.worked(day))
            if not left:
                break
            day += timedelta(1)
        why |= {"unknown_year"} if left else set()
        if not why:
            self.notices.append(Notice(about, begins, day, days, binds))
            self.wrote("notice.post")
        return why

    def hanging(self, number: int) -> set[str]:
        """Why a notice is not open."""
        if not 1 <= number <= len(self.notices):
            return {"unknown_notice"}
        return {"notice_closed"} if self.notices[number - 1].outcome else set()

    def object_(self, who: Who, number: int, received: date) -> set[str]:
        why = self.hanging(number)
        if why:
            return why
        notice = self.notices[number - 1]
        why = self.clock(who) | ({"future_date"} if received > self.today else set())
        why |= set() if notice.begins <= received <= notice.until else {"outside_notice"}
        if not why:
            self.objected.append(Objection(number, received))
            self.wrote("notice.object")
        return why

    def decide(self, who: Who, number: int, result: str) -> set[str]:
        """Decide an objection."""
        if not 1 <= number <= len(self.objected):
            return who.two | {"unknown_objection"}
        objection = self.objected[number - 1]
        why = who.two | self.clock(who) | ({"decided_already"} if objection.result else set())
        if not why:
            objection.result = result
            self.wrote("notice.decide")
        return why

    def take_down(self, who: Who, number: int) -> set[str]:
        """Close a notice: passed, or stopped by an objection that was upheld."""
        why = self.hanging(number)
        if why:
            return why
        notice, made = self.notices[number - 1], [o for o in self.objected if o.notice == number]
        stopped = any(objection.result == "upheld" for objection in made)
        why = self.clock(who) | ({"objection_open"} if any(not objection.result for objection in made) else set())
        why |= {"notice_running"} if self.today <= notice.until and not stopped else set()
        if not why:
            notice.outcome = "stopped" if stopped else "passed"
            self.wrote("notice.close")
        return why

    def unsettled(self, version: str, text: str) -> set[str]:
        """Why a version cannot be published yet: its newest notice has not passed, or is too short for the rules."""
        posted = [notice for notice in self.notices if notice.about == f"rules:{version}"]
        book = self.spoken_for(self.today)
        demanded = book.notice if book else 0
        why = {"notice_demanded"} if demanded and (not posted or posted[-1].days < demanded) else set()
        if posted:
            why |= {"notice_not_passed"} if posted[-1].outcome != "passed" else set()
            why |= {"notice_of_other_text"} if posted[-1].binds != text and (posted[-1].binds or demanded) else set()
        return why

    def not_due(self, number: int) -> set[str]:
        """Why the notice about a confirmed service does not let it be posted; of several the one speaks that comes furthest."""
        about = [notice for notice in self.notices if notice.names(number)]
        if any(notice.outcome == "passed" and notice.days >= self.demand for notice in about):
            return set()
        if any(not notice.outcome for notice in about):
            return {"notice_running"}
        if any(notice.outcome == "passed" for notice in about):
            return {"notice_too_short"}
        return {"notice_stopped"} if about else {"not_noticed"}
