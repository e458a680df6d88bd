"""Long-term memory: values kept across threads. `.memory`, `.sqlite` and `.postgres` have the stores."""

from clew.actors.memory.base import BaseStore
from clew.actors.memory.items import Item, SearchItem

__all__ = ["BaseStore", "Item", "SearchItem"]
