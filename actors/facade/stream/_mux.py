"""What sends a run's events through transformers, for those who test theirs without a graph."""

from clew.actors.run_stream.mux import StreamMux

__all__ = ["StreamMux"]
