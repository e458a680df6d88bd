"""The saver that keeps threads in memory."""

from clew.events.stores.saver import InMemorySaver, MemorySaver

__all__ = ["InMemorySaver", "MemorySaver"]
