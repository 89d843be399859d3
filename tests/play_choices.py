"""What the arguments of the random commands are chosen from: `VERBS` tells it for each of them.

Hypothesis (test_properties.py) and the soak (soak.py) draw from the same.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from model_values import Offer

Choices = Sequence[Any]
VERBS: dict[str, dict[str, Choices]] = {}
"""Every verb -> its arguments -> what they are chosen from; what stands there twice is chosen twice as often."""
OFTEN = (
    *("record", "issue", "capture") * 4,
    *("sheet", "correct", "approve", "offer", "review", "sign_in", "sign_out") * 2,
    *("void", "wait", "publish", "hang", "object_", "decide", "take_down", "recalculate", "pay_out"),
    *("post_due", "post_due", "found", "put_under"),
)
"""Verbs that are chosen so many times more often than the others: what a day is made of."""

ACTORS: Choices = (1, 1, 1, 2, 3)
APPROVERS: Choices = (None, None, None, 2, 2, 2, 3, 1)
SECOND: Choices = (*[2] * 8, 3, 1, None)
MEMBERS: Choices = (*(2, 3, 4, 1) * 4, 5, 0)
SHOPS: Choices = (1, 1, 2, 2, 3, 0)
EDGES: Choices = (*[None] * 10, 0, 0, 1)
LATEST: Choices = (*(0, 1) * 4, 2, 3, 5, 8, 11)
TIMES: Choices = (
    (),
    (("", "weekdays", "1.5"),),
    (("a", "weekdays", "1.5"), ("a", "categories", "1.2"), ("", "team_at_least", "1.1")),
    (("", "tier", "1.25"), ("", "weekdays", "1.1")),
    (("a", "teams", "1.3"), ("a", "dates", "2"), ("", "categories", "0.9")),
)
BONUSES: Choices = (
    (),
    (("lifetime", 20, ""),),
    (("month", 5, "weekdays"), ("entry", 1, "tier")),
    (("day", 3, "categories"), ("year", 30, "team_at_least")),
)
TIERS: Choices = ((1, "lifetime"), (5, "year"), (30, "lifetime"))
CAPS: Choices = (
    (),
    (),
    (("month", "points", 90, "elder-care", "member"), ("activity", "points", 50, "review", "member")),
    (("day", "minutes", 120, "", "member"), ("year", "points", 900, "repairs", "member")),
    (
        ("lifetime", "minutes", 6_000, "elder-care", "member"),
        ("day", "points", 25, "repairs", "member"),
        ("month", "minutes", 600, "", "member"),
    ),
    (("balance", "points", 120, "repairs", "member"), ("month", "points", 400, "", "member")),
    (("year", "points", 600, "review", "member"), ("month", "points", 60, "review", "member")),
    (
        ("month", "points", 40, "repairs", "team"),
        ("day", "minutes", 45, "review", "programme"),
        ("day", "points", 30, "", "member"),
    ),
    (("activity", "minutes", 60, "review", "team"), ("balance", "points", 100, "review", "member")),
    (
        ("lifetime", "points", 90, "repairs", "member"),
        ("day", "points", 20, "", "team"),
        ("year", "points", 70, "", "programme"),
    ),
)
REDEEMS: Choices = (None, None, None, (0, 0, 5, 10), (3, 0, 1, 0), (0, 18, 1, 45))
ENDS: Choices = (None, None, None, None, 40, 0)
"""How many days after its first day a rule book ends."""
HANGS: Choices = (0, 0, 0, 0, 0, 2)
OTHER_POOL = {"elder-care": "repairs", "repairs": "elder-care", "review": ""}
"""Where a rule book that is otherwise like the one before sends what goes over a cap."""
CONDITIONS = {
    "weekdays": 'weekdays = ["sat", "sun"]',
    "categories": 'categories = ["elder-care"]',
    "team_at_least": "team_at_least = 3",
    "tier": 'tier = "t"',
    "teams": 'teams = ["T001"]',
    "dates": 'dates = ["2026-10-01..2026-12-31"]',
    "": "",
}
LAPSES: Choices = (
    None,
    None,
    ("months", 1, "month-end"),
    ("months", 2, "none"),
    ("on", "12-31", "none"),
    ("months", 36, "year-end"),
)
GIFTS: Choices = ("anyone", "anyone", "relatives", "relatives", "pools", "nobody", "")
CREDITS: Choices = (("2.5", 40), ("1", 0), ("0.3", 25), None)
POOLS: Choices = ("elder-care", "elder-care", "repairs", "repairs", "T001", "nowhere")
POINTS: Choices = ("all", "all", 1, 5, 12, 40, 0, None)
"""Points to give: `None` is one more than there are."""
TERMS: Choices = (
    Offer(0, 5_000, 10, 0, 0, 0, date.min, date.min),
    Offer(0, 10_000, 3, 0, 0, 0, date.min, date.min),
    Offer(0, 1_000, 0, 12, 2_000, 3_000, date.min, date.min),
    Offer(0, 2_500, 250, 0, 0, 0, date.min, date.min),
)
SERVICE: dict[str, Choices] = {
    "member": MEMBERS,
    "ago": (0, 0, 1, 1, 2, 3, 4, 25, 60, 200, -1),
    "starts": (None, None, 540, 600, 660, 1_380),
    "minutes": (60, 90, 1, 20, 29, 30, 45, 59, 61, 240, 470, 481, 600, 1_440),
    "category": ("elder-care", "tutoring"),
    "kind": ("confirmed", "confirmed", "confirmed", "team", "back-entered", "self-reported"),
    "team": (1, 1, 3),
    "ref": ("", "", "", "", "r1", "r2"),
    "under": (*[""] * 4, *["T001"] * 3, "T002", "T009"),
    "programme": ("", "", "spring"),
    "activity": ("", "", "A1", "A2"),
}


CHANGES: Choices = (
    *[{}] * 3,
    {"category": "elder-care"},
    {"ago": 1},
    {"ago": 20},
    {"ago": -1},
    {"under": "T001", "programme": "spring"},
    {"under": "T009"},
    {"under": ""},
    {"activity": "A1", "kind": "team", "team": 3},
    {"kind": "self-reported"},
    {"kind": "back-entered", "category": "tutoring"},
)
"""What a correction changes of a record besides its minutes, as the model calls it; `ago` is its day."""
CALLED = {"under": "team", "team": "team_size", "activity": "activity_no"}
"""How the program calls what the model calls otherwise."""


def verb(**choices: Choices) -> Callable[[Any], Any]:
    """Make a method one of the verbs, with what its arguments are chosen from."""

    def named(method: Any) -> Any:
        VERBS[method.__name__] = choices
        return method

    return named
