"""What the specification says it says of every store, and of sync and async callers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clew import Runtime

from .callers import AsyncCaller, Caller
from .v3_programs import AsyncReader, Reader


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    """A runtime of the test's own: another process, as far as threads go."""
    opened = Runtime()
    yield opened
    opened.close()


@pytest.fixture(params=[Caller, AsyncCaller], ids=["sync", "async"])
def caller(request: pytest.FixtureRequest) -> Caller:
    """A sync and an async caller in turn."""
    return request.param()


@pytest.fixture(params=[Reader, AsyncReader], ids=["sync", "async"])
def reader(request: pytest.FixtureRequest) -> Iterator[Reader]:
    """A sync and an async reader of v3 event streams in turn."""
    made = request.param()
    if isinstance(made, AsyncReader):
        with made:
            yield made
    else:
        yield made
