"""Graphs that run elsewhere, on a server with LangGraph's interface, behind the methods of a compiled graph.

wire.py          what is asked of the server, and what its answers mean; nothing here waits
remote_graph.py  `RemoteGraph`: sync and async doors over the caller's clients
"""
