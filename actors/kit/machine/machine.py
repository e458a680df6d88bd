"""`graph_machine`: a Hypothesis state machine made from a compiled graph."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from ...doors.compiled import CompiledStateGraph
from ..simulation.simulation import Graph
from .inputs import inputs_of
from .play import Invariant, Rules
from .smallest import Smallest
from .thread_machine import Answers, Strategies, ThreadMachine

EXAMPLES = 40
"""Conversations that are tried when neither the caller, nor CLEW_EXAMPLES, nor a Hypothesis profile says how many."""
STEPS = 25
"""Steps of each."""

SHRINK_SECONDS = 20.0
"""How long a failure is made smaller."""


def graph_machine(
    graph: Graph,
    *versions: Graph,
    inputs: st.SearchStrategy[Any] | None = None,
    answers: Answers | None = None,
    invariants: Sequence[Invariant] = (),
    errors: tuple[type[BaseException], ...] = (),
    begin: Callable[[], None] | None = None,
    save_to: str | PathLike[str] | None = None,
    examples: int | None = None,
    steps: int | None = None,
    shrink_seconds: float = SHRINK_SECONDS,
) -> type[RuleBasedStateMachine]:
    """A state machine that talks with one thread of the graph: a test is its `TestCase`.

    ```python
    TestLetters = graph_machine(make_graph, invariants=[paid_once], save_to="tests/failures").TestCase
    ```

    Two processes serve the thread. Rules: new input (from the graph's input schema), an answer, a late one, one to a
    question that nobody asked, a call sent again, a branch from an earlier checkpoint; a node runs, is reported, time
    passes, everything comes to rest; a process dies or is replaced by a new version; the clock jumps. After each step
    it is checked that the log is whole, that replaying it gives what the processes have, that no question has two
    answers, no command was done twice, no effect on record was done again, nothing acknowledged is lost, that late and
    wrong answers were refused, that nodes raise nothing but `errors`, and the caller's `invariants`.

    Args:
        graph: a compiled graph, or (better) a function that makes one for each process.
        versions: later versions of it that may be deployed while the thread lives.
        inputs: a strategy for inputs; by default as the input schema declares them.
        answers: a strategy for answers, or a function from an `Interrupt` to one; by default as the question's schema
            allows, else yes, no, true, false and short texts.
        invariants: functions of the `Simulation` (`values`, `state`, `events`); False or an error is a failure.
        errors: what nodes may raise.
        begin: called before each conversation: empties ledgers, resets fakes.
        save_to: a folder for the smallest failure, for `replay_failure`.
        examples: conversations to try; the environment variable CLEW_EXAMPLES goes before it.
        steps: steps of each, at most.
        shrink_seconds: how long to look for a smaller failure once there is one.

    Raises:
        TypeError: there is no strategy for the graph's inputs: give `inputs`.
    """
    made = graph if isinstance(graph, CompiledStateGraph) else graph()
    name = re.sub(r"\W+", "-", made.name or "").strip("-").lower() or "graph"
    folder = None if save_to is None else Path(save_to).resolve()
    rules = Rules([graph, *versions], tuple(invariants), errors, begin, folder, name)

    class Machine(ThreadMachine):
        made_for = rules
        strategies = Strategies(inputs_of(made) if inputs is None else inputs, answers)
        smallest = Smallest(rules, shrink_seconds)

    Machine.__name__ = Machine.__qualname__ = f"{name.title().replace('-', '')}Machine"
    Machine.TestCase.settings = _sizes(examples, steps)
    return Machine


def _sizes(examples: int | None, steps: int | None) -> settings:
    """How much is tried: as the caller says, as CLEW_EXAMPLES says, as the profile has it, else little."""
    profile, standard = settings(), settings.get_profile("default")
    by_profile = profile.max_examples != standard.max_examples
    by_environment = int(os.environ.get("CLEW_EXAMPLES", "0"))
    wanted = by_environment or examples
    return settings(
        max_examples=wanted or (profile.max_examples if by_profile else EXAMPLES),
        stateful_step_count=steps or (profile.stateful_step_count if by_profile else STEPS),
        derandomize=not (by_environment or by_profile),
        database=None,
        # Hypothesis would make a failure smaller rule by rule, for up to five minutes; steps are made fewer here.
        phases=[Phase.explicit, Phase.generate],
        report_multiple_bugs=False,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        print_blob=False,
    )
