"""Teams: a tree of brigades and squads, who is in them from which day to which, and what a team holds of points.

A team's number binds as a member's does. A membership is never changed: a row says that it began, another one, at most once,
that it ended. Nor is the place of a team: a row says under which it was founded, another one each time under which it moved.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint, and_
from sqlmodel import Field, Session, SQLModel, col, select, update

from timebank import cures, ledger
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.codes import id_key
from timebank.base.db import key_field
from timebank.base.errors import Conflict, Invalid, NotFound, Refused
from timebank.base.i18n import say
from timebank.base.rows import first, last_id
from timebank.journal import Draft, Unit
from timebank.people.members import Member
from timebank.people.numbers import Numbers, number_problem

LEVELS_MAX = 4
"""So many teams stand one above the other at most: brigade, company, squad, group."""
ACCOUNTS: tuple[tuple[Unit, str], ...] = (("points", "available"), ("points", "held"))
Role = Literal["member", "captain"]
ROLES: tuple[Role, ...] = get_args(Role)


class Team(SQLModel, table=True):
    """A team. `number` is printed as it was given; `number_key` is how it is looked up (codes.id_key). `parent_id` is the team
    under which it was founded: where it stands now, `Tree` tells."""

    __table_args__ = (
        UniqueConstraint("community_id", "number_key"),
        ForeignKeyConstraint(["community_id", "parent_id"], ["team.community_id", "team.id"]),
    )

    community_id: int = key_field()
    id: int = key_field()
    number: str
    number_key: str
    name: str
    parent_id: int | None = Field(default=None, sa_type=BigInteger)
    founded_on: date
    seq: int = Field(sa_type=BigInteger)

    @property
    def holder(self) -> str:
        """The team's name in the book: 'team:4'."""
        return f"team:{self.id}"


class TeamMove(SQLModel, table=True):
    """That a team moved under another one, from `since` on; `parent_id` None: it stands by itself."""

    __tablename__ = "team_move"
    __table_args__ = (
        ForeignKeyConstraint(["community_id", "team_id"], ["team.community_id", "team.id"], name="fk_team_move_team_id"),
        ForeignKeyConstraint(["community_id", "parent_id"], ["team.community_id", "team.id"], name="fk_team_move_parent_id"),
    )

    community_id: int = key_field()
    id: int = key_field()
    team_id: int = Field(sa_type=BigInteger)
    parent_id: int | None = Field(default=None, sa_type=BigInteger)
    since: date
    seq: int = Field(sa_type=BigInteger)


class Membership(SQLModel, table=True):
    """That a member is in a team, as `role`, from `since` on."""

    __table_args__ = (
        ForeignKeyConstraint(["community_id", "team_id"], ["team.community_id", "team.id"]),
        ForeignKeyConstraint(["community_id", "member_id"], ["member.community_id", "member.id"]),
        Index("ix_membership_community_id_team_id", "community_id", "team_id"),
        Index("ix_membership_community_id_member_id", "community_id", "member_id"),
    )

    community_id: int = key_field()
    id: int = key_field()
    team_id: int = Field(sa_type=BigInteger)
    member_id: int = Field(sa_type=BigInteger)
    role: str
    since: date
    seq: int = Field(sa_type=BigInteger)


