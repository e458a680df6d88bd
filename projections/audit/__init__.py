"""A thread's log as lines that a person reads: what happened, when, in which node, by whom.

    story.py     from commits to lines
    wording.py   what a line says of an event
    values.py    a user's value in a few words

Pure: it takes decoded commits and prints nothing. The CLI's table and later tools show its lines.
"""
