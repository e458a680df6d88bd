"""A pytest plug-in that runs the Python blocks of README.md and docs/**/*.md as tests, in the order they stand.

The blocks of one document share a module, which starts in an empty folder of its own and leaves neither files nor
environment variables behind. pyproject.toml loads it with `-p`, because no conftest.py stands above README.md.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import pytest
from sybil import Document, Region, Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

# `skip: end` closes a `skip: start`, which has said why; every other skip says it itself, as a string.
_REASONED = re.compile(r"""end|(start|next)\s+(if\(.+,\s*)?(reason\s*=\s*)?(["']).{8,}\4\)?""")


class MarkdownModule(Document):
    """A document whose blocks run in a real module, so that type hints in them resolve as in a user's file."""

    def __init__(self, text: str, path: str) -> None:
        super().__init__(text, path)
        module = ModuleType("document_" + re.sub(r"\W", "_", Path(path).stem.lower()))
        module.__file__ = path
        sys.modules[module.__name__] = module
        self.namespace = module.__dict__


class ReasonedSkipParser(SkipParser):
    """`<!--- skip: next "reason" -->`, refused where the reason is missing."""

    def __call__(self, document: Document) -> Iterable[Region]:
        for lexed in self.lexers(document):
            arguments = lexed.lexemes["arguments"]
            if not _REASONED.fullmatch(arguments or ""):
                where = f"{document.path}, {document.line_column(lexed.start)}"
                raise ValueError(f'{where}: skip {arguments!r} gives no reason; write  skip: next "why it cannot run"')
        return super().__call__(document)


class Workplace:
    """The empty folder in which one document runs, and the environment to put back after it."""

    def enter(self, namespace: dict[str, Any]) -> None:
        """Called by sybil before a document's first block."""
        self._home, self._environment = Path.cwd(), dict(os.environ)
        self._folder = TemporaryDirectory(prefix="document-", ignore_cleanup_errors=True)
        os.chdir(self._folder.name)

    def leave(self, namespace: dict[str, Any]) -> None:
        """Called by sybil after a document's last block."""
        os.chdir(self._home)
        self._folder.cleanup()
        os.environ.clear()
        os.environ.update(self._environment)


def is_document(path: Path, root: Path) -> bool:
    """Tell whether `path` is a document of the project: README.md, or Markdown anywhere under docs/."""
    return path == root / "README.md" or (path.suffix == ".md" and root / "docs" in path.parents)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Hand a document to sybil; every other file is left to pytest."""
    root = parent.config.rootpath
    if not is_document(file_path, root):
        return None
    workplace = Workplace()
    sybil = Sybil(
        parsers=[PythonCodeBlockParser(), ReasonedSkipParser()],
        path=str(root),
        pattern="*.md",
        setup=workplace.enter,
        teardown=workplace.leave,
        document_types={".md": MarkdownModule},
    )
    return sybil.pytest()(file_path, parent)
