"""The root of the command line: whatever goes wrong is one line on standard error, and an exit code.

0 done; 1 what was asked for did not come out as hoped (a finding, a refused answer); 2 it could not be asked like this.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Final

import click

from ....events.errors import (
    CipherError,
    ClewError,
    RefusedError,
    StaleVersionError,
    UnknownCheckpointError,
    UnknownInterruptError,
)
from ....projections.audit.values import printable

DONE: Final = 0
FOUND: Final = 1
"""Exit code: something was found, or refused, or differs."""
WRONG: Final = 2
"""Exit code: wrong usage, or what was named is not there or cannot be used."""
LEFT: Final = 130
"""Exit code: left with Ctrl+C; what shells use for it."""


class Failure(click.ClickException):
    """What ends a command with one line: what is wrong, which one, what to do."""

    exit_code = WRONG

    def show(self, file: Any = None) -> None:
        """Print the line on standard error."""
        click.echo(f"clew: {printable(' '.join(self.message.split()))}", err=True)


class Refusal(Failure):
    """A `Failure` of what was asked for rightly, and refused."""

    exit_code = FOUND


class Root(click.Group):
    """The `clew` group: turns errors into lines and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        for stream in (sys.stdout, sys.stderr):
            # A character that the terminal's encoding lacks must not end a command whose work is already stored.
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(errors="replace")
        try:
            return super().invoke(ctx)
        except (UnknownCheckpointError, UnknownInterruptError) as error:
            raise Failure(str(error)) from error
        except (RefusedError, StaleVersionError) as error:
            raise Refusal(str(error)) from error
        except CipherError as error:
            raise Failure(f"{error}; here: --cipher module:name") from error
        except ClewError as error:
            raise Failure(str(error)) from error
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                _close_quietly()
                raise click.exceptions.Exit(DONE) from None
            raise Failure(f"{error.strerror}: {error.filename!r}" if error.filename else str(error)) from error
        except KeyboardInterrupt:
            raise click.exceptions.Exit(LEFT) from None


def _close_quietly() -> None:
    """Whoever read the output has seen enough: Python's own flush at the end must not complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
