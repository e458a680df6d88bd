"""The engine: it acts on what the decider decides.

runtime.py     what a service holds: the threads' actors, the pool, the dispatcher
thread.py      the thread actor: the only place that appends
log.py         a thread's log in a store: read and folded, chained and appended
work/          what the actor is told, and its book of what is under way
dispatcher.py  actors that share a few threads
journal.py     one append, or many in one transaction
run.py         one run as its caller sees it: jobs to do, chunks to take, an end
runner.py      runs user code, and nothing else does; edits.py has it run path functions for `update_state`
attempts/      one attempt of a node, piece by piece
context.py     what a node is given besides its input
call.py        what a running node can reach; question.py and effects.py are the two things it does there

The default runtime is imported when somebody wants it: a tool node alone does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...events.later import later

if TYPE_CHECKING:
    from .runtime import default_runtime

__all__ = ["default_runtime"]

__getattr__, __dir__ = later(__name__, {"default_runtime": f"{__name__}.runtime"})
