"""How much of the plan one run does: a sample at each commit, all of it at night.

`CLEW_TESTS=nightly pytest tests/guarantees --timeout 0` is the nightly run; `CLEW_TESTS=nightly/20` does a twentieth.
`python -m tests.guarantees.nightly` runs line by line, and writes what came of it into the table.
"""

from __future__ import annotations

import os
from typing import Final

_ASKED, _, _PART = os.environ.get("CLEW_TESTS", "").partition("/")
NIGHTLY: Final = _ASKED == "nightly"
PART: Final = int(_PART or 1)
"""One case in so many is tried, where their number can be chosen."""


def sized(commit: int, nightly: int) -> int:
    """The number of cases of this run."""
    return max(commit, nightly // PART) if NIGHTLY else commit
