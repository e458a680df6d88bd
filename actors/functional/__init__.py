"""The functional API: a workflow written as a function, its steps as tasks whose results are on record.

    task.py        `@task`: a function whose calls in a graph are recorded effects
    calls.py       one call of a task: played back or run, tried again, cached, shown in streams
    crew.py        who runs the calls of one node: pool threads, the event loop, whoever waits for them
    futures.py     what a call of a task returns
    entrypoint.py  `@entrypoint`: a plan of one node, run by the same engine as every graph

Nothing here writes to a store: a call's result goes with its node's report, or early, through the thread's actor.
"""
