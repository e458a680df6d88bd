"""How much of the plan one run does: a sample at each commit, all of it at night.

`CLEW_TESTS=nightly pytest tests/guarantees --timeout 0` is the nightly run.
"""

from __future__ import annotations

import os
from typing import Final

NIGHTLY: Final = os.environ.get("CLEW_TESTS") == "nightly"


def sized(commit: int, nightly: int) -> int:
    """The number of cases of this run."""
    return nightly if NIGHTLY else commit
