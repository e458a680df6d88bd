"""What the ToolNode's tests share: calls, a graph of one tools node, and a handler that follows runs."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict
from uuid import UUID

from clew import START, InMemorySaver, MessagesState, StateGraph, ToolNode, add_messages
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage

THREAD = {"configurable": {"thread_id": "1"}}


class State(TypedDict):
    messages: Annotated[list[BaseMessage], add_messages]
    customer: str
    cart: list[str]


def called(name: str, id: str = "call_1", /, **arguments: Any) -> ToolCall:
    """A call of the tool `name`, as a model makes it."""
    return ToolCall(name=name, args=arguments, id=id, type="tool_call")


def asking_for(*calls: ToolCall, **state: Any) -> dict[str, Any]:
    """A state whose last message is a model's, with these calls."""
    return {"messages": [AIMessage("", id="ai", tool_calls=list(calls))], **state}


def tools_graph(node: Any, state: Any = MessagesState, checkpointer: Any = None, **options: Any) -> Any:
    """A graph of one node, `tools`; it keeps its threads in memory unless it is given a saver or False."""
    builder = StateGraph(state).add_node("tools", node).add_edge(START, "tools")
    saver = InMemorySaver() if checkpointer is None else checkpointer or None
    return builder.compile(checkpointer=saver, **options)


def answers(result: Any) -> list[ToolMessage]:
    """The tool messages of a graph's or node's output, in order."""
    messages = result["messages"] if isinstance(result, dict) else result
    return [message for message in messages if isinstance(message, ToolMessage)]


def contents(result: Any) -> list[Any]:
    """What the tool messages of an output say, in order."""
    return [message.content for message in answers(result)]


def run_alone(tools: list[Any], *calls: ToolCall, state: dict[str, Any] | None = None, **options: Any) -> Any:
    """What a ToolNode returns outside of a graph."""
    return ToolNode(tools, **options).invoke(asking_for(*calls, **(state or {})))


class Follower(BaseCallbackHandler):
    """Notes how each tool's run began and ended."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, Any]] = []
        """(tool, its arguments) in the order the runs began."""
        self.ended: list[tuple[str, Any]] = []
        """(tool, its output or error)."""
        self.tags: list[list[str]] = []
        self._names: dict[UUID, str] = {}

    @property
    def open(self) -> list[str]:
        """Tools whose run began and neither ended nor failed."""
        return list(self._names.values())

    def on_tool_start(self, serialized: Any, input_str: str, *, run_id: UUID, inputs: Any = None, **more: Any) -> None:
        self._names[run_id] = serialized["name"]
        self.tags.append(more.get("tags") or [])
        self.begun.append((serialized["name"], inputs))

    def on_tool_end(self, output: Any, *, run_id: UUID, **_: Any) -> None:
        self.ended.append((self._names.pop(run_id), output))

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        self.ended.append((self._names.pop(run_id), error))
