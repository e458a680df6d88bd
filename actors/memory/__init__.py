"""Long-term memory: what a graph keeps across threads, under a namespace and a key.

    items.py             what is kept and asked for: items, operations, the settings for vectors and time to live
    checks.py            what is refused: names, values, operators of filters
    filters.py           which items a search means, which namespaces a listing means
    paths.py             the texts of a value that are embedded
    embedding.py         what turns texts into vectors, and how near two vectors are
    base.py              `BaseStore`: the methods that nodes call, each one operation in a batch
    core.py              the one core: a batch of operations over a backend, for sync and async callers
    sweeper.py           takes away what has expired; what the SQL stores have in common, for sync and async callers
    memory.py sqlite.py postgres.py postgres_backend.py     the backends and the stores people open

Not the event store: threads and their commits are in `clew.events.stores`.
"""
