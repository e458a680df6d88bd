"""The deploy gate: would new code do with recorded threads what was done?

    gate.py        `check_graph` and `check_threads`: from a graph and a source to verdicts
    corpus.py      which threads of a source are looked at, one at a time
    walk.py        one thread: its log against the graph, event by event, then where it stands
    values.py      the values in an event
    ways.py        routes and plans, compared and said
    paths.py       path functions, on the state that is on record
    rules.py       keys whose rule is another one now: what that changes
    standing.py    whether the graph fits what the thread waits for
    bodies.py      nodes that wait, run again up to their question
    guard.py       what user code may not do meanwhile
    verdicts.py    what is said of a thread
    report.py      what is said of all of them: for people, and as JSON

Nothing is appended to the store, and no new effect is made.
"""
