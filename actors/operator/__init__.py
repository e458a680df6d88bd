"""What an operator does to a thread without its graph's code: nothing runs, and what is recorded is taken up by whoever
has the code, with `None` as input.

    appending.py    the one append of this folder: decided again where somebody else was faster
    asking.py       what threads ask, and who answered
    answering.py    recording an answer to an open question
    stopping.py     ending a thread's run and open work
    health.py       what is wrong with a thread, seen from outside
    branching.py    beginning a branch at an earlier checkpoint
"""