class MembershipEnd(SQLModel, table=True):
    """That a membership ended: `until` is its last day."""

    __tablename__ = "membership_end"
    __table_args__ = (ForeignKeyConstraint(["community_id", "membership_id"], ["membership.community_id", "membership.id"]),)

    community_id: int = key_field()
    membership_id: int = key_field()
    until: date
    seq: int = Field(sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class Place:
    """A membership as it stands, from `since` to `until` (both days count; None is open). Teams and members by their ids."""

    id: int
    team: int
    member: int
    role: str
    since: date
    until: date | None

    def covers(self, day: date) -> bool:
        """Whether it holds on a day."""
        return self.since <= day and (self.until is None or day <= self.until)


@dataclass(frozen=True, slots=True)
class NewTeam:
    """A team to be founded; an empty `number` gets the next free one, no `founded_on` is today."""

    name: str
    number: str = ""
    parent: Team | None = None
    founded_on: date | None = None


def add(session: Session, act: Act, wish: NewTeam) -> Team:
    """Found a team and open its accounts for points.

    Raises Invalid `no_name`, `bad_number`, `personal_number`, `future_date`; Conflict `number_taken`; Refused `too_deep`.
    """
    communities.lock(session, act.community_id)
    cid, today = act.community_id, communities.today(session, act)
    founded_on = wish.founded_on or today
    known = [team.number_key for team in listed(session, cid)]
    _check(wish, founded_on, today)
    team_id = last_id(session, "team", cid) + 1
    numbers = Numbers("T{:03d}", known, team_id - 1)
    if wish.number in numbers:
        raise Conflict(say("{number} is another team.", number=wish.number), "number_taken", say("See timebank team list."))
    if wish.parent is not None and len(tree(session, cid, today).above(wish.parent)) >= LEVELS_MAX:
        raise _too_deep(wish.parent)
    number = numbers.take(wish.number)
    parent = wish.parent.id if wish.parent else None
    facts: dict[str, object] = {"number": number} | ({"parent": parent} if parent else {})
    ledger.open_accounts(session, cid, [(f"team:{team_id}", *account) for account in ACCOUNTS])
    receipt = ledger.post(session, act, Draft("team.add", founded_on, subject=f"team:{team_id}", facts=facts))
    team = Team(
        community_id=cid,
        id=team_id,
        number=number,
        number_key=id_key(number),
        name=wish.name,
        parent_id=parent,
        founded_on=founded_on,
        seq=receipt.seq,
    )
    session.add(team)
    session.flush()
    return team


def _check(wish: NewTeam, founded_on: date, today: date) -> None:
    if not wish.name:
        raise Invalid(say("The name is missing."), "no_name", say("Give the team's name."))
    if wrong := number_problem(wish.number):
        raise Invalid(wrong[1], wrong[0], cures.of(wrong[0]))
    _not_in_the_future(founded_on, today)


def _not_in_the_future(day: date, today: date) -> None:
    if day > today:
        raise Invalid(
            say("{day} lies in the future; today is {today}.", day=day, today=today),
            "future_date",
            say("Enter it when the day has come."),
        )


def _too_deep(parent: Team) -> Refused:
    return Refused(
        say("Under {number} there is no room: {count} levels are the most.", number=parent.number, count=LEVELS_MAX),
        "too_deep",
        say("Name a team further up."),
    )


def move(session: Session, act: Act, team: Team, parent: Team | None) -> None:
    """Put a team, and those below it, under another one from today on; None: it stands by itself.

    Raises Refused `there_already`, `below_itself`, `too_deep`.
    """
    communities.lock(session, act.community_id)
    cid, today = act.community_id, communities.today(session, act)
    now = tree(session, cid, today)
    above = parent.id if parent else None
    chain = now.above(parent) if parent else []
    if now.parent_id(team) == above:
        raise Refused(
            say("{number} stands there already.", number=team.number), "there_already", say("See timebank team list.")
        )
    if team.id in [one.id for one in chain]:
        raise Refused(
            say("{number} would stand below itself.", number=team.number), "below_itself", say("Move the other team first.")
        )
    if parent and len(chain) + max(1 + level for level, _ in now.below(team)) > LEVELS_MAX:
        raise _too_deep(parent)
    number = last_id(session, "team_move", cid) + 1
    facts: dict[str, object] = {"team": team.id}
    if parent:
        facts["parent"] = parent.id
    seq = ledger.post(session, act, Draft("team.move", today, subject=f"team_move:{number}", facts=facts)).seq
    session.add(TeamMove(community_id=cid, id=number, team_id=team.id, parent_id=above, since=today, seq=seq))
    session.flush()


def rename(session: Session, act: Act, team: Team, name: str) -> None:
    """Give a team another name; the number stays, and the book knows no names. Raises Invalid `no_name`."""
    if not name:
        raise Invalid(say("The name is missing."), "no_name", say("Give the team's name."))
    communities.lock(session, act.community_id)
    there = (col(Team.community_id) == act.community_id, col(Team.id) == team.id)
    session.execute(update(Team).where(*there).values(name=name))


def join(session: Session, act: Act, team: Team, member: Member, role: Role = "member", since: date | None = None) -> Place:
    """Take a member into a team from a day on, by default today.

    Raises Invalid `future_date`, `before_joining`, `before_founding`; Refused `in_team_already`.
    """
    communities.lock(session, act.community_id)
    today = communities.today(session, act)
    day = since or today
    _not_in_the_future(day, today)
    if day < member.joined_on:
        raise Invalid(
            say("{number} became a member on {day}.", number=member.number, day=member.joined_on),
            "before_joining",
            say("Give a later day."),
        )
    if day < team.founded_on:
        raise Invalid(
            say("{number} was founded on {day}.", number=team.number, day=team.founded_on),
            "before_founding",
            say("Give a later day."),
        )
    for place in places(session, act.community_id, team=team.id, member=member.id):
        if place.until is None or place.until >= day:
            raise Refused(
                say("{member} is in {team} then already.", member=member.number, team=team.number),
                "in_team_already",
                say("See timebank team show {team}.", team=team.number),
            )
    number = last_id(session, "membership", act.community_id) + 1
    facts: dict[str, object] = {"team": team.id, "member": member.id, "role": role}
    receipt = ledger.post(session, act, Draft("team.join", day, subject=f"membership:{number}", facts=facts))
    session.add(
        Membership(
            community_id=act.community_id,
            id=number,
            team_id=team.id,
            member_id=member.id,
            role=role,
            since=day,
            seq=receipt.seq,
        )
    )
    session.flush()
    return Place(number, team.id, member.id, role, day, None)


def leave(session: Session, act: Act, team: Team, member: Member, until: date | None = None) -> Place:
    """End a member's place in a team; `until` is the last day, by default today.

    Raises NotFound `not_in_team`; Invalid `future_date`, `before_joining`.
    """
    communities.lock(session, act.community_id)
    today = communities.today(session, act)
    day = until or today
    _not_in_the_future(day, today)
    own = [p for p in places(session, act.community_id, team=team.id, member=member.id) if p.until is None]
    if not own:
        raise NotFound(
            say("{member} is not in {team}.", member=member.number, team=team.number),
            "not_in_team",
            say("See timebank team show {team}.", team=team.number),
        )
    place = own[0]
    if day < place.since:
        raise Invalid(
            say("{member} is in {team} since {since}.", member=member.number, team=team.number, since=place.since),
            "before_joining",
            say("Give a later day."),
        )
    receipt = ledger.post(session, act, Draft("team.leave", day, subject=f"membership:{place.id}"))
    session.add(MembershipEnd(community_id=act.community_id, membership_id=place.id, until=day, seq=receipt.seq))
    session.flush()
    return Place(place.id, team.id, member.id, place.role, place.since, day)


def find(session: Session, community_id: int, number: str) -> Team:
    """The team of a printed number, in any case and with or without zeros. Raises NotFound `unknown_team`."""
    team = first(session, Team, community_id=community_id, number_key=id_key(number))
    if team is None:
        raise NotFound(say("There is no team {number}.", number=number), "unknown_team", say("See timebank team list."))
    return team


def listed(session: Session, community_id: int) -> list[Team]:
    """All teams, by id."""
    return list(session.exec(select(Team).where(col(Team.community_id) == community_id).order_by(col(Team.id))))


class Roll:
    """All teams and who is in them, for whoever asks about many: `roll` reads it."""

    def __init__(self, teams: Iterable[Team], all_places: Iterable[Place]) -> None:
        self._teams = {team.number_key: team for team in teams}
        self._places: dict[tuple[int, int], list[Place]] = {}
        for place in all_places:
            self._places.setdefault((place.team, place.member), []).append(place)

    def find(self, number: str) -> Team | None:
        """The team of a printed number, in any case and with or without zeros."""
        return self._teams.get(id_key(number))

    def holds(self, number: str, member: int, day: date) -> bool:
        """Whether a member is in the team of a number on a day."""
        team = self.find(number)
        return team is not None and any(place.covers(day) for place in self._places.get((team.id, member), ()))


def roll(session: Session, community_id: int) -> Roll:
    """All teams and who is in them."""
    return Roll(listed(session, community_id), places(session, community_id))


class Tree:
    """All teams, one below the other, as they stand on a day: `parents` gives the id of the team above, by id."""

    def __init__(self, teams: Iterable[Team], parents: Mapping[int, int | None]) -> None:
        self._teams = {team.id: team for team in teams}
        self._parents = parents

    def parent_id(self, team: Team) -> int | None:
        """The id of the team above a team; None for one that stands by itself."""
        return self._parents[team.id]

    def parent(self, team: Team) -> Team | None:
        """The team above a team."""
        above = self.parent_id(team)
        return None if above is None else self._teams[above]

    def above(self, team: Team) -> list[Team]:
        """A team and all above it, itself first."""
        parent = self.parent(team)
        return [team] if parent is None else [team, *self.above(parent)]

    def below(self, team: Team | None = None, level: int = 0) -> Iterator[tuple[int, Team]]:
        """A team, level 0, and all below it, each before those of its own, by number; None: all teams there are."""
        if team is not None:
            yield level, team
        own = [child for child in self._teams.values() if self.parent_id(child) == (team.id if team else None)]
        for child in sorted(own, key=lambda child: child.number):
            yield from self.below(child, level + (team is not None))


def tree(session: Session, community_id: int, day: date) -> Tree:
    """All teams, one below the other, as they stand on a day."""
    teams = listed(session, community_id)
    moves = session.exec(
        select(TeamMove)
        .where(col(TeamMove.community_id) == community_id, col(TeamMove.since) <= day)
        .order_by(col(TeamMove.id))
    )
    return Tree(teams, {team.id: team.parent_id for team in teams} | {move.team_id: move.parent_id for move in moves})


_ENDED = and_(
    col(MembershipEnd.community_id) == col(Membership.community_id), col(MembershipEnd.membership_id) == col(Membership.id)
)


def places(session: Session, community_id: int, *, team: int | None = None, member: int | None = None) -> list[Place]:
    """All memberships, of one team or one member (their ids) if asked, by number; those that ended too."""
    wanted = select(Membership, MembershipEnd).outerjoin(MembershipEnd, _ENDED)
    wanted = wanted.where(col(Membership.community_id) == community_id)
    if team is not None:
        wanted = wanted.where(col(Membership.team_id) == team)
    if member is not None:
        wanted = wanted.where(col(Membership.member_id) == member)
    return [
        Place(m.id, m.team_id, m.member_id, m.role, m.since, ended.until if ended else None)
        for m, ended in session.exec(wanted.order_by(col(Membership.id)))
    ]


def on(session: Session, community_id: int, member: int, day: date) -> list[Team]:
    """The teams a member is in on a day, by id."""
    own = {place.team for place in places(session, community_id, member=member) if place.covers(day)}
    return [team for team in listed(session, community_id) if team.id in own] if own else []
