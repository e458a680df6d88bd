"""What nodes return and receive, and what calls show."""

from clew.actors.author.callee import StreamWriter
from clew.actors.author.policies import CacheKey, CachePolicy, RetryPolicy, TracePolicy, omit_payload
from clew.actors.engine.question import interrupt
from clew.events.vocabulary import Command, Interrupt, Overwrite, Send, StateUpdate, TimeoutPolicy
from clew.projections.state.views import PregelTask, StateSnapshot
from clew.projections.streams.parts import (
    CheckpointMetadata,
    CheckpointPayload,
    CheckpointStreamPart,
    CheckpointTask,
    CustomStreamPart,
    DebugPayload,
    DebugStreamPart,
    GraphOutput,
    MessagesStreamPart,
    StreamMode,
    StreamPart,
    TaskPayload,
    TaskResultPayload,
    TasksStreamPart,
    ToolPayload,
    ToolsStreamPart,
    UpdatesStreamPart,
    ValuesStreamPart,
)

__all__ = [
    "CacheKey",
    "CachePolicy",
    "CheckpointMetadata",
    "CheckpointPayload",
    "CheckpointStreamPart",
    "CheckpointTask",
    "Command",
    "CustomStreamPart",
    "DebugPayload",
    "DebugStreamPart",
    "GraphOutput",
    "Interrupt",
    "MessagesStreamPart",
    "Overwrite",
    "PregelTask",
    "RetryPolicy",
    "Send",
    "StateSnapshot",
    "StateUpdate",
    "StreamMode",
    "StreamPart",
    "StreamWriter",
    "TaskPayload",
    "TaskResultPayload",
    "TasksStreamPart",
    "TimeoutPolicy",
    "ToolPayload",
    "ToolsStreamPart",
    "TracePolicy",
    "UpdatesStreamPart",
    "ValuesStreamPart",
    "interrupt",
    "omit_payload",
]
