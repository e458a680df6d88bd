"""The serializer that encrypts, where LangGraph has it."""

from clew.events.privacy.serializer import EncryptedSerializer

__all__ = ["EncryptedSerializer"]
