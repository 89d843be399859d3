"""The random commands: people and shops, rule books, offers, kin, teams, notices."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from sqlmodel import Session

from model import Model
from model_values import Offer, Rules, Who
from play_choices import (
    ACTORS,
    BONUSES,
    CAPS,
    CONDITIONS,
    CREDITS,
    EDGES,
    ENDS,
    GIFTS,
    HANGS,
    LAPSES,
    MEMBERS,
    OTHER_POOL,
    REDEEMS,
    SECOND,
    SHOPS,
    TERMS,
    TIERS,
    TIMES,
    verb,
)
from play_stage import Stage, latest_of
from timebank import (
    notices,
    offers,
    rulebooks,
    rulefile,
    services,
    workdays,
)
from timebank.base.act import Act
from timebank.benefits import Discount, Offset
from timebank.people import clerks, kin, members, merchants, teams
from timebank.people.persons import Card


class People(Stage):
    """Who and what there is, and what hangs out."""

    @verb(count=(1, 1, 2), ago=(400, 30, 0, -1), born=(None, date(1958, 2, 28), date(2012, 3, 1)))
    def join(self, count: int, ago: int, born: date | None) -> None:
        joined, who, there = self.book.today - timedelta(ago), Who(), len(self.model.members)
        cards = [Card("张三", id_number=f"520201{born:%Y%m%d}{there + i:03d}X" if born else None) for i in range(count)]
        newcomers = [members.Newcomer("", card, joined) for card in cards]

        def work(session: Session, act: Act) -> None:
            members.join(session, act, newcomers)[1].all_or_nothing()

        def why(model: Model) -> set[str]:
            found = model.join(who, count, joined, born)
            return {"rejected_rows"} if found == {"future_date"} else found

        self.command("join", {"count": count, "ago": ago, "born": born}, who, why, work)

    @verb()
    def shop(self) -> None:
        number = self.model.shops + 1
        self.command(
            "shop", {}, Who(), lambda m: m.shop(Who()), lambda s, a: merchants.join(s, a, [merchants.Shop("", f"店{number}")])
        )

    @verb(member=range(4))
    def clerk(self, member: int) -> None:
        own = member if member <= len(self.model.members) else 0
        self.command(
            "clerk",
            {"member": own},
            Who(),
            lambda m: m.clerk(Who(), own),
            lambda s, a: clerks.add(s, a, ["经办人"], member_id=own or None),
        )

    @verb(
        starts=(0, 1, -1, -30, -300, 20),
        rate=("10", "10", "7.5", "60", "0"),
        elder=("12", "12", "80", "0.25"),
        minimum=(30, 0, 60),
        unit=(30, 1, 60, 7),
        how=("down", "half-up", "up"),
        last_round=("down", "half-up", "up"),
        day_max=(480, 240, 1_440),
        carry=(True, False),
        times=TIMES,
        caps=CAPS,
        lapse=LAPSES,
        gift=GIFTS,
        credit=CREDITS,
        bonuses=BONUSES,
        tier=TIERS,
        redeem=REDEEMS,
        notice=HANGS,
        penalty=(True, False, True),
        ends=ENDS,
        version=("new", "new", "new", "twin", "other", "known", "again"),
        reason=("", "late"),
        approver=SECOND,
    )
    def publish(self, starts: int, ends: int | None, version: str, reason: str, approver: int | None, **clauses: Any) -> None:
        who, known = self.who(1, approver), self.model.books
        times = tuple((group, CONDITIONS[condition], factor) for group, condition, factor in clauses.pop("times"))
        bonuses = tuple((per, points, CONDITIONS[condition]) for per, points, condition in clauses.pop("bonuses"))
        name = known[-1].version if version in ("known", "again") and known else f"v{len(known) + 1}"
        first = self.book.today + timedelta(starts)
        last = None if ends is None else first + timedelta(ends)
        book = Rules(name, first, times=times, bonuses=bonuses, ends=last, **clauses)
        book = self.hung.get(name, book) if version != "other" else book
        if version == "again" and known:
            book = known[-1]
        if version == "twin" and known:
            caps = tuple((per, measure, limit, OTHER_POOL.get(to, to), of) for per, measure, limit, to, of in known[-1].caps)
            book = replace(known[-1], version=name, caps=caps)
        self.command(
            "publish",
            {"toml": book.toml(), "reason": reason},
            who,
            lambda m: m.publish(who, book, reason),
            lambda s, a: rulebooks.publish(s, a, book.toml().encode(), "2026-7", reason),
        )

    @verb(shop=SHOPS, terms=TERMS, first=(0, -30, 5), last=(300, 300, 300, 60, 10, 0, -1), actor=ACTORS)
    def offer(self, shop: int, terms: Offer, first: int, last: int, actor: int) -> None:
        who, days = self.who(actor), (self.book.today + timedelta(first), self.book.today + timedelta(last))
        wish = replace(terms, shop=shop, first=days[0], last=days[1])
        asked = Offset(terms.rate, terms.share) if terms.rate else Discount(terms.share, terms.most, terms.price, terms.least)
        self.command(
            "offer",
            {"wish": wish},
            who,
            lambda m: m.offer(who, wish),
            lambda s, a: offers.add(s, a, offers.NewOffer(f"S{shop:03d}", asked, *days)),
        )

    @verb(one=(2, 3, 4, 1), other=(3, 4, 1, 2), ago=(0, 0, 30, -1), actor=ACTORS, approver=SECOND)
    def link(self, one: int, other: int, ago: int, actor: int, approver: int | None) -> None:
        who, since = self.who(actor, approver), self.book.today - timedelta(ago)
        asked, wish = {"one": one, "other": other, "since": since}, kin.Wish(one, other, "sibling", since)
        self.command("link", asked, who, lambda m: m.link(who, one, other, since), lambda s, a: kin.add(s, a, wish))

    @verb(latest=(0, 0, 1, 2, 9), actor=ACTORS, approver=SECOND)
    def part(self, latest: int, actor: int, approver: int | None) -> None:
        who, number = self.who(actor, approver), latest_of([link.until is None for link in self.model.kin], latest)
        self.command("part", {"number": number}, who, lambda m: m.part(who, number), lambda s, a: kin.end(s, a, number))

    @verb(parent=(0, 0, 1, 2, 3, 4, 9), ago=(0, 30, 200, -1))
    def found(self, parent: int, ago: int) -> None:
        who, day = Who(), self.book.today - timedelta(ago)

        def work(session: Session, act: Act) -> None:
            above = teams.find(session, 1, f"T{parent:03d}") if parent else None
            teams.add(session, act, teams.NewTeam("楼道清洁队", parent=above, founded_on=day))

        self.command("found", {"parent": parent, "day": day}, who, lambda m: m.found(who, parent, day), work)

    @verb(team=(1, 2, 3, 4, 5, 9), parent=(0, 1, 1, 2, 3, 4, 9))
    def put_under(self, team: int, parent: int) -> None:
        """A team under another one, of those there are; or one that nobody founded."""
        who, there = Who(), len(self.model.teams)
        team = team if team == 9 else 1 + (team - 1) % there
        parent = parent if parent == 9 else parent % (there + 1)

        def work(session: Session, act: Act) -> None:
            above = teams.find(session, 1, f"T{parent:03d}") if parent else None
            teams.move(session, act, teams.find(session, 1, f"T{team:03d}"), above)

        self.command("put_under", {"team": team, "parent": parent}, who, lambda m: m.put_under(who, team, parent), work)

    @verb(team=(1, 2, 9), name=("乐邻队", "保洁队", ""))
    def rename(self, team: int, name: str) -> None:
        self.command(
            "rename",
            {"team": team, "name": name},
            Who(),
            lambda m: m.rename(team, name),
            lambda s, a: teams.rename(s, a, teams.find(s, 1, f"T{team:03d}"), name),
        )

    @verb(member=(1, 2, 3, 4, 5, 6), born=(date(1958, 2, 28), date(1990, 6, 1), date(2012, 3, 1), date(2099, 1, 1)))
    def note_born(self, member: int, born: date) -> None:
        """A sheet of known people that brings a birth date."""
        known = 1 + (member - 1) % len(self.model.members)
        row = members.Newcomer(f"m{known}", Card("张三", birth_date=born), row=2)
        self.command(
            "note_born",
            {"member": known, "born": born},
            Who(),
            lambda m: m.note_born(known, born),
            lambda s, a: members.join(s, a, [row])[1].all_or_nothing(),
        )

    @verb(team=(1, 1, 2, 9), member=MEMBERS, ago=(0, 0, 1, 30, -1), role=("member", "captain"), edge=EDGES[-6:])
    def enter(self, team: int, member: int, ago: int, role: teams.Role, edge: int | None) -> None:
        """A member comes into a team; at an edge, on the day on which somebody left it, or the day after."""
        who, day = Who(), self.book.today - timedelta(ago)
        left = [place for place in self.model.places if place.until]
        if left and edge is not None:
            team, member, day = left[-1].team, left[-1].member, (left[-1].until or day) + timedelta(edge)
        self.command(
            "enter",
            {"team": team, "member": member, "since": day, "role": role},
            who,
            lambda m: m.enter(who, team, member, day),
            lambda s, a: teams.join(s, a, teams.find(s, 1, f"T{team:03d}"), members.find(s, 1, f"M{member:04d}"), role, day),
        )

    @verb(team=(1, 1, 2, 9), member=MEMBERS, ago=(0, 0, 1, 30, -1))
    def leave(self, team: int, member: int, ago: int) -> None:
        who, day = Who(), self.book.today - timedelta(ago)
        self.command(
            "leave",
            {"team": team, "member": member, "until": day},
            who,
            lambda m: m.leave(who, team, member, day),
            lambda s, a: teams.leave(s, a, teams.find(s, 1, f"T{team:03d}"), members.find(s, 1, f"M{member:04d}"), day),
        )

    @verb(ahead=(1, 1, 0), kind=(0, 1, 2), approver=SECOND)
    def calendar(self, ahead: int, kind: int, approver: int | None) -> None:
        """A year's working days: none but the week's, or with some days off in spring and in the December before."""
        who, year = self.who(1, approver), self.book.today.year + ahead
        off = [date(year, 1, 1), date(year, 5, 1), date(year, 5, 4), date(year, 10, 1), date(year - 1, 12, 31)][: kind * 3]
        made_up = [day for day in (date(year, 5, 9), date(year, 10, 10), date(year - 1, 12, 26)) if kind and day.weekday() > 4]
        self.command(
            "calendar",
            {"year": year, "kind": kind},
            who,
            lambda m: m.calendar(who, year, frozenset(off), frozenset(made_up)),
            lambda s, a: workdays.add(s, a, workdays.Year(year, tuple(sorted(off)), tuple(sorted(made_up)))),
        )

    @verb(
        about=("rules", "rules", "hours", "stretch", "stretch", "nothing"),
        days=(2, 2, 1, 1, 5, 60, 0),
        ahead=(0, 0, 3, -1),
        actor=ACTORS,
    )
    def hang(self, about: str, days: int, ahead: int, actor: int) -> None:
        """A notice about the next rule book, the last service or the last few."""
        who, begins, last = self.who(actor), self.book.today + timedelta(ahead), len(self.model.services)
        first = last if about == "hours" else max(1, last - 5)
        subjects = {"rules": f"rules:v{len(self.model.books) + 1}", "hours": f"hours:{last}"}
        subject = (subjects | {"stretch": f"hours:{first}..{last}"}).get(about, about)
        text = self._to_hang(begins).toml() if about == "rules" else ""

        def work(session: Session, act: Act) -> None:
            binds = rulefile.digest(text.encode()) if text else ""
            if subject.startswith("hours:"):
                binds = services.content_of(session, 1, first, last)
            notices.post(session, act, notices.NewNotice(subject, "to be known", "the board by the gate", days, begins, binds))

        self.command(
            "hang",
            {"about": subject, "days": days, "begins": begins},
            who,
            lambda m: m.hang(who, subject, begins, days, text),
            work,
        )

    @verb(about=(*["hours"] * 5, "rules"), days=(1, 2, 0, 0, 0, 0, 61), actor=ACTORS, approver=SECOND)
    def require(self, about: str, days: int, actor: int, approver: int | None) -> None:
        """Demand a notice before hours are posted, or none any more."""
        who = self.who(actor, approver)
        self.command(
            "require",
            {"about": about, "days": days},
            who,
            lambda m: m.require(who, about, days),
            lambda s, a: notices.demand(s, a, about, days),
        )

    def _to_hang(self, begins: date) -> Rules:
        """The text of the next rule book that hangs out: the same as long as a notice about it may pass."""
        name = f"v{len(self.model.books) + 1}"
        if not any(notice.about == f"rules:{name}" and notice.outcome != "stopped" for notice in self.model.notices):
            caps = CAPS[len(self.model.notices) % len(CAPS)]
            self.hung[name] = Rules(name, begins + timedelta(20), caps=caps, gift="anyone")
        return self.hung[name]

    def _notice(self, latest: int) -> int:
        """The number of one of the latest notices, those that hang first."""
        return latest_of([not notice.outcome for notice in self.model.notices], latest)

    @verb(latest=(0, 0, 0, 1, 2, 9), ago=(0, 0, 1, -1), actor=ACTORS)
    def object_(self, latest: int, ago: int, actor: int) -> None:
        who, number, day = self.who(actor), self._notice(latest), self.book.today - timedelta(ago)
        self.command(
            "object_",
            {"notice": number, "received": day},
            who,
            lambda m: m.object_(who, number, day),
            lambda s, a: notices.object_(s, a, number, "I was not there", "a neighbour", day),
        )

    @verb(latest=(0, 0, 0, 1, 2, 9), result=("dismissed", "dismissed", "upheld"), actor=ACTORS, approver=SECOND)
    def decide(self, latest: int, result: notices.Result, actor: int, approver: int | None) -> None:
        who, number = self.who(actor, approver), latest_of([not o.result for o in self.model.objected], latest)
        self.command(
            "decide",
            {"objection": number, "result": result},
            who,
            lambda m: m.decide(who, number, result),
            lambda s, a: notices.decide(s, a, number, result, "the sheet says so too"),
        )

    @verb(latest=(0, 0, 0, 1, 2, 9), edge=EDGES, actor=ACTORS)
    def take_down(self, latest: int, edge: int | None, actor: int) -> None:
        """Close a notice; at an edge, on its last day or the day after."""
        who, number = self.who(actor), self._notice(latest)
        if 0 < number <= len(self.model.notices):
            self._edge(self.model.notices[number - 1].until, edge)
        self.command(
            "take_down", {"notice": number}, who, lambda m: m.take_down(who, number), lambda s, a: notices.close(s, a, number)
        )
