"""What the plain path may cost, in counts that neither a clock nor the machine's load changes: the one place for them.

`test_plain_path.py` holds a run to these. Whoever makes it dearer changes a number here, and says why in the commit;
whoever makes it cheaper lowers one.
"""

from dataclasses import dataclass

MEMORY = "memory"
SQLITE = "sqlite"
STEP = "super-step"
"""One more node in a chain, one super-step each; the run's own costs are left out."""
CYCLE = "cycle"
"""A fresh thread runs to its question, is answered, and finishes: two calls, two super-steps after the asking one."""


@dataclass(frozen=True)
class Cost:
    """What one unit may take."""

    calls_max: int
    """Calls of clew's own Python functions on the caller's thread. Python 3.12 and newer make fewer for the same."""
    appends: int
    """Commits given to the store, one fsync each where it is a disk."""
    values: int
    """Values that are encoded: what users write and answer once, a question for its digest too, each time it is met."""
    statements: int = 0
    """Statements that the database runs, those that begin and end transactions among them."""
    transactions: int = 0
    hops: int = 0
    """Pieces of work handed to another thread."""


COSTS = {
    (STEP, MEMORY): Cost(calls_max=134, appends=1, values=1),
    (STEP, SQLITE): Cost(calls_max=150, appends=1, values=1, statements=4, transactions=1),
    (CYCLE, MEMORY): Cost(calls_max=885, appends=5, values=7),
    (CYCLE, SQLITE): Cost(calls_max=970, appends=5, values=7, statements=20, transactions=5),
}
