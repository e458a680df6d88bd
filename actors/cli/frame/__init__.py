"""What all commands of the command line share.

group.py    errors as one line and an exit code
desk.py     the store that a command works on, with its options
output.py   tables, JSON and JSON Lines on standard output; talk on standard error
names.py    threads and questions by the beginning of their ids
reading.py  a thread's log, read and folded, with the graph's code or without
loading.py  a graph or a cipher by `module:name`
times.py    ages and moments as people type and read them
"""
