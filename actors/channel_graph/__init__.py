"""Graphs of channels: nodes that run when a channel they subscribe to is written, below what `StateGraph` offers.

    node_builder.py  `NodeBuilder`: what a node subscribes to, runs and writes
    planning.py      the plan of such nodes, which the same engine runs as every graph

A way on is worked out from what a node wrote: to the subscribers of the channels in it.
"""
