"""What every saver is, and the checkpoints it shows."""

from clew.events.stores.checkpoints import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    PendingWrite,
)
from clew.events.stores.saver import BaseCheckpointSaver

__all__ = [
    "BaseCheckpointSaver",
    "ChannelVersions",
    "Checkpoint",
    "CheckpointMetadata",
    "CheckpointTuple",
    "PendingWrite",
]
