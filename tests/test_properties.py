"""All verbs in any order, on a real book and on `model.py`: the same done, the same refused, all invariants after each step."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from conftest import Book, Shelf
from databases import Files, Server, migrated
from play import Play
from play_choices import OFTEN, VERBS
from play_stage import unsynced

ASKED = os.environ.get("TIMEBANK_TEST_EXAMPLES")
"""How many lives are lived. In CI they are always the same ones; a number of one's own makes them others each time."""
LIVES = {Files: 40, Server: 15}


def profile(shelf: Shelf) -> settings:
    """How much is tried on an engine."""
    return settings(
        max_examples=int(ASKED or LIVES[type(shelf)]),
        stateful_step_count=40,
        deadline=None,
        derandomize=ASKED is None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def machine(fresh: Callable[[], str]) -> type[RuleBasedStateMachine]:
    """The state machine on databases that `fresh` makes, one a run."""

    class TimeBank(RuleBasedStateMachine):
        @initialize()
        def settle_in(self) -> None:
            self.engine = unsynced(fresh())
            self.play = Play(Book(self.engine))
            self.play.settle_in()

        @invariant()
        def everything_holds(self) -> None:
            if hasattr(self, "play"):
                self.play.check()

        def teardown(self) -> None:
            if hasattr(self, "engine"):
                self.engine.dispose()

    for number, name in enumerate((*VERBS, *OFTEN)):
        choices = VERBS[name]
        setattr(
            TimeBank, f"{name}_{number}", _rule(name, {argument: st.sampled_from(some) for argument, some in choices.items()})
        )
    return TimeBank


def _rule(name: str, drawn: dict[str, st.SearchStrategy[Any]]) -> Any:
    def step(self: Any, **given: Any) -> None:
        getattr(self.play, name)(**given)

    step.__name__ = name
    return rule(**drawn)(step)


def test_whatever_is_done_the_book_is_the_model_s_and_nothing_is_found(shelf: Shelf, tmp_path: Path) -> None:
    with ExitStack() as lent:

        def fresh() -> str:
            lent.close()
            return lent.enter_context(shelf.lend(migrated, tmp_path))

        run_state_machine_as_test(machine(fresh), settings=profile(shelf))
