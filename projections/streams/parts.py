"""The public shapes of streams and calls under version "v2", and of the payloads of every version."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Generic, Literal, NotRequired, TypeAlias, TypedDict, TypeVar

from langchain_core.messages import AnyMessage
from langchain_core.runnables import RunnableConfig

from ...events.deprecations import LangGraphDeprecatedSinceV11
from ...events.vocabulary import INTERRUPT, Interrupt

StreamMode = Literal["values", "updates", "checkpoints", "tasks", "debug", "messages", "custom"]
"""What a stream shows; see `CompiledStateGraph.stream`, which has "tools" too: LangGraph's type leaves it out."""

StateT = TypeVar("StateT")
OutputT = TypeVar("OutputT")


class CheckpointMetadata(TypedDict, total=False):
    """Where a checkpoint comes from, with scalars of the caller's config beside it."""

    source: Literal["input", "loop", "update", "fork"]
    step: int
    parents: dict[str, str]
    run_id: str


class TaskPayload(TypedDict):
    """A task began."""

    id: str
    name: str
    input: Any
    triggers: tuple[str, ...]
    metadata: NotRequired[dict[str, Any]]
    """What the caller and the node gave, with the caller's tags under "tags"; absent when there is nothing."""


class TaskResultPayload(TypedDict):
    """A task ended: it wrote, raised, or asked."""

    id: str
    name: str
    error: Any
    """The exception; its text where it comes from the log; None for a task that did not raise."""
    interrupts: list[dict[str, Any]]
    """The questions it waits for: `{value, id, response_schema}`."""
    result: dict[str, Any]
    """Channel to what was written; several writes of one channel as `{"$writes": [...]}`."""


class CheckpointTask(TypedDict):
    """A task of the step after a checkpoint, as far as it had got."""

    id: str
    name: str
    error: NotRequired[str]
    result: NotRequired[Any]
    interrupts: NotRequired[tuple[dict[str, Any], ...]]
    state: Any
    """For a node that runs a graph: the config of that graph's state. None for others."""


class CheckpointPayload(TypedDict, Generic[StateT]):
    """A checkpoint that was made, or from which a run goes on."""

    config: RunnableConfig | None
    metadata: CheckpointMetadata
    values: StateT
    next: list[str]
    parent_config: RunnableConfig | None
    tasks: list[CheckpointTask]


class DebugCheckpointPayload(TypedDict, Generic[StateT]):
    """A checkpoint in the `debug` stream."""

    step: int
    timestamp: str
    type: Literal["checkpoint"]
    payload: CheckpointPayload[StateT]


class DebugTaskPayload(TypedDict):
    """The beginning of a task in the `debug` stream."""

    step: int
    timestamp: str
    type: Literal["task"]
    payload: TaskPayload


class DebugTaskResultPayload(TypedDict):
    """The end of a task in the `debug` stream."""

    step: int
    timestamp: str
    type: Literal["task_result"]
    payload: TaskResultPayload


DebugPayload: TypeAlias = DebugCheckpointPayload[Any] | DebugTaskPayload | DebugTaskResultPayload
"""`debug`: checkpoints and tasks, each with its step and time (ISO 8601)."""


class ToolPayload(TypedDict):
    """A tool call began, has something to say, or ended."""

    event: Literal["tool-started", "tool-output-delta", "tool-finished", "tool-error"]
    tool_call_id: str
    tool_name: NotRequired[str]
    input: NotRequired[Any]
    delta: NotRequired[Any]
    output: NotRequired[Any]
    message: NotRequired[str]


class ValuesStreamPart(TypedDict, Generic[OutputT]):
    """The state after a step, in the class of the output schema where it is one."""

    type: Literal["values"]
    ns: tuple[str, ...]
    data: OutputT
    interrupts: tuple[Interrupt, ...]


class UpdatesStreamPart(TypedDict):
    """What one task wrote."""

    type: Literal["updates"]
    ns: tuple[str, ...]
    data: dict[str, Any]


class MessagesStreamPart(TypedDict):
    """A message or a piece of one, with the metadata of where it comes from."""

    type: Literal["messages"]
    ns: tuple[str, ...]
    data: tuple[AnyMessage, dict[str, Any]]


class CustomStreamPart(TypedDict):
    """What a node emitted."""

    type: Literal["custom"]
    ns: tuple[str, ...]
    data: Any


class CheckpointStreamPart(TypedDict, Generic[StateT]):
    """A checkpoint."""

    type: Literal["checkpoints"]
    ns: tuple[str, ...]
    data: CheckpointPayload[StateT]


class TasksStreamPart(TypedDict):
    """The beginning or the end of a task."""

    type: Literal["tasks"]
    ns: tuple[str, ...]
    data: TaskPayload | TaskResultPayload


class DebugStreamPart(TypedDict, Generic[StateT]):
    """A checkpoint or a task, with step and time."""

    type: Literal["debug"]
    ns: tuple[str, ...]
    data: DebugCheckpointPayload[StateT] | DebugTaskPayload | DebugTaskResultPayload


class ToolsStreamPart(TypedDict):
    """The life of a tool call."""

    type: Literal["tools"]
    ns: tuple[str, ...]
    data: ToolPayload


StreamPart: TypeAlias = (
    ValuesStreamPart[Any]
    | UpdatesStreamPart
    | MessagesStreamPart
    | CustomStreamPart
    | CheckpointStreamPart[Any]
    | TasksStreamPart
    | DebugStreamPart[Any]
    | ToolsStreamPart
)
"""One chunk of a stream under version "v2"."""


@dataclass(frozen=True)
class GraphOutput(Generic[OutputT]):
    """What `invoke(version="v2")` returns.

    Indexing it like the dict of version "v1" works, with a deprecation warning.
    """

    value: OutputT
    """The output keys of the state, in the class of the output schema where it is one."""
    interrupts: tuple[Interrupt, ...] = ()
    """The questions that wait for an answer."""

    def __getitem__(self, key: str) -> Any:
        """An entry of the value, or the questions for `"__interrupt__"`. Raises `KeyError`."""
        _warn("result[key]")
        if key == INTERRUPT:
            return self.interrupts
        if isinstance(self.value, dict):
            return self.value[key]
        try:
            return getattr(self.value, key)
        except AttributeError:
            raise KeyError(key) from None

    def __contains__(self, key: object) -> bool:
        """True for an entry of the value, and for `"__interrupt__"` while questions are open."""
        _warn("key in result")
        if key == INTERRUPT:
            return bool(self.interrupts)
        if isinstance(self.value, dict):
            return key in self.value
        return isinstance(key, str) and hasattr(self.value, key)


def _warn(form: str) -> None:
    warnings.warn(
        f"{form} on a GraphOutput is deprecated: use result.value, or result.interrupts for the questions",
        LangGraphDeprecatedSinceV11,
        stacklevel=3,
    )
