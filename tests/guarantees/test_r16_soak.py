"""R16, small: two workers for seconds, killed at random. `python -m tests.guarantees.soak` does it for hours."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .sizes import NIGHTLY, sized
from .soak import soak

MINUTES = sized(1, 20) * 0.1


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("store", ["sqlite", "postgres"] if NIGHTLY else ["sqlite"])
def test_workers_that_are_killed_lose_nothing(store: str, report_figure: Callable[[str], None]) -> None:
    figures = soak(MINUTES, store=store, workers=2, threads=50, seed=16)
    assert figures.problems == []
    assert figures.outcomes["done"] > 10
    assert figures.kills >= 1
    report_figure(f"R16 with R17: {store}: {figures}")
