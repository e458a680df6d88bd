"""Section 1: the types that people hand over and get, as values: fields, copies, equality. Observed on 1.2.22."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from dataclasses import asdict, fields, replace
from typing import Any

import pytest
from clew import constants, errors
from clew.checkpoint.memory import InMemorySaver
from clew.errors import EmptyInputError, NodeInterrupt
from clew.func import entrypoint, task
from clew.graph import START, MessagesState, StateGraph
from clew.prebuilt import ToolRuntime
from clew.types import (
    CacheKey,
    CachePolicy,
    Command,
    GraphOutput,
    Interrupt,
    Overwrite,
    PregelTask,
    RetryPolicy,
    Send,
    StateSnapshot,
    StateUpdate,
    TimeoutPolicy,
    interrupt,
)
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


NOTHING = object()
"""No default."""
SIGNATURES: dict[Any, dict[str, Any]] = {
    Command: {"graph": None, "update": None, "resume": None, "goto": ()},
    Send: {"node": NOTHING, "arg": NOTHING, "timeout": None},
    Interrupt: {"value": NOTHING, "id": "placeholder-id", "response_schema": None, "deprecated_kwargs": NOTHING},
    Overwrite: {"value": NOTHING, "type": "__overwrite__"},
    GraphOutput: {"value": NOTHING, "interrupts": ()},
    StateUpdate: {"values": NOTHING, "as_node": None, "task_id": None},
    CacheKey: {"ns": NOTHING, "key": NOTHING, "ttl": NOTHING},
    TimeoutPolicy: {"run_timeout": None, "idle_timeout": None, "refresh_on": "auto"},
    PregelTask: {
        "id": NOTHING, "name": NOTHING, "path": NOTHING, "error": None, "interrupts": (), "state": None, "result": None,
    },
    StateSnapshot: dict.fromkeys(
        ["values", "next", "config", "metadata", "created_at", "parent_config", "tasks", "interrupts"], NOTHING
    ),
    StateGraph: {
        "state_schema": NOTHING, "context_schema": None, "input_schema": None, "output_schema": None, "kwargs": NOTHING,
    },
    ToolRuntime: {
        **dict.fromkeys(["state", "context", "config", "stream_writer", "tool_call_id", "store"], NOTHING),
        "tools": dataclasses._HAS_DEFAULT_FACTORY, "execution_info": None, "server_info": None,
    },
}  # fmt: skip
"""What can be made, with its parameters and their defaults, in order."""


@pytest.mark.parametrize("made", SIGNATURES, ids=lambda made: made.__name__)
def test_parameters_and_defaults_are_those_people_know(made: Any) -> None:
    parameters = inspect.signature(made).parameters.values()
    assert {one.name: NOTHING if one.default is one.empty else one.default for one in parameters} == SIGNATURES[made]


def test_policies_have_the_defaults_people_know() -> None:
    assert RetryPolicy()[:5] == (0.5, 2.0, 128.0, 3, True)
    assert [field.name for field in fields(CachePolicy)] == ["key_func", "ttl"]
    assert callable(CachePolicy().key_func)
    assert CachePolicy().key_func({"a": 1, "b": 2}) == CachePolicy().key_func({"b": 2, "a": 1})
    assert CachePolicy().key_func({"a": 1}) != CachePolicy().key_func({"a": 2})


def test_a_tool_runtime_has_no_fields_of_its_own_making() -> None:
    named = ["state", "context", "config", "stream_writer", "tool_call_id", "store", "tools"]
    assert [field.name for field in fields(ToolRuntime)] == [*named, "execution_info", "server_info"]


def test_an_output_can_be_looked_into() -> None:
    assert vars(GraphOutput({"a": 1})) == {"value": {"a": 1}, "interrupts": ()}


def test_an_interrupt_is_shown_with_its_three_fields() -> None:
    assert repr(Interrupt("v", id="i")) == "Interrupt(value='v', id='i', response_schema=None)"
    assert [field.default for field in fields(Interrupt)] == [dataclasses.MISSING, dataclasses.MISSING, None]


def test_names_that_moved_are_found_with_a_warning() -> None:
    with pytest.warns(LangGraphDeprecatedSinceV10, match=r"clew\.types"):
        assert constants.Send is Send
    with pytest.warns(LangGraphDeprecatedSinceV10, match=r"clew\.types"):
        assert constants.Interrupt is Interrupt
    with pytest.raises(AttributeError, match="nothing"):
        _ = constants.nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [name for name in errors.__all__ if isinstance(getattr(errors, name), type)])
def test_errors_are_named_by_the_path_they_are_imported_from(name: str) -> None:
    kind = getattr(errors, name)
    if name != "NodeError":  # a value that handlers get
        assert f"{kind.__module__}.{kind.__qualname__}" == f"clew.errors.{name}"
    assert pickle.loads(pickle.dumps(kind)) is kind


def test_a_task_goes_by_the_name_it_was_given() -> None:
    @task(name="renamed")
    def work(given: int) -> int:
        """Work."""
        return given

    assert (work.__name__, work.__doc__) == ("renamed", "Work.")
