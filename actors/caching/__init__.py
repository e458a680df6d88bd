"""Caches of nodes' and tasks' results: the interface, a memory and a SQLite one, and how the runner uses them.

    base.py      BaseCache, what every cache offers; how values become bytes
    memory.py    InMemoryCache
    sqlite.py    SqliteCache
    slots.py     one place in a cache: namespace, key and time to live; encoded results of nodes

What a cache gives back is data from outside: it is decoded by clew's codec, checked, and otherwise a miss.
"""
