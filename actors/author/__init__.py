"""The author's side: how people write a graph, and the frozen plan it becomes.

builder.py     StateGraph
spec.py, validation.py, planning.py    what it remembers, checks, makes
plan.py        the Plan: what the engine reads
schemas.py, hints.py    state schemas to channels; annotations read
callee.py      a user's callable and how to call it
returns.py     what user code gave back, as writes and routes
policies.py, managed.py    retry, cache, timeout; managed values
checks.py      values checked when they are written
upcasting.py   which versions of the state's schema there are
shape.py       the plan, to be drawn
"""
