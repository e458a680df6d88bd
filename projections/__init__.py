"""The projections room: pure folds over events.

    channels/     one key of state each: the rule by which writes become a value
    state/        the fold: a thread's state, its open step and questions, its checkpoints and views
    streams/      what a stream shows for an event
    inbox/ audit/ questions across threads; a thread's story as lines
    drawing/      a graph as a diagram

It imports events and nothing of actors; it does no input or output and knows no clock.
"""
