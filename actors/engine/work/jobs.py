"""What a run's caller or the pool does for it: a task to be run, a merge to be done."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ....projections.channels.cells import Cells
from ....projections.state import ids
from ....projections.state.namespaces import task_namespace
from ....projections.state.thread import Checkpoint, Task
from ...author.plan import Node, StateView
from ...decider.commands import Command, MergeWanted, UpcastWanted

if TYPE_CHECKING:
    from ..attempts.limits import Deadline
    from ..run import Run


class Job:
    """One task of the open step, ready to be run."""

    __slots__ = (
        "address",
        "attempt",
        "cause",
        "cells",
        "checkpoint",
        "checkpoint_id",
        "deadline",
        "first_attempt_at",
        "node",
        "ordinal",
        "run",
        "task",
        "task_id",
        "tried",
    )

    def __init__(
        self,
        run: Run,
        ordinal: int,
        task: Task,
        node: Node,
        checkpoint: Checkpoint,
        cells: Cells,
        attempt: int,
        checkpoint_id: str = "",
    ) -> None:
        self.run = run
        self.ordinal = ordinal
        self.task = task
        self.node = node
        self.checkpoint = checkpoint
        self.cells = cells
        self.attempt = attempt
        """Number of the attempt in the log, which counts those before a question or in an earlier run."""
        self.tried = 1
        """Number of the attempt since the task was started now, the present one included."""
        self.cause: BaseException | None = None
        """For an error handler: what its node raised, where that was in this process."""
        self.deadline: Deadline | None = None
        """The time limits of the attempt that is being made; None where it has none."""
        self.first_attempt_at = time.time()
        """Unix time, in seconds, of the first of these attempts."""
        self.address = checkpoint.address
        """Which step it belongs to: the address of the checkpoint before it."""
        self.checkpoint_id = checkpoint_id or checkpoint.id
        """Given where many tasks of a step are made: each would work it out anew."""
        self.task_id = ids.task_id(self.checkpoint_id, run.ns, task.node, task.send)

    @property
    def namespace(self) -> str:
        """The task's namespace: what it calls runs there."""
        return task_namespace(self.run.ns, self.task.node, self.task_id)

    @property
    def input_view(self) -> StateView:
        """What of the state the node receives; an error handler receives what its node received."""
        if self.task.handler:
            node = self.run.plan.node(self.task.node)
            return self.node.view if node is None else node.view
        return self.node.view

    def progress(self) -> None:
        """Note that the attempt does something, where its idle time counts everything. From any thread."""
        deadline = self.deadline
        if deadline is not None and deadline.any_progress:
            deadline.progress()

    def code_changed_since(self, fingerprint: bytes) -> bool:
        """True when the node's code is not what it was under the graph fingerprint given."""
        return self.run.node_changed(self.node.name, fingerprint)


class MergeJob:
    """A merge with a user's reducer in it, or a state to be brought up by a user's upcasters, ready to be run."""

    __slots__ = ("command", "run", "wanted")

    def __init__(self, run: Run, command: Command, wanted: MergeWanted | UpcastWanted) -> None:
        self.run = run
        self.command = command
        self.wanted = wanted
