"""The doors: what users call on a compiled graph, sync and async, each thin.

compiled.py    CompiledStateGraph: invoke, stream, state calls
setup.py       what a compiled graph runs with
request.py     a call's arguments become a run
config.py      the caller's config, completed
drive.py       the caller's thread or loop drives its run
output.py      what a call returns, how chunks look
state.py       reading a thread and changing it by hand
"""
