"""Section 1: the types that people hand over and get, as values: fields, copies, equality. Observed on 1.2.22."""

from __future__ import annotations

import copy
import pickle
from dataclasses import asdict, fields, replace
from typing import Any

import pytest
from clew.checkpoint.memory import InMemorySaver
from clew.errors import EmptyInputError, NodeInterrupt
from clew.func import entrypoint
from clew.graph import START, MessagesState, StateGraph
from clew.types import CacheKey, Command, GraphOutput, Interrupt, Overwrite, PregelTask, Send, StateUpdate, interrupt
from clew.warnings import LangGraphDeprecatedSinceV10

VALUES = [
    Command(update={"a": 1}, resume="r", goto=["n"]),
    Command(graph=Command.PARENT, goto=Send("n", {"x": 1})),
    Send("n", {"x": 1}),
    Interrupt("v", id="i"),
    Overwrite([1]),
    GraphOutput({"a": 1}, (Interrupt("v", id="i"),)),
    StateUpdate({"a": 1}, "n"),
    PregelTask("i", "n", ("__pregel_pull", "n")),
    CacheKey(("a",), "k", 3),
    entrypoint.final(value=1, save=2),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_copies_and_pickles_are_equal_and_look_alike(value: Any) -> None:
    for other in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert other == value
        assert repr(other) == repr(value)


def test_a_command_has_four_fields() -> None:
    assert [field.name for field in fields(Command)] == ["graph", "update", "resume", "goto"]
    assert asdict(Command(resume=1, goto="n")) == {"graph": None, "update": None, "resume": 1, "goto": "n"}
    assert replace(Command(goto="n", resume=1), update={"z": 1}) == Command(goto="n", resume=1, update={"z": 1})
    with pytest.raises(TypeError, match="positional"):
        Command("n")  # type: ignore[misc]


def test_none_is_an_answer_where_a_command_says_nothing_else() -> None:
    builder = StateGraph(MessagesState).add_node("ask", lambda state: {"messages": [str(interrupt("q"))]})
    graph = builder.add_node("other", lambda state: None).add_edge(START, "ask").compile(InMemorySaver())
    for thread, answer in enumerate([Command(resume=None), copy.copy(Command(resume=None))]):
        config = {"configurable": {"thread_id": str(thread)}}
        graph.invoke({"messages": []}, config)
        with pytest.raises(EmptyInputError):
            graph.invoke(Command(), config)
        for handed_on in (replace(Command(goto="other"), graph=None), Command(resume=None, update={"messages": []})):
            assert "__interrupt__" in graph.invoke(handed_on, config), "it answers nothing"
        assert graph.invoke(answer, config)["messages"][-1].content == "None"


def test_what_is_equal_has_equal_hashes_and_what_can_change_has_none() -> None:
    assert len({Send("n", 1), Send("n", 1.0)}) == 1
    assert hash(entrypoint.final(value=1, save=2)) == hash(entrypoint.final(value=1, save=2))
    for changeable in (Send("n", {}), Interrupt("v", id="i"), Overwrite(1)):
        with pytest.raises(TypeError, match="unhashable"):
            hash(changeable)


def test_older_names_warn() -> None:
    with pytest.warns(LangGraphDeprecatedSinceV10, match=r"\.id"):
        assert Interrupt("v", id="i").interrupt_id == "i"
    with pytest.warns(LangGraphDeprecatedSinceV10, match="interrupt"):
        assert NodeInterrupt("v").args == ([Interrupt("v")],)
