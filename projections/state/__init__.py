"""What a thread's events amount to.

thread.py       a thread's state: checkpoints, the open step, its questions
fold.py         a state and one more commit give the next state
draft_lines.py  in the fold: the lines that a commit changes
open_step.py    in the fold: what becomes of the open step's tasks; questions.py: of their questions
merge.py        a super-step's writes into channels
upcast.py       a state under a later version of its schema
ids.py          names derived from facts: checkpoints, tasks, questions
namespaces.py   where in a thread a graph runs
decisions.py    a commit of a whole run, taken apart again
views.py        the state as users read it
"""
