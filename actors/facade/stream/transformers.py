"""The built-in transformers of a v3 event stream."""

from clew.actors.run_stream.builtins import (
    CheckpointsTransformer,
    CustomTransformer,
    DebugTransformer,
    TasksTransformer,
    UpdatesTransformer,
    ValuesTransformer,
)
from clew.actors.run_stream.lifecycle import LifecycleTransformer, SubgraphTransformer
from clew.actors.run_stream.messages import MessagesTransformer
from clew.projections.streams.lifecycle import LifecyclePayload, SubgraphStatus

__all__ = [
    "CheckpointsTransformer",
    "CustomTransformer",
    "DebugTransformer",
    "LifecyclePayload",
    "LifecycleTransformer",
    "MessagesTransformer",
    "SubgraphStatus",
    "SubgraphTransformer",
    "TasksTransformer",
    "UpdatesTransformer",
    "ValuesTransformer",
]
