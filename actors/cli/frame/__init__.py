"""What all commands of the command line share.

group.py    errors as one line and an exit code
desk.py     the store that a command works on, with its options
output.py   tables, JSON and JSON Lines on standard output; talk on standard error
names.py    threads and questions by the beginning of their ids
loading.py  a graph or a cipher by `module:name`
running.py  going on with a thread through its graph's code
times.py    ages and moments as people type and read them
"""
