"""The entry point of the `clew` command. Without the extra `cli` it says how to install it."""

from __future__ import annotations

import sys
from typing import NoReturn

NEEDED = frozenset({"click", "rich"})
"""Packages of the extra `cli`."""
EXIT_USAGE = 2
"""Exit code for a command that cannot be run as it was asked for."""


def main() -> NoReturn:
    """Run the `clew` command with the process's arguments, and exit."""
    try:
        from .commands import clew
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in NEEDED:
            raise
        print(f'the clew command needs the package {package!r}: pip install "clew[cli]"', file=sys.stderr)
        sys.exit(EXIT_USAGE)
    sys.exit(clew(prog_name="clew"))


if __name__ == "__main__":
    main()
