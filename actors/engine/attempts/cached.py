"""What a node with a cache policy takes from the cache instead of running, and what it leaves there.

A result that depends on a person's answer is never kept: on a hit the question would not be asked.
"""

from __future__ import annotations

import time

from ...caching.slots import Slot, decode_result, encode_result, namespace_of, open_slot
from ...decider.commands import Outcome
from ..context import is_start
from ..work.jobs import Job
from .inputs import node_input


def result_slot(job: Job) -> Slot | None:
    """The place in the graph's cache for what the node makes of its input; None where nothing may be cached.

    Raises what the policy's key function raises.
    """
    cache = job.run.settings.cache
    if cache is None or job.task.questions or is_start(job):
        return None
    callee = job.node.callee
    return open_slot(
        cache,
        job.node.cache_policy,
        namespace_of(job.node.name, callee.fingerprint),
        job.run.codec,
        (node_input(job),),
    )


def cached(job: Job, found: bytes | None) -> Outcome | None:
    """The node's outcome from what the cache has; None when that is nothing, or nothing that this graph could write."""
    if found is None:
        return None
    run = job.run
    result = decode_result(found, run.codec, run.plan.channels, run.plan.nodes)
    if result is None:
        return None
    writes, routes = result
    return Outcome(
        job.ordinal,
        "completed",
        job.attempt,
        writes=writes,
        routes=routes,
        finished_at=time.time_ns() // 1000,
        cached=True,
    )


def encoded_result(job: Job, outcome: Outcome) -> bytes | None:
    """What the cache is to have of an outcome; None where it is no result, or one that cannot be stored."""
    if outcome.kind != "completed" or outcome.questions:
        return None
    return encode_result(outcome.writes, outcome.routes, job.run.codec)
