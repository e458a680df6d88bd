"""The page of the command line says what can be typed: every command, every option, and nothing else."""

from __future__ import annotations

import re

import click
import pytest
from clew.actors.cli.commands import clew
from click.testing import CliRunner

from .command_page import PAGE, commands, page

COMMANDS = dict(commands())


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text() == page(), "write it anew: python -m tests.docs.command_page"


def test_the_page_names_each_command_once() -> None:
    assert re.findall(r"^## (clew .+)$", page(), re.MULTILINE) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_each_command_tells_every_option_in_80_columns(name: str) -> None:
    command = COMMANDS[name]
    result = CliRunner().invoke(clew, [*name.split()[1:], "--help"], terminal_width=80)
    assert result.exit_code == 0
    assert max(len(line) for line in result.stdout.splitlines()) <= 80
    options = [one for one in command.params if isinstance(one, click.Option)]
    assert [one.name for one in options if not one.help] == []
    assert [name for one in options for name in one.opts if name not in result.stdout] == []
    assert command.help
