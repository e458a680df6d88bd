"""Open questions across threads.

summary.py   a thread's open questions as its head keeps them
listing.py   those of all threads, as an inbox lists them
schema.py    whether an answer fits the schema that was asked for
"""
