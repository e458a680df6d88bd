"""The decider: pure functions from a thread's state and a command to events. No store, clock, thread or user code.

commands.py    what a thread can be asked, and the terms of the asking
request.py     one command with everything that deciding it takes
decide.py      the one entry: which function answers which command
starting.py    new input, continuing, a Command as input
entering.py    a graph called in a node: it starts, or goes on where the call was left
answering.py   answers to questions
reporting.py   what the node runner reports: tasks done, asked, failed
stepping.py    when a super-step's tasks are all completed
planning.py    the next super-step
editing.py     update_state
fitting.py     whether the code at hand fits what a thread waits for
upcasting.py   a thread of another version of the state's schema, brought up
"""
