"""What code inside a running node can ask for."""

from clew.actors.engine.context import get_config, get_store, get_stream_writer

__all__ = ["get_config", "get_store", "get_stream_writer"]
