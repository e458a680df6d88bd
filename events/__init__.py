"""The events room: what can be said, and how it is kept.

    vocabulary/   every event, and the values people put into graphs (Send, Command, Interrupt)
    codec/        events and user values to bytes and back; a closed registry, never code
    chain/        the digest that ties each commit to the one before it
    stores/       memory, SQLite and Postgres event stores behind one contract
    privacy/      commits encrypted under a key of the person whom they are about
    archive/      threads in a file, to be read and proved without a store
    errors.py     every error of clew, as a tree
    later.py      names of a module that are loaded at their first use
    deprecations.py moved.py   what warns about old names; names that are still found where they were

This room imports neither of the other two and never runs user code.
"""
