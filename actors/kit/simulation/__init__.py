"""A thread on one thread of control: every step is taken when the schedule says so, on a clock that stands still.

clock.py      virtual time
loop.py       an event loop whose waits cost no time
processes.py  simulated processes: the engine's own actors, without threads
choosing.py   who chooses the next step: a seed, a recorded schedule, every possibility in turn
simulation.py clients, processes and crashes in one order of many
exploring.py  many orders, one after the other
"""
