"""Section 31: the error catalogue. Each error with its bases, raised where the specification says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from clew import END, START, Command, Send, StateGraph
from clew.checkpoint import InMemorySaver
from clew.errors import (
    AmbiguousAnswerError,
    EmptyChannelError,
    EmptyInputError,
    ErrorCode,
    GraphBubbleUp,
    GraphDrained,
    GraphInterrupt,
    GraphRecursionError,
    InvalidUpdateError,
    NodeCancelledError,
    NodeError,
    NodeInterrupt,
    NodeTimeoutError,
    NothingToResumeError,
    ParentCommand,
    TaskNotFound,
    UnknownCheckpointError,
    UnknownInterruptError,
    create_error_message,
)

from .programs import ONE, State, asking, chain, side_by_side, single

GIVEN: dict[str, Any] = {"x": 1}
UNKNOWN = {"configurable": {"thread_id": "1", "checkpoint_id": "1ef00000-0000-6000-8000-000000000000"}}


def kept(builder: StateGraph) -> Any:
    return builder.compile(checkpointer=InMemorySaver())


def paused(builder: StateGraph) -> Any:
    graph = kept(builder)
    graph.invoke(GIVEN, ONE)
    return graph


def routed(result: Any, path_map: Any = None) -> Any:
    builder = single(lambda state: {}).add_conditional_edges("f", lambda state: result, path_map)
    return builder.compile().invoke(GIVEN)


async def waits(state: State) -> None:
    """An async node."""


@pytest.mark.parametrize(
    ("error", "base"),
    [
        (GraphRecursionError, RecursionError),
        (GraphInterrupt, GraphBubbleUp),
        (NodeInterrupt, GraphInterrupt),
        (ParentCommand, GraphBubbleUp),
        (GraphDrained, GraphBubbleUp),
        (InvalidUpdateError, Exception),
        (EmptyInputError, Exception),
        (EmptyChannelError, Exception),
        (NodeTimeoutError, Exception),
        (NodeCancelledError, Exception),
        (UnknownInterruptError, Exception),
        (TaskNotFound, Exception),
        (AmbiguousAnswerError, RuntimeError),
        (NothingToResumeError, RuntimeError),
        (UnknownCheckpointError, KeyError),
    ],
)
def test_every_class_is_there_with_its_base(error: type[BaseException], base: type[BaseException]) -> None:
    assert issubclass(error, base)


def test_a_node_timeout_is_no_timeout_error_and_control_signals_are_no_exceptions() -> None:
    assert not issubclass(NodeTimeoutError, TimeoutError)
    assert not issubclass(GraphBubbleUp, Exception)
    assert NodeError(node="n", error=ValueError("boom")).node == "n"


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (InvalidUpdateError, lambda: side_by_side(p=lambda s: {"x": 1}, q=lambda s: {"x": 2}).compile().invoke(GIVEN)),
        (InvalidUpdateError, lambda: single(lambda state: 5).compile().invoke(GIVEN)),
        (InvalidUpdateError, lambda: kept(chain("a")).update_state(ONE, {"x": 1}, as_node="nobody")),
        (InvalidUpdateError, lambda: routed(Send(END, {}))),
        (InvalidUpdateError, lambda: kept(chain("a")).invoke(Command(graph=Command.PARENT, update={}), ONE)),
        (InvalidUpdateError, lambda: chain("a").compile().invoke(3)),
        (GraphRecursionError, lambda: chain("a", "b").compile().invoke(GIVEN, {"recursion_limit": 1})),
        (EmptyInputError, lambda: kept(chain("a")).invoke(None, ONE)),
        (EmptyInputError, lambda: kept(chain("a")).invoke(Command(), ONE)),
        (ParentCommand, lambda: single(lambda s: Command(graph=Command.PARENT, update={})).compile().invoke(GIVEN)),
        (ValueError, lambda: chain("a").compile().invoke(GIVEN, {"recursion_limit": 0})),
        (ValueError, lambda: kept(chain("a")).invoke(GIVEN)),
        (ValueError, lambda: chain("a").compile().get_state(ONE)),
        (ValueError, lambda: routed(None)),
        (ValueError, lambda: routed(START)),
        (KeyError, lambda: routed("missing", {"key": "f"})),
        (KeyError, lambda: kept(chain("a")).invoke(GIVEN, {"configurable": {"user": "u"}})),
        (TypeError, lambda: chain("a").compile(checkpointer=5)),
        (TypeError, lambda: single(waits).compile().invoke(GIVEN)),
        (TypeError, lambda: kept(single(lambda state: {"l": [object()]})).invoke(GIVEN, ONE)),
        (RuntimeError, lambda: paused(side_by_side(p=asking("p"), q=asking("q"))).invoke(Command(resume=1), ONE)),
        (RuntimeError, lambda: chain("a").compile().invoke(Command(resume=1))),
        (RuntimeError, lambda: chain("a").compile(checkpointer=True).invoke(GIVEN, ONE)),
        # what the peer lets pass
        (ValueError, lambda: list(chain("a").compile().stream(GIVEN, stream_mode="nonsense"))),
        (ValueError, lambda: chain("a").compile().invoke(GIVEN, interrupt_before=["nobody"])),
        (InvalidUpdateError, lambda: routed("nobody")),
        (InvalidUpdateError, lambda: single(lambda state: Command(goto="nobody")).compile().invoke(GIVEN)),
        (InvalidUpdateError, lambda: routed(Send("nobody", {}))),
        (UnknownCheckpointError, lambda: paused(chain("a")).invoke(GIVEN, UNKNOWN)),
        (NothingToResumeError, lambda: kept(chain("a")).invoke(Command(resume=1), ONE)),
    ],
)
def test_it_is_raised_where_the_catalogue_says(error: type[BaseException], cause: Callable[[], Any]) -> None:
    with pytest.raises(error) as raised:
        cause()
    assert str(raised.value)


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("GRAPH_RECURSION_LIMIT", lambda: chain("a", "b").compile().invoke(GIVEN, {"recursion_limit": 1})),
        (
            "INVALID_CONCURRENT_GRAPH_UPDATE",
            lambda: side_by_side(p=lambda s: {"x": 1}, q=lambda s: {"x": 2}).compile().invoke(GIVEN),
        ),
        ("INVALID_GRAPH_NODE_RETURN_VALUE", lambda: single(lambda state: 5).compile().invoke(GIVEN)),
    ],
)
def test_messages_end_with_their_code(code: str, cause: Callable[[], Any]) -> None:
    assert ErrorCode(code).value == code
    with pytest.raises((GraphRecursionError, InvalidUpdateError), match=code):
        cause()


def test_a_programs_own_message_can_have_a_code_too() -> None:
    said = create_error_message(message="too far", error_code=ErrorCode.GRAPH_RECURSION_LIMIT)
    assert said.startswith("too far")
    assert "GRAPH_RECURSION_LIMIT" in said


@pytest.mark.parametrize("during", [True, False])
def test_checkpoint_during_is_an_older_name_of_durability_and_not_to_be_given_with_it(during: bool) -> None:
    graph = kept(chain("a"))
    with pytest.deprecated_call(match="durability"):
        assert graph.invoke(GIVEN, ONE, checkpoint_during=during)["l"] == ["a"]
    with pytest.deprecated_call(match="durability"), pytest.raises(ValueError, match="durability alone"):
        graph.invoke(GIVEN, ONE, checkpoint_during=during, durability="sync")
    with pytest.deprecated_call(match="durability"), pytest.raises(ValueError, match="durability alone"):
        list(graph.stream(GIVEN, ONE, checkpoint_during=during, durability="sync"))
    assert graph.invoke(GIVEN, ONE, checkpoint_during=None)["x"] == 1


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (Command(goto="misspelt"), "^Command\\(goto=…\\) as the graph's input leads to 'misspelt', which is no node"),
        (Command(goto=Send("misspelt", {})), "^Command\\(goto=…\\) as the graph's input leads to 'misspelt'"),
        (Command(goto=3), "^the graph's input is Command\\(goto=3\\): give a node's name"),
        (Command(update=3), "^the graph's input gave an update 3: return a dict of state keys"),
    ],
)
def test_a_command_as_input_is_not_blamed_on_a_node(given: Any, says: str) -> None:
    graph = paused(chain("a", "b"))
    with pytest.raises(InvalidUpdateError, match=says):
        graph.invoke(given, ONE)
