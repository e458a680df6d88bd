"""A shop's store of each kind, by the URL that a command takes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from clew import SqliteSaver
from clew.actors.cli.commands import clew
from clew.archive import export_threads
from clew.checkpoint import PostgresSaver
from click.testing import CliRunner, Result

from . import shop

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in the environment changes what is printed."""
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CLEW_STORE", "CLEW_TENANT", "CLEW_CIPHER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the shop's threads; not to be changed."""
    path = tmp_path_factory.mktemp("shop") / "shop.db"
    with SqliteSaver.from_conn_string(str(path)) as saver:
        shop.fill(saver)
        shop.branch(saver)
    return path


@pytest.fixture
def run(filled: Path) -> Run:
    """Runs a command on the shop's store, without a terminal."""

    def invoke(*words: str, **options: object) -> Result:
        environment = {"CLEW_STORE": f"sqlite:///{filled}"}
        return CliRunner().invoke(clew, list(words), env=environment, **options)  # type: ignore[arg-type]

    return invoke


@pytest.fixture
def run_here(filled: Path, tmp_path: Path) -> Run:
    """As `run`, on a copy of the store that the test may change: `shop.db` in its folder."""
    shutil.copy(filled, tmp_path / "shop.db")

    def invoke(*words: str, **options: object) -> Result:
        environment = {"CLEW_STORE": f"sqlite:///{tmp_path / 'shop.db'}"}
        return CliRunner().invoke(clew, list(words), env=environment, **options)  # type: ignore[arg-type]

    return invoke


@pytest.fixture(params=["sqlite", "postgres", "file"])
def store_url(request: pytest.FixtureRequest, filled: Path, tmp_path: Path) -> Iterator[str]:
    """The shop's threads in a store of each kind in turn, and in an exported file."""
    if request.param == "sqlite":
        yield f"sqlite:///{filled}"
    elif request.param == "file":
        with SqliteSaver.from_conn_string(str(filled)) as saver:
            export_threads(saver.store, tmp_path / "shop.jsonl.gz")
        yield str(tmp_path / "shop.jsonl.gz")
    else:
        url = postgres_url(request.getfixturevalue("postgres_dsn"))
        with PostgresSaver.from_conn_string(url) as saver:
            saver.setup()
            shop.fill(saver)
            shop.branch(saver)
        yield url


def postgres_url(dsn: str) -> str:
    """A connection string as a URL."""
    from psycopg.conninfo import conninfo_to_dict

    return f"postgresql:///?{urlencode(conninfo_to_dict(dsn), quote_via=quote)}"
