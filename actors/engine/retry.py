"""When a failed attempt is tried again."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from ...events.errors import GraphBubbleUp
from ..decider.commands import Outcome
from .run import Job


def retry_delay(job: Job, outcome: Outcome) -> float | None:
    """Seconds to wait before the next attempt, or None when there is none.

    The first of the node's policies whose `retry_on` takes the error governs. Questions and control signals are never
    retried.
    """
    error = outcome.error
    policies = job.node.retry_policy
    if outcome.kind != "failed" or not policies or error is None or isinstance(error, GraphBubbleUp):
        return None
    policy = next((policy for policy in policies if _takes(policy.retry_on, error)), None)
    if policy is None or job.attempt >= policy.max_attempts:
        return None
    delay = min(policy.max_interval, policy.initial_interval * policy.backoff_factor ** (job.attempt - 1))
    return delay + random.uniform(0, 1) if policy.jitter else delay


def _takes(retry_on: Any, error: BaseException) -> bool:
    if isinstance(retry_on, Sequence):
        return isinstance(error, tuple(retry_on))
    if isinstance(retry_on, type) and issubclass(retry_on, BaseException):
        return isinstance(error, retry_on)
    return bool(retry_on(error))
