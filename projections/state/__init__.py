"""What a thread's events amount to.

ids.py       names derived from facts: checkpoints, tasks, questions
thread.py    a thread's state: checkpoints, the open step, its questions
merge.py     a super-step's writes into channels
fold.py      a state and one more commit give the next state
views.py     the state as users read it
"""
