"""What a ToolNode does, station by station.

calls.py      what its input asks for
arguments.py  the parameters of a tool that the graph fills in
round.py      one message's calls on their way
together.py   several scripts at once, on threads or a loop
answer.py     one call, from its request to its outputs
body.py       one tool's run, with callbacks or without
results.py    what tools return, checked and put together
errors.py     which errors the model is told, and how
"""
