"""Reads source files: which modules the rooms have, and what each imports, as absolute names. Imports none of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("events", "projections", "actors")
FACADE = ROOT / "actors" / "facade"


@dataclass(frozen=True)
class Import:
    """One imported name; `from ..events.errors import ClewError` in actors is `clew.events.errors`, `ClewError`."""

    module: str
    name: str | None
    """What is taken out of the module; None in `import module`."""
    line: int
    in_function: bool
    for_types: bool
    """True below `if TYPE_CHECKING`: never happens at run time."""
    relative: bool

    @property
    def package(self) -> str:
        """The top-level package."""
        return self.module.partition(".")[0]


@dataclass(frozen=True)
class Source:
    """One Python file of the rooms, or of the tests."""

    path: Path
    module: str
    text: str
    tree: ast.Module
    imports: tuple[Import, ...]

    @property
    def name(self) -> str:
        """The path from the root, as the tests name it."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def room(self) -> str:
        """The folder below the root."""
        return self.name.partition("/")[0]

    @property
    def in_facade(self) -> bool:
        """True for what users import from."""
        return self.path.is_relative_to(FACADE)


def module_name(path: Path) -> str:
    """The name under which a file of the rooms is imported."""
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    if parts[:2] == ["actors", "facade"]:
        del parts[:2]
    if parts and parts[-1] == "__init__":
        del parts[-1]
    return ".".join(["clew", *parts])


def rooms() -> tuple[Source, ...]:
    """Every Python file of the three rooms."""
    return tuple(source for room in ROOMS for source in below(ROOT / room))


@cache
def below(folder: Path) -> tuple[Source, ...]:
    """Every Python file below a folder, in the order of their paths."""
    return tuple(_read(path) for path in sorted(folder.rglob("*.py")) if "__pycache__" not in path.parts)


def _read(path: Path) -> Source:
    return parsed(path, path.read_text(encoding="utf-8"))


def parsed(path: Path, text: str) -> Source:
    """A file with this text at this path, whether it is there or not."""
    tree = ast.parse(text, str(path))
    module = module_name(path)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return Source(path, module, text, tree, tuple(_imports(tree, package)))


def _imports(node: ast.AST, package: str, in_function: bool = False, for_types: bool = False) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, None, child.lineno, in_function, for_types, relative=False)
        elif isinstance(child, ast.ImportFrom):
            module = _resolve(child, package)
            for alias in child.names:
                yield Import(module, alias.name, child.lineno, in_function, for_types, relative=child.level > 0)
        else:
            inside = in_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, package, inside, for_types or _is_for_types(child))


def _resolve(statement: ast.ImportFrom, package: str) -> str:
    if not statement.level:
        return statement.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - statement.level + 1]
    return ".".join([*base, *([statement.module] if statement.module else [])])


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
