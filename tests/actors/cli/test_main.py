"""The `clew` command exists without its extra, and then says what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT = """
import sys
sys.modules[{name!r}] = None
from clew.actors.cli.main import main
sys.argv = ["clew", "demo"]
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["click", "rich"])
def test_without_the_extra_the_command_says_how_to_install_it(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", WITHOUT.format(name=name)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert 'pip install "clew[cli]"' in done.stderr
    assert repr(name) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_command_tells_its_version() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "clew.actors.cli.main", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert done.stdout.startswith("clew ")
