"""What an error handler is given: the error itself, or, when it runs again for an answer, what was recorded of it."""

from __future__ import annotations

from ....events.vocabulary import NodeFailed
from ...author.callee import NodeError
from ..work.jobs import Job


class RecordedError(Exception):
    """An error that was recorded. It reads as it did (`str`, `repr`, its class's name), so a question made of it is the
    same question; it is no instance of the class that it had."""

    recorded: str

    def __repr__(self) -> str:
        return self.recorded


def node_error(job: Job) -> NodeError | None:
    """What an error handler's parameter `error` receives; None in any other node."""
    failed = job.task.failed
    if failed is None or not failed.handled_by:
        return None
    return NodeError(job.task.node, job.cause or recorded_error(failed))


def recorded_error(failed: NodeFailed) -> Exception:
    """An exception that reads as the one which the node raised."""
    if not failed.kind:
        return Exception(failed.error)  # recorded before classes and messages were
    return type(failed.kind, (RecordedError,), {"recorded": failed.error})(failed.message)
