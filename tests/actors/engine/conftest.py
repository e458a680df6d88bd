"""What the tests of the engine share: eager thread switching, and a runtime that must come to rest."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from clew import Runtime

from ...support.watchdog import within


@pytest.fixture
def eager_switching() -> Iterator[None]:
    """Threads are switched every ten microseconds: what can go wrong between two instructions does."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    """A runtime of the test's own; nothing may be under way in it when the test ends."""
    opened = Runtime()
    yield opened
    within(opened.close)
