"""Hypothesis strategies for what a thread can hold, and a comparison as strict as its codec. Need the testing extra.

values.py  values of every kind, messages
events.py  events and commits
same.py    `same`: equal, and of equal types all the way down
"""
