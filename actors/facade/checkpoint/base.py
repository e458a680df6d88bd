"""What every saver is."""

from clew.events.stores.saver import BaseCheckpointSaver

__all__ = ["BaseCheckpointSaver"]
