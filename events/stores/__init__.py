"""Event stores: where commits are kept. One contract (`store.py`), one suite that every store runs.

    store.py            the contract: Store, Entry, Row, Head, Position
    stream.py           how a thread and a commit look to any recorder: key, topic, state
    recorder.py         eventsourcing's recorder port over a store of ours, and its factory
    rows.py             from stored states to rows, checked
    memory.py           the store in memory
    sqlite*.py          the store in a SQLite file: store, schema, connections, addresses, errors, savers
    postgres*.py        the store in Postgres: store, schema, connections, savers
    recorder_store.py   a store over any other recorder of the ecosystem
    saver.py            what `compile(checkpointer=...)` takes
    checkpoints.py      checkpoints as savers show them; reading.py is who folds threads for that
    copying.py          a thread's commits under another name

Only the thread actor appends; anybody may read. Nothing here decodes a commit.
"""
