"""A join that new code gave a source which had run already: the run that leaves it half full says so."""

from __future__ import annotations

from typing import Any

import pytest
from clew import START, Command, InMemorySaver, StateGraph, interrupt
from clew.errors import GraphChangedError

from .test_answers import State

THREAD: dict[str, Any] = {"configurable": {"thread_id": "1"}}


def graph(saver: InMemorySaver, *sources: str) -> Any:
    """a, then b beside d, which asks; c when `sources` have all come."""
    builder = StateGraph(State)
    for name in ("a", "b", "c"):
        builder.add_node(name, lambda state: {})
    builder.add_node("d", lambda state: {"x": interrupt("q")})
    builder.add_edge(START, "a").add_edge("a", "b").add_edge("a", "d").add_edge(list(sources), "c")
    return builder.compile(saver)


def test_a_run_that_leaves_such_a_join_half_full_fails_and_says_how_to_go_on() -> None:
    saver = InMemorySaver()
    graph(saver, "b", "d").invoke({"x": 0}, THREAD)
    changed = graph(saver, "a", "b", "d")
    with pytest.raises(
        GraphChangedError, match=r"'a', which ran before the graph's code gave 'c' this source"
    ) as error:
        changed.invoke(Command(resume=1), THREAD)
    assert "Command(goto='c') as input" in str(error.value)
    assert changed.get_state(THREAD).values == {"x": 1}, "what was done stays"
    chunks = list(changed.stream(Command(goto="c"), THREAD))
    assert chunks == [{"c": None}]


def test_a_join_that_was_just_not_taken_ends_in_silence_whatever_code_was_before() -> None:
    saver = InMemorySaver()
    graph(saver, "b", "d").invoke({"x": 0}, THREAD)
    builder = graph(saver, "b", "d").builder
    builder.add_node("e", lambda state: {}).add_edge(["d", "e"], "c")
    assert builder.compile(saver).invoke(Command(resume=1), THREAD) == {"x": 1}
