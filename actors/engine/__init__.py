"""The engine: it acts on what the decider decides.

runtime.py     what a service holds: the threads' actors, the pool, the dispatcher
thread.py      the thread actor: the only place that appends
work/          what the actor is told, and its book of what is under way
dispatcher.py  actors that share a few threads
journal.py     one append, or many in one transaction
run.py         one run as its caller sees it: jobs to do, chunks to take, an end
runner.py      runs user code, and nothing else does
call.py        what a running node can reach: questions, effects, config
"""
