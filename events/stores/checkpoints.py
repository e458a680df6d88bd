"""Checkpoints as LangGraph's savers show them: types that people import, and what clew gives in them.

clew stores commits, not checkpoints; these are made by folding, for reading only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, TypedDict

ChannelVersions: TypeAlias = dict[str, str | int | float]
PendingWrite: TypeAlias = tuple[str, str, Any]
"""Id of the task, channel, value."""


class Checkpoint(TypedDict):
    """A thread's state after a super-step."""

    v: int
    """The form's number, 4."""
    ts: str
    """When it was made, ISO 8601 with offset."""
    id: str
    """Sorts as the checkpoints were made."""
    channel_versions: ChannelVersions
    """Empty: what runs next is recorded, not worked out from versions of channels."""
    versions_seen: dict[str, ChannelVersions]
    """Empty, as `channel_versions`."""
    updated_channels: list[str] | None
    channel_values: dict[str, Any]
    """Every key that was written; of an input's checkpoint the input instead, under "__start__"."""


class CheckpointMetadata(TypedDict, total=False):
    """What is known about a checkpoint, with the scalar entries of the run's config metadata."""

    source: Literal["input", "loop", "update", "fork"]
    step: int
    """-1 for the first input, 0 for the first step of the loop."""
    parents: dict[str, str]
    run_id: str


class CheckpointTuple(NamedTuple):
    """A checkpoint with its coordinates."""

    config: dict[str, Any]
    checkpoint: Checkpoint
    metadata: CheckpointMetadata
    parent_config: dict[str, Any] | None = None
    pending_writes: list[PendingWrite] | None = None
    """What tasks of its step wrote; "__interrupt__" has their questions, "__error__" their failure."""


class ThreadReader(Protocol):
    """Folds threads into checkpoints. The room that can fold gives one to `reading.py`."""

    def checkpoints(self, saver: Any, thread: str, checkpoint: str, ns: str | None) -> Iterator[CheckpointTuple]:
        """The checkpoints of a namespace, newest first across branches; or the named one alone. None: of all."""
        ...

    def latest(self, saver: Any, thread: str, ns: str) -> CheckpointTuple | None:
        """The checkpoint on which a namespace stands now; None for an unknown one, or an erased thread."""
        ...


def matches(found: CheckpointTuple, filter: Mapping[str, Any] | None) -> bool:
    """Whether the metadata has every entry of the filter."""
    metadata: Mapping[str, Any] = found.metadata  # type: ignore[assignment]  # entries of the run's config besides
    return all(metadata.get(key) == value for key, value in (filter or {}).items())
