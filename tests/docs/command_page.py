"""Writes the reference page of the command line from the code: `python -m tests.docs.command_page`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
from clew.actors.cli.commands import clew
from clew.actors.cli.frame.desk import OPTIONS

PAGE = Path(__file__).parents[2] / "docs/reference/cli.md"

INTRODUCTION = """# The command line

`clew` reads and changes threads in a store, without the graph's code unless something is to run. It comes with the
extra `cli`: `pip install "clew[cli]"`. `python -m tests.docs.command_page` writes this page from the code.

**The store** is named by `--store`, or by the environment variable `CLEW_STORE`:

| address | what it is |
|---|---|
| `sqlite:///threads.db`, `sqlite:////srv/threads.db` | a SQLite file, by a path from here or from the root |
| `postgresql://user@host/database` | a Postgres database; needs the extra `postgres` |
| `threads.jsonl`, `threads.jsonl.gz` | a file that `clew export` wrote: what reads a store reads it too |
| `threads.db` | a SQLite file that is there |

A command that reads opens the store to read only, and makes neither a file nor a table.

**A thread** is named by its id, or by a beginning that no other id has; so are questions and checkpoints.

**What is printed.** Data goes to standard output, everything else (what to type next, warnings, progress) to standard
error. `-o json` prints one array or object, `-o jsonl` one object on each line; their names stay from release to
release, and new ones may come. Tables are for people: on a terminal they have colours and fit it; in a pipe, or
under `NO_COLOR`, they are plain. Times are UTC, in JSON ISO 8601.

**Exit codes**

| code | meaning |
|---|---|
| 0 | done |
| 1 | something was found (a broken chain), or refused (a second answer), or differs |
| 2 | it could not be asked like this: no such store, thread or version, a malformed answer; nothing was written |
| 130 | left with Ctrl+C |

**An encrypted store** is opened with `--cipher module:name`, which names the `Keyring` or `EncryptedSerializer` that
your service gives its saver. `module:name` is looked for in the current folder, too.

**These options** are those of every command that works on a store:

"""

COMPLETION = """## In your shell

`clew completion bash` (or `zsh`, `fish`) prints a script that completes commands, options and ids of threads:

```bash
clew completion bash > ~/.local/share/bash-completion/completions/clew
```
"""


def page() -> str:
    """The page's text."""
    shared = _parameters(_with_options())
    parts = [INTRODUCTION.rstrip("\n") + "\n", _table(shared)]
    parts += [_section(name, command, {one for one, _ in shared}) for name, command in commands()]
    if any(name == "clew completion" for name, _ in commands()):
        parts.append(COMPLETION)
    return "\n".join(parts)


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by what is typed."""
    yield from _below("clew", clew)


def _below(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for word, inner in command.commands.items():
            yield from _below(f"{name} {word}", inner)
    else:
        yield name, command


def _section(name: str, command: click.Command, shared: set[str]) -> str:
    words = " ".join(_argument(one) for one in command.params if isinstance(one, click.Argument))
    own = [row for row in _parameters(command) if row[0] not in shared]
    lines = [f"## {name}\n", f"`{name} {words}`\n".replace(" `", "`"), _prose(command.help or "") + "\n"]
    if own:
        lines.append(_table(own))
    if len(own) < len(_parameters(command)):
        lines.append("And the options of every command that works on a store.\n")
    if command.epilog:
        lines.append(_prose(command.epilog) + "\n")
    return "\n".join(lines)


def _argument(argument: click.Argument) -> str:
    name = (argument.metavar or argument.name or "").upper()
    many = "..." if argument.nargs != 1 else ""
    return f"{name}{many}" if argument.required else f"[{name}]{many}"


def _prose(text: str) -> str:
    """Help as paragraphs; those that click is told to leave as they are, too."""
    paragraphs = text.replace("\b", "").strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _parameters(command: click.Command) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for one in command.params:
        if isinstance(one, click.Option) and not one.hidden:
            value = "" if one.is_flag else f" {one.metavar or _choices(one)}"
            names = ", ".join(
                f"`{name}{value if name.startswith('--') else ''}`" for name in [*one.opts, *one.secondary_opts]
            )
            default = f" Default: {one.default}." if one.show_default else ""
            rows.append((names, (one.help or "").replace("|", "\\|") + default))
    return rows


def _choices(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return "\\|".join(map(str, option.type.choices))
    return (option.type.name or "").upper().replace(" RANGE", "").replace("INTEGER", "N")


def _table(rows: list[tuple[str, str]]) -> str:
    lines = ["| option | meaning |", "|---|---|", *(f"| {name} | {meaning} |" for name, meaning in rows)]
    return "\n".join(lines) + "\n"


def _with_options() -> click.Command:
    def nothing() -> None:
        """Nothing."""

    function = nothing
    for option in reversed(OPTIONS):
        function = option(function)
    return click.command()(function)


if __name__ == "__main__":
    PAGE.write_text(page())
