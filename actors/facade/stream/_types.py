"""The types of a v3 event stream under the module name that some import them from."""

from clew.actors.run_stream.transformer import StreamTransformer
from clew.projections.streams.protocol import ProtocolEvent

__all__ = ["ProtocolEvent", "StreamTransformer"]
