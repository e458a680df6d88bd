"""Channels: the rule by which one key of the state takes writes, one file per rule.

    channel.py          what a channel is; cells.py holds a checkpoint's cells by channel name
    last_value.py any_value.py ephemeral_value.py untracked_value.py topic.py
    aggregate.py        a binary reducer; lazy.py is how its merges wait until somebody reads
    messages.py         add_messages and MessagesState; messages_channel.py keeps them in a shared message_log.py
    message_ids.py      gives messages their ids before they are written
    base_channel.py     channels as objects of their own; payload_value.py is what the simple ones share
    kinds/              barriers, values shown at a run's end, batch reducers, people's own channels
    overwrite.py reducers.py   `Overwrite` in its three forms; which channel a reducer gets
    empty_value.py      what a key with a reducer holds before anybody wrote to it
    shared_map.py       a persistent mapping, for what several checkpoints share

Import by module: `cells` and `channel` need no langchain-core, the message modules do.
"""
