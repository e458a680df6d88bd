"""Graphs of every shape, those of the engine's crash tests, in a few orders each; `CLEW_SCHEDULES` asks for more."""

from __future__ import annotations

import os
from typing import Any

import pytest
from clew import Command
from clew.testing import explore

from ..engine.conversations import STORIES
from ..engine.effects import Ledger

SCHEDULES = int(os.environ.get("CLEW_SCHEDULES", "8"))
# A move out of turn, or a stop at a breakpoint, is a person's; here every client only goes on.
GRAPHS = [name for name in STORIES if name not in ("breakpoints", "by hand", "time travel")]


@pytest.mark.slow
@pytest.mark.parametrize("name", GRAPHS)
def test_every_order_of_it_keeps_the_laws(name: str) -> None:
    story = STORIES[name]

    def answers(state: Any) -> Command[Any] | None:
        open_questions = {asked.id: story.answers[asked.value] for asked in state.interrupts}
        return Command(resume=open_questions) if open_questions else None

    moves = [move for given in story.inputs for move in (given, *[answers] * (3 if story.answers else 0))]
    found = explore(
        lambda: story.build(Ledger()).compile(**story.options),
        moves,
        schedules_max=SCHEDULES,
        crashes_max=2,
        same_end=False,
    )
    assert found.schedules >= min(SCHEDULES, 8)
