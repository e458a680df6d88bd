"""`kill -9` at every append of a conversation, in real processes.

sites.py      where in an append a process dies, and what kills it there
processes.py  a server process that forks, and what it forks
lives.py      what one process does: finish what another one left, begin what it will not finish
everywhere.py every append and every site, and what must hold afterwards
"""
