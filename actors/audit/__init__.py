"""What an operator does with recorded threads: step through one, and ask whether new code would do the same.

    source.py       where threads come from: a graph's saver, a saver, a store, a file
    replay.py       `Replay`: one thread, event by event, with the state after each
    difference.py   what is different between two states
    check/          the deploy gate

Reads only: nothing here appends to a store.
"""
