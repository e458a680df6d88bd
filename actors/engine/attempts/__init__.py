"""One attempt of a node, piece by piece: what it receives, when it is tried again, cached, limited, asked to stop.

    inputs.py      what of the state a callable receives
    retry.py       when a failed attempt is tried again
    cached.py      what is taken from the cache instead, and left there
    handled.py     the error that its handler is given
    limits.py      the time limits of one attempt
    mutations.py   in debug mode: what a node changed in place of what it was given
    upcasts.py     calling a user's upcasters
    control.py     RunControl, which asks a run to stop at its super-step's end

Called by the runner and by what a node is given; never by the thread actor, but for the control.
"""
