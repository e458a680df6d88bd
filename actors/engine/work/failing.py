"""What happens to the tasks beside one that failed.

On an event loop they are cancelled. A sync caller's cannot be: they run to their end, their work is kept, and only then
does the caller get the failure, so that whoever looks at the thread next sees what it will go on from.
"""

from __future__ import annotations

from collections.abc import Sized

from ...decider.commands import Outcome
from ...decider.reporting import handler_for
from ..run import Run
from .jobs import Job


def waits_for_siblings(job: Job, outcome: Outcome) -> bool:
    """True for a failure that ends its run only when nothing runs beside it any more.

    What is no `Exception` ends it at once: somebody wants to leave, the graph or the program. What gave up waiting for
    another attempt, because of such a failure, is told of with it.
    """
    if outcome.kind == "cancelled":
        return not job.run.cancelled and job.run.given_up
    if job.run.loop is not None or not isinstance(outcome.error, Exception):
        return False
    return not handler_for(job.run.plan, job.task, outcome)


def jobs_beside(run: Run, running: Sized) -> int:
    """How many of a run's jobs that nobody has begun are begun although one beside them failed.

    Those that started with it, and wait for a thread to be free for an instant; not those that wait for a place.

    Args:
        run: the run.
        running: tasks of the step that are begun or are such jobs.
    """
    places = run.settings.concurrency_max
    if run.settings.runtime is not None:
        at_once = run.settings.runtime.pool_max + 1
        places = at_once if places is None else min(places, at_once)
    jobs = len(run.jobs)
    return jobs if places is None else max(0, places - 1 - (len(running) - jobs))
