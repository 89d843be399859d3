"""The model: members, shops, clerks, rule books, offers, teams, kin."""

from datetime import date

from model_notices import Notices
from model_values import Kin, Offer, Place, Rules, Team, Who


class People(Notices):
    """Who and what there is."""

    def join(self, who: Who, count: int, joined: date, born: date | None) -> set[str]:
        why = {"future_date"} if joined > self.today else self.clock(who)
        if not why:
            self.members += [joined] * count
            self.born += [born] * count
            self.wrote("member.join", count)
        return why

    def shop(self, who: Who) -> set[str]:
        why = self.clock(who)
        if not why:
            self.shops += 1
            self.wrote("merchant.join")
        return why

    def clerk(self, who: Who, member: int) -> set[str]:
        why = self.clock(who)
        if not why:
            self.own.append(member)
            self.wrote("clerk.join")
        return why

    def publish(self, who: Who, book: Rules, reason: str) -> set[str]:
        why = who.two
        known = next((old for old in self.books if old.version == book.version), None)
        if known == book:
            return why
        why = why | self.clock(who) | ({"version_taken"} if known else set())
        why |= {"starts_in_the_past"} if book.starts < self.today and not reason else set()
        why |= self.unsettled(book.version, book.toml())
        if not why:
            self.books.append(book)
            self.wrote("rules.publish")
        return why

    def offer(self, who: Who, wish: Offer) -> set[str]:
        why = self.clock(who) | (set() if 1 <= wish.shop <= self.shops else {"unknown_merchant"})
        why |= {"bad_dates"} if wish.last < wish.first else set()
        why |= {"offer_over"} if wish.last < self.today else set()
        if not why:
            self.offers.append(wish)
            self.wrote("offer.add")
        return why

    def found(self, who: Who, parent: int, founded: date) -> set[str]:
        if parent > len(self.teams):
            return {"unknown_team"}
        why = self.clock(who) | ({"future_date"} if founded > self.today else set())
        why |= {"too_deep"} if len(self._chain(parent)) >= 4 else set()
        if not why:
            self.teams.append(Team(parent, founded))
            self.wrote("team.add")
        return why

    def put_under(self, who: Who, number: int, parent: int) -> set[str]:
        """Put a team under another one from today on; 0: it stands by itself."""
        if not 1 <= number <= len(self.teams) or parent > len(self.teams):
            return {"unknown_team"}
        team, chain = self.teams[number - 1], self._chain(parent)
        why = self.clock(who) | ({"there_already"} if team.above(self.today) == parent else set())
        why |= {"below_itself"} if number in chain else set()
        chains = [self._chain(other) for other in range(1, len(self.teams) + 1)]
        deepest = max(own.index(number) + 1 for own in chains if number in own)
        why |= {"too_deep"} if parent and len(chain) + deepest > 4 else set()
        if not why:
            team.moves.append((parent, self.today))
            self.team_moves.append((number, parent, str(self.today)))
            self.wrote("team.move")
        return why

    def rename(self, number: int, name: str) -> set[str]:
        """Give a team another name."""
        return {"unknown_team"} if not 1 <= number <= len(self.teams) else set() if name else {"no_name"}

    def _chain(self, number: int) -> list[int]:
        """A team and all above it; of 0 none."""
        return [number, *self._chain(self.teams[number - 1].above(self.today))] if number else []

    def note_born(self, member: int, born: date) -> set[str]:
        """A row of a sheet brings the birth date of a member; who has another one keeps it."""
        known = self.born[member - 1]
        if born > self.today or known not in (None, born):
            return {"rejected_rows"}
        self.born[member - 1] = born
        return set()

    def enter(self, who: Who, number: int, member: int, since: date) -> set[str]:
        """Take a member into a team."""
        team = self.team(f"T{number:03d}")
        if team is None or self.unknown(member):
            return self.unknown(member) | (set() if team else {"unknown_team"})
        why = self.clock(who) | ({"future_date"} if since > self.today else set())
        why |= {"before_joining"} if since < self.members[member - 1] else set()
        why |= {"before_founding"} if since < team.founded else set()
        own = [place for place in self.places if (place.team, place.member) == (number, member)]
        why |= {"in_team_already"} if any(place.until is None or place.until >= since for place in own) else set()
        if not why:
            self.places.append(Place(number, member, since))
            self.wrote("team.join")
        return why

    def leave(self, who: Who, number: int, member: int, until: date) -> set[str]:
        """End a member's place in a team."""
        if self.team(f"T{number:03d}") is None or self.unknown(member):
            return self.unknown(member) | (set() if self.team(f"T{number:03d}") else {"unknown_team"})
        own = [p for p in self.places if (p.team, p.member, p.until) == (number, member, None)]
        why = self.clock(who) | ({"future_date"} if until > self.today else set()) | (set() if own else {"not_in_team"})
        why |= {"before_joining"} if own and until < own[0].since else set()
        if not why:
            own[0].until = until
            self.wrote("team.leave")
        return why

    def link(self, who: Who, one: int, other: int, since: date) -> set[str]:
        pair = frozenset({one, other})
        why = who.two | self.clock(who) | self._own_kin(who, pair) | ({"same_member"} if one == other else set())
        why |= {"future_date"} if since > self.today else set()
        why |= {"linked_already"} if any(kin.pair == pair and kin.until is None for kin in self.kin) else set()
        if not why:
            self.kin.append(Kin(pair, since))
            self.wrote("kin.link")
        return why

    def part(self, who: Who, number: int) -> set[str]:
        if not 1 <= number <= len(self.kin):
            return {"unknown_kin"}
        kin = self.kin[number - 1]
        why = who.two | self.clock(who) | self._own_kin(who, kin.pair) | ({"ended_already"} if kin.until else set())
        if not why:
            kin.until = self.today
            self.wrote("kin.end")
        return why

    def _own_kin(self, who: Who, pair: frozenset[int]) -> set[str]:
        return {"own_kin"} if who.approver is not None and self.own[who.approver - 1] in pair else set()
