"""What a tool can ask of the graph instead of the model: marks on its parameters, and the runtime object.

Parameters so marked are left out of the schema that the model sees; what a model gives for them all the same is thrown
away. `tools/arguments.py` reads the marks, `ToolNode` fills them in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, InjectedToolArg, InjectedToolCallId
from langchain_core.tools.base import _DirectlyInjectedToolArg

from ..author.callee import StreamWriter
from ..engine.context import ExecutionInfo

ContextT = TypeVar("ContextT")
StateT = TypeVar("StateT")


class InjectedState(InjectedToolArg):
    """Marks a tool's parameter that receives the state, or one field of it.

    ```python
    @tool
    def greet(language: str, name: Annotated[str, InjectedState("name")]) -> str: ...
    ```

    Args:
        field: the field of the state; None for the whole state, as the node received it. A state without the field is
            an error (`KeyError` or `AttributeError`), unless the parameter has a default.
    """

    def __init__(self, field: str | None = None) -> None:
        self.field = field


class InjectedStore(InjectedToolArg):
    """Marks a tool's parameter that receives the store which the graph was compiled with; `ValueError` without one."""


def _nobody_listens(_: Any) -> None:
    """What an output delta comes to outside of a graph, or where no stream shows it."""


@dataclass
class ToolRuntime(_DirectlyInjectedToolArg, Generic[ContextT, StateT]):
    """What a tool's parameter annotated `ToolRuntime`, or named `runtime`, receives: everything around its call."""

    state: StateT
    """The state that the node received."""
    context: ContextT
    """What the caller of the graph gave as `context`."""
    config: RunnableConfig
    stream_writer: StreamWriter
    """Emits a value into the `custom` stream."""
    tool_call_id: str | None
    store: Any
    """The store that the graph was compiled with, or None."""
    tools: list[BaseTool] = field(default_factory=list)
    """All tools of the node."""
    execution_info: ExecutionInfo | None = None
    """Which task and thread this is; None outside of a graph."""
    server_info: Any = None

    def __post_init__(self) -> None:
        self._emit: Callable[[Any], None] = _nobody_listens

    def __class_getitem__(cls, parameters: Any) -> Any:
        # For type checkers. An alias would have pydantic look into the state's class, which fails for a TypedDict of
        # Python 3.11's `typing`.
        return cls

    def stream_to(self, emit: Callable[[Any], None]) -> None:
        """Have `emit` take the chunks of the `tools` stream: what the node does when it makes one."""
        self._emit = emit

    def emit_output_delta(self, delta: Any) -> None:
        """Show part of the tool's output while it still works, in a `tools` stream."""
        self._emit({"event": "tool-output-delta", "tool_call_id": self.tool_call_id, "delta": delta})


__all__ = ["InjectedState", "InjectedStore", "InjectedToolCallId", "ToolRuntime"]
