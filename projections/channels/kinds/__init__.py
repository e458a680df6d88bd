"""Channels for graphs that need more than a value or a reducer.

barrier.py        NamedBarrierValue: there when every name was written
after_finish.py   the two that are there only when a run would otherwise end
delta.py          DeltaChannel: a reducer that takes a super-step's writes at once
own.py            channels that people wrote themselves
"""
