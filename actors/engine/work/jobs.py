"""What a run's caller or the pool does for it: a task to be run, a merge to be done."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import Struct, field

from ....projections.channels.cells import Cells
from ....projections.state.namespaces import task_namespace
from ....projections.state.thread import Checkpoint, Task
from ...author.plan import Node, StateView
from ...decider.commands import Command, MergeWanted, UpcastWanted

if TYPE_CHECKING:
    from ..attempts.limits import Deadline
    from ..run import Run


class Job(Struct, eq=False):
    """One task of the open step, ready to be run."""

    run: Run
    ordinal: int
    task: Task
    node: Node
    checkpoint: Checkpoint
    cells: Cells
    attempt: int
    """Number of the attempt in the log, which counts those before a question or in an earlier run."""
    address: tuple[int, int]
    """Which step it belongs to: the address of the checkpoint before it."""
    checkpoint_id: str
    task_id: str
    handler: str = ""
    """Name of the error handler that has taken over from the task's node; "" for none."""
    tried: int = 1
    """Number of the attempt since the task was started now, the present one included."""
    cause: BaseException | None = None
    """For an error handler: what its node raised, where that was in this process."""
    deadline: Deadline | None = None
    """The time limits of the attempt that is being made; None where it has none."""
    first_attempt_at: float = field(default_factory=time.time)
    """Unix time, in seconds, of the first of these attempts."""

    # Its fields lead to what users gave, config and state, which a log of local or context variables must not show.
    __repr__ = object.__repr__

    @property
    def namespace(self) -> str:
        """The task's namespace: what it calls runs there."""
        return task_namespace(self.run.ns, self.task.node, self.task_id)

    @property
    def input_view(self) -> StateView:
        """What of the state the node receives; an error handler receives what its node received."""
        if self.handler:
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


class MergeJob(Struct, eq=False):
    """A merge with a user's reducer in it, or a state to be brought up by a user's upcasters, ready to be run."""

    run: Run
    command: Command
    wanted: MergeWanted | UpcastWanted
