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

    def hang(self, who: Who, about: str, begins: date, days: int) -> set[str]:
        """Post a notice."""
        why = self.clock(who) | ({"past_day"} if begins < self.today else set())
        why |= {"bad_subject"} if ":" not in about else set()
        why |= {"noticed_already"} if any(n.about == about and n.outcome != "stopped" for n in self.notices) else set()
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
            self.notices.append(Notice(about, begins, day, days))
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

    def unsettled(self, version: str) -> set[str]:
        """Why a version cannot be published yet: its newest notice has not passed, or is too short for the rules."""
        posted = [notice for notice in self.notices if notice.about == f"rules:{version}"]
        book = self.spoken_for(self.today)
        why = {"notice_not_passed"} if posted and posted[-1].outcome != "passed" else set()
        return why | ({"notice_demanded"} if book and book.notice and (not posted or posted[-1].days < book.notice) else set())
