"""A pytest plug-in for numbers that are worth reading but vary with the machine: printed, never asserted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

_FIGURES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Start the run's list."""
    config.stash[_FIGURES] = []


@pytest.fixture
def report_figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """A function that adds one line, with its unit and its target, to the summary below the tests."""
    return request.config.stash[_FIGURES].append


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a worker process of a run in parallel: hand the lines to the run that collects them."""
    said = getattr(session.config, "workeroutput", None)
    if said is not None:
        said["figures"] = session.config.stash[_FIGURES]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker process is done: take its lines."""
    node.config.stash[_FIGURES].extend(getattr(node, "workeroutput", {}).get("figures", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the lines, if there are any."""
    lines = terminalreporter.config.stash[_FIGURES]
    if lines:
        terminalreporter.section("figures, reported and not asserted")
    for line in lines:
        terminalreporter.line(line)
