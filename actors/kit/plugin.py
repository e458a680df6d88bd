"""The pytest plug-in that comes with clew: recorded logs as parameters, a nightly profile, forking tests first.

- `@pytest.mark.recorded_logs("folder")`: the test runs once for each log in the folder, as its argument `recorded_log`.
- `@pytest.mark.recorded_threads("folder")`: the test runs once for each thread of the exports in the folder, as its
  argument `recorded_thread`, for `assert_fits`.
- `@pytest.mark.forks`: the test forks processes (`crash_everywhere` does): it runs before those that may start threads.
- `--hypothesis-profile nightly`: many more examples, drawn at random.
- `virtual_clock`, `sqlite_files`: a clock that stands still; SQLite files for `crash_everywhere`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ..audit.check.corpus import recordings_of
from .crash.everywhere import SqliteFiles
from .recorded_log import RecordedLog
from .simulation.clock import VirtualClock

# Before anything imports it: a failing contract test then shows its values.
pytest.register_assert_rewrite("clew.actors.kit.store_contract", "clew.actors.kit.vault_contract")

NIGHTLY = "nightly"
NIGHTLY_EXAMPLES = 2_000
NIGHTLY_STEPS = 60


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Describe the marks, and the profile when it is asked for."""
    config.addinivalue_line("markers", "recorded_logs(folder): run once for each log in the folder, as recorded_log")
    config.addinivalue_line("markers", "recorded_threads(folder): run once for each thread of the folder's exports")
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
    """A parameter for each log or thread of the folder that a mark names, from the test's own folder or the root."""
    if (logs := _folder(metafunc, "recorded_logs", "recorded_log")) is not None:
        paths = sorted(logs.glob("*.jsonl"))
        metafunc.parametrize("recorded_log", paths, ids=[path.stem for path in paths], indirect=True)
    if (exports := _folder(metafunc, "recorded_threads", "recorded_thread")) is not None:
        found = [recording for recording, _, _ in recordings_of(exports)]
        if not found:
            raise pytest.UsageError(f"recorded_threads: there is no thread in {exports}, so nothing would be shown")
        metafunc.parametrize("recorded_thread", found, ids=[one.thread for one in found], indirect=True)


def _folder(metafunc: pytest.Metafunc, name: str, argument: str) -> Path | None:
    """The folder that a mark of the test names; None where the test has no such mark or argument."""
    mark = metafunc.definition.get_closest_marker(name)
    if mark is None or argument not in metafunc.fixturenames:
        return None
    named = Path(*mark.args)
    places = [metafunc.definition.path.parent / named, metafunc.config.rootpath / named]
    folder = next((place for place in places if place.is_dir()), None)
    if folder is None:
        raise pytest.UsageError(f"{name}: there is no folder {named} beside {metafunc.definition.path}")
    return folder


@pytest.fixture
def recorded_log(request: pytest.FixtureRequest) -> object:
    """One of the logs that the mark `recorded_logs` names: a `clew.testing.RecordedLog`."""
    return RecordedLog.load(request.param)


@pytest.fixture
def recorded_thread(request: pytest.FixtureRequest) -> object:
    """One of the threads that the mark `recorded_threads` names: a `clew.audit.Recording`."""
    return request.param


@pytest.fixture
def virtual_clock() -> object:
    """A `clew.testing.VirtualClock`: it stands still until the test moves it."""
    return VirtualClock()


@pytest.fixture
def sqlite_files(tmp_path: Path) -> object:
    """A `clew.testing.SqliteFiles` in the test's own folder."""
    return SqliteFiles(tmp_path / "threads")
