"""The pytest plug-in that comes with clew: recorded logs as parameters, a nightly profile, forking tests first.

- `@pytest.mark.recorded_logs("folder")`: the test runs once for each log in the folder, as its argument `recorded_log`.
- `@pytest.mark.forks`: the test forks processes (`crash_everywhere` does): it runs before those that may start threads.
- `--hypothesis-profile nightly`: many more examples, drawn at random.
- `virtual_clock`, `sqlite_files`: a clock that stands still; SQLite files for `crash_everywhere`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .crash.everywhere import SqliteFiles
from .recorded_log import RecordedLog
from .simulation.clock import VirtualClock

# Before anything imports it: a failing contract test then shows its values.
pytest.register_assert_rewrite("clew.actors.kit.store_contract")

NIGHTLY = "nightly"
NIGHTLY_EXAMPLES = 2_000
NIGHTLY_STEPS = 60


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Describe the marks, and the profile when it is asked for."""
    config.addinivalue_line("markers", "recorded_logs(folder): run once for each log in the folder, as recorded_log")
    config.addinivalue_line("markers", "forks: forks processes, so it runs before tests that start threads")
    if config.getoption("--hypothesis-profile", None) == NIGHTLY:
        from hypothesis import settings

        settings.register_profile(
            NIGHTLY, max_examples=NIGHTLY_EXAMPLES, stateful_step_count=NIGHTLY_STEPS, deadline=None
        )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Forking tests first; the others keep their order."""
    items.sort(key=lambda item: item.get_closest_marker("forks") is None)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A parameter for each log of the folder that the mark names, from the test's own folder or the root."""
    mark = metafunc.definition.get_closest_marker("recorded_logs")
    if mark is None or "recorded_log" not in metafunc.fixturenames:
        return
    named = Path(*mark.args)
    places = [metafunc.definition.path.parent / named, metafunc.config.rootpath / named]
    folder = next((place for place in places if place.is_dir()), None)
    if folder is None:
        raise pytest.UsageError(f"recorded_logs: there is no folder {named} beside {metafunc.definition.path}")
    paths = sorted(folder.glob("*.jsonl"))
    metafunc.parametrize("recorded_log", paths, ids=[path.stem for path in paths], indirect=True)


@pytest.fixture
def recorded_log(request: pytest.FixtureRequest) -> object:
    """One of the logs that the mark `recorded_logs` names: a `clew.testing.RecordedLog`."""
    return RecordedLog.load(request.param)


@pytest.fixture
def virtual_clock() -> object:
    """A `clew.testing.VirtualClock`: it stands still until the test moves it."""
    return VirtualClock()


@pytest.fixture
def sqlite_files(tmp_path: Path) -> object:
    """A `clew.testing.SqliteFiles` in the test's own folder."""
    return SqliteFiles(tmp_path / "threads")
