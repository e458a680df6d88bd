"""The v3 event stream: what `stream_events(version="v3")` returns, and what projections of it are made with."""

from clew.actors.run_stream.builtins import (
    CheckpointsTransformer,
    CustomTransformer,
    DebugTransformer,
    TasksTransformer,
    UpdatesTransformer,
)
from clew.actors.run_stream.channel import StreamChannel
from clew.actors.run_stream.lifecycle import LifecycleTransformer, SubgraphTransformer
from clew.actors.run_stream.run_stream import (
    AsyncGraphRunStream,
    AsyncSubgraphRunStream,
    GraphRunStream,
    SubgraphRunStream,
)
from clew.actors.run_stream.transformer import StreamTransformer
from clew.projections.streams.lifecycle import LifecyclePayload, SubgraphStatus
from clew.projections.streams.protocol import ProtocolEvent

__all__ = [
    "AsyncGraphRunStream",
    "AsyncSubgraphRunStream",
    "CheckpointsTransformer",
    "CustomTransformer",
    "DebugTransformer",
    "GraphRunStream",
    "LifecyclePayload",
    "LifecycleTransformer",
    "ProtocolEvent",
    "StreamChannel",
    "StreamTransformer",
    "SubgraphRunStream",
    "SubgraphStatus",
    "SubgraphTransformer",
    "TasksTransformer",
    "UpdatesTransformer",
]
