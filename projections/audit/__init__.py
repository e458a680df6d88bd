"""What audit tools show of threads: who did what and when, what there is, and how it all hangs together.

    story.py     from commits to lines that a person reads
    wording.py   what a line says of an event
    values.py    a user's value in a few words
    records.py   commits and events with every field
    plain.py     a user's value as plain JSON
    threads.py   lists of threads, from what a store knows of them without their logs
    timeline.py  a thread's states one after the other
    unfolded.py  channels by the names of their rules, where the code is not at hand
    statistics.py  counts over a store
    branches.py  a thread's checkpoints as a tree

Pure: it takes heads and decoded commits, and prints nothing. The command line shows what it makes.
"""
