"""The tests, laid out as the rooms are: tests/events, tests/projections, tests/actors.

A regular package, so that no other distribution's top-level `tests` can stand in front of it.
"""
