"""When a failed attempt is tried again."""

from __future__ import annotations

import random

from ....events.errors import GraphBubbleUp, is_invalid_resume
from ...author.plan import Node
from ...decider.commands import Outcome


def retry_delay(node: Node, outcome: Outcome, tried: int) -> float | None:
    """Seconds to wait before the next attempt, or None when there is none.

    The first of the node's policies whose `retry_on` takes the error governs. Questions, answers in a wrong form and
    control signals are never retried, nor is what asks the process to end.

    Args:
        node: whose policies count.
        outcome: of the last attempt.
        tried: attempts made since the task was started, with the last. Those before a question or in an earlier run
            do not count.
    """
    error = outcome.error
    if outcome.kind != "failed" or not node.retry_policy or not isinstance(error, Exception):
        return None
    if isinstance(error, GraphBubbleUp) or is_invalid_resume(error):
        return None
    policy = next((policy for policy in node.retry_policy if policy.covers(error)), None)
    if policy is None or tried >= policy.max_attempts:
        return None
    return policy.wait_seconds(tried, random.random())
