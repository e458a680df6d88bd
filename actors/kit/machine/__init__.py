"""A Hypothesis state machine made from a compiled graph. Needs the testing extra.

inputs.py           strategies from a graph's input schema and from a question's schema
play.py             what can be done to a thread, one step at a time, and what must hold; replays a recorded failure
smallest.py         fewer steps and simpler values, as long as the same goes wrong
thread_machine.py   what Hypothesis chooses from
machine.py          `graph_machine`: such a machine for one graph
"""
