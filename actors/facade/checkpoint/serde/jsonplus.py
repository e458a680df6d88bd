"""The serializer, where LangGraph has it."""

from clew.events.codec.serializer import JsonPlusSerializer

__all__ = ["JsonPlusSerializer"]
