"""Caches of nodes' and tasks' results: the interface, three of them, and how the runner uses them.

    base.py      BaseCache, what every cache offers; how values become bytes
    memory.py    InMemoryCache
    sqlite.py    SqliteCache
    redis.py     RedisCache
    slots.py     one place in a cache: namespace, key and time to live; encoded results of nodes

What a cache gives back is data from outside: it is decoded by clew's codec, checked, and otherwise a miss.
"""
