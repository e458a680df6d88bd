"""How values become bytes, for programs that do it themselves."""

from clew.events.codec.serializer import JsonPlusSerializer

__all__ = ["JsonPlusSerializer"]
