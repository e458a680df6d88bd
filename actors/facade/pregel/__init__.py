"""What every compiled graph is an instance of; made by hand, a graph of channels."""

from clew.actors.channel_graph.node_builder import ChannelWriteEntry, NodeBuilder
from clew.actors.doors.compiled import Pregel

__all__ = ["ChannelWriteEntry", "NodeBuilder", "Pregel"]
