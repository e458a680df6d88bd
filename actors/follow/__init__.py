"""Joining a stream again: what a thread committed after a version, and what a run under way commits meanwhile.

    replay.py     the chunks of commits as they are read, as the run's own stream showed them
    views.py      how the streams of recorded runs looked
    follower.py   where they are read from, and how long to wait for more
    door.py       `join_stream` and `ajoin_stream`, two thin doors over one follower

Reads only: no command reaches an actor from here.
"""
