"""The queue that transformers push to and that one reader drains."""

from clew.actors.run_stream.channel import StreamChannel

__all__ = ["StreamChannel"]
