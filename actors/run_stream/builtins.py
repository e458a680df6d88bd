"""The projections of single stream modes: what the run's own graph streams in that mode, sub-graphs' left out."""

from __future__ import annotations

from typing import Any, ClassVar

from ...projections.streams.protocol import ProtocolEvent
from .channel import StreamChannel
from .transformer import StreamTransformer


class _ModeTransformer(StreamTransformer):
    """Pushes the payloads of one stream mode, in its own scope, to a channel of the mode's name."""

    _native = True

    def __init__(self, scope: tuple[str, ...] = ()) -> None:
        super().__init__(scope)
        self._place = list(scope)
        self._channel: StreamChannel[Any] = StreamChannel()

    def init(self) -> dict[str, Any]:
        return {self.required_stream_modes[0]: self._channel}

    def process(self, event: ProtocolEvent) -> bool:
        if event["method"] == self.required_stream_modes[0] and event["params"]["namespace"] == self._place:
            self._channel.push(event["params"]["data"])
        return True


class ValuesTransformer(_ModeTransformer):
    """Makes `run.values`: the state after each step, in the form of its schema."""

    required_stream_modes: ClassVar[tuple[str, ...]] = ("values",)

    @property
    def error(self) -> BaseException | None:
        """What the run ended with; None if well, or not yet."""
        return self._channel.error


class UpdatesTransformer(_ModeTransformer):
    """Makes `run.updates`: `{node: what it wrote}` of each task that ended."""

    required_stream_modes: ClassVar[tuple[str, ...]] = ("updates",)


class CustomTransformer(_ModeTransformer):
    """Makes `run.custom`: what nodes gave to their stream writer."""

    required_stream_modes: ClassVar[tuple[str, ...]] = ("custom",)


class CheckpointsTransformer(_ModeTransformer):
    """Makes `run.checkpoints`: each checkpoint as `get_state` shows it, in a graph with a checkpointer."""

    required_stream_modes: ClassVar[tuple[str, ...]] = ("checkpoints",)


class DebugTransformer(_ModeTransformer):
    """Makes `run.debug`: checkpoints, task starts and task results, each with its step and time."""

    required_stream_modes: ClassVar[tuple[str, ...]] = ("debug",)


class TasksTransformer(_ModeTransformer):
    """Makes `run.tasks`: the start and the result of each task."""

    required_stream_modes: ClassVar[tuple[str, ...]] = ("tasks",)
