"""Graphs that run on a server."""

from clew.actors.remote.remote_graph import RemoteGraph
from clew.actors.remote.wire import RemoteException

__all__ = ["RemoteException", "RemoteGraph"]
