"""The shape of the repository: three rooms, one way, small files, few dependencies; read from the sources.

The tables say where a rule is broken on purpose, and why.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, requires

import pytest

from tests.support.sources import FACADE, ROOMS, ROOT, Import, Source, below, module_name, rooms

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TOP_LEVEL = {"LICENSE", "README.md", "actors", "docs", "events", "projections", "pyproject.toml", "tests"}
CORE = {"eventsourcing", "langchain-core", "msgspec", "pykka"}
LINES_MAX = 600
FILES_MAX = 12

# Files longer than LINES_MAX, each with its reason.
LONG_FILES: dict[str, str] = {}
# Folders with more than FILES_MAX modules beside their __init__, each with its reason.
WIDE_FOLDERS: dict[str, str] = {
    "actors/author": "one file for each thing that a graph is written with; the thirteenth checks written values",
    "actors/doors": "one file for each thing that a call says or shows; the thirteenth is what savers show",
    "events/stores": "three stores, each with its schema, connections and errors beside it",
    "projections/channels": "one file for each channel class, named as users name it",
}
# Packages that are no dependency of the core, so they are imported where they are used, each with its extra.
OPTIONAL: dict[str, str] = {
    "aiohttp": "tavily",
    "cryptography": "crypto",
    "hypothesis": "testing",
    "langchain_anthropic": "anthropic",
    "langchain_aws": "aws",
    "langchain_google_genai": "google",
    "langchain_openai": "openai",
    "langchain_tavily": "tavily",
    "psycopg": "postgres",
    "psycopg_pool": "postgres",
    "sqlite_vec": "vectors",
}
# Our own modules that need an extra, so they are imported where they are used, each with the extra.
OWN_OPTIONAL: dict[str, str] = {
    "clew.actors.cli.commands": "cli",
    "clew.actors.memory.postgres_backend": "postgres",
    "clew.events.stores.postgres": "postgres",
}
# Files that import a module by a name held in a variable, each with where the name comes from.
IMPORTS_BY_NAME: dict[str, str] = {
    "events/later.py": "each module that shows names of others gives a closed table of our own modules",
    "actors/cli/frame/loading.py": "`module:name` as it was typed on the command line, by whoever runs it",
    "actors/agents/providers.py": "a closed table in the file itself names the providers' packages",
}
# What a fold may not reach: threads, clocks, chance, files, sockets, stores, actors.
IMPURE = {
    "asyncio", "concurrent", "eventsourcing", "os", "pathlib", "psycopg", "pykka", "queue", "random", "secrets",
    "shutil", "socket", "sqlite3", "subprocess", "tempfile", "threading", "time",
}  # fmt: skip
# What reads code or runs it from data.
UNSAFE = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
PEERS = {"langchain", "langgraph", "langgraph_sdk"}


def breaches(sources: Iterable[Source], wrong) -> list[str]:
    """`file:line imports module` for every import that `wrong(source, imported)` finds wrong."""
    return [
        f"{source.name}:{imported.line} imports {imported.module}"
        for source in sources
        for imported in source.imports
        if wrong(source, imported)
    ]


def inside(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


# --- the top level and the packaging


def test_the_top_level_is_exactly_the_three_rooms_tests_docs_and_packaging():
    generated = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split()]
    names = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert {name for name in names if not any(fnmatch(name, pattern) for pattern in generated)} == TOP_LEVEL


def test_the_packages_in_pyproject_are_the_folders():
    folders = {module_name(path) for room in ROOMS for path in (ROOT / room).rglob("__init__.py")}
    listed = PROJECT["tool"]["setuptools"]["packages"]
    assert listed == sorted(folders)
    assert PROJECT["tool"]["setuptools"]["package-dir"] == {
        "clew": "actors/facade",
        "clew.actors": "actors",
        "clew.events": "events",
        "clew.projections": "projections",
    }


def test_every_folder_with_sources_is_a_package():
    folders = {
        path.parent for room in ROOMS for path in (ROOT / room).rglob("*.py") if path.parent.name != "__pycache__"
    }
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_the_facade_cannot_be_imported_as_a_second_copy():
    code = "import clew, clew.actors.facade"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr
    assert "clew.actors.facade" in done.stderr


def test_the_core_depends_on_four_packages():
    assert {distribution(line) for line in PROJECT["project"]["dependencies"]} == CORE


def test_langgraph_is_a_dependency_of_the_benchmarks_extra_only():
    extras = PROJECT["project"]["optional-dependencies"]
    wanting = {extra for extra, lines in extras.items() if any("langgraph" in distribution(line) for line in lines)}
    assert wanting == {"bench"}
    # The tavily extra brings langgraph through langchain-tavily's metadata; nothing else may bring it through ours.
    installed = [line for line in requires("clew") or [] if "langgraph" in distribution(line)]
    assert installed
    assert all("extra == 'bench'" in line.replace('"', "'") for line in installed)


def test_nothing_the_core_installs_brings_langgraph_or_langchain():
    assert everything_required("clew") & {"langchain", "langgraph"} == set()


def distribution(requirement: str) -> str:
    """The normalised name in a line such as `psycopg[binary,pool]>=3.2; extra == "postgres"`."""
    name = re.match(r"[\w.\-]+", requirement.strip())
    assert name, f"not a requirement: {requirement!r}"
    return re.sub(r"[-_.]+", "-", name.group()).lower()


def everything_required(root: str) -> set[str]:
    """Every distribution that `root` needs without any extra, as far as it is installed here."""
    seen, waiting = set(), [root]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            lines = requires(name) or []
        except PackageNotFoundError:
            continue
        waiting.extend(distribution(line) for line in lines if "extra ==" not in line)
    return seen


# --- one way


def test_events_imports_neither_projections_nor_actors():
    sources = [source for source in rooms() if source.room == "events"]
    assert sources
    wrong = breaches(
        sources,
        lambda _, imported: (
            (inside(imported.module, "clew") and not inside(imported.module, "clew.events"))
            or imported.package == "pykka"
        ),
    )
    assert wrong == []


def test_projections_import_events_and_themselves_only():
    sources = [source for source in rooms() if source.room == "projections"]
    assert sources
    own = ("clew.events", "clew.projections")
    wrong = breaches(
        sources,
        lambda _, imported: inside(imported.module, "clew") and not any(inside(imported.module, room) for room in own),
    )
    assert wrong == []


def test_projections_reach_no_clock_no_thread_and_no_file():
    sources = [source for source in rooms() if source.room == "projections"]
    assert breaches(sources, lambda _, imported: imported.package in IMPURE) == []


def test_the_rooms_import_relatively_and_the_facade_does_not():
    wrong = breaches(
        rooms(),
        lambda source, imported: imported.relative is source.in_facade and inside(imported.module, "clew"),
    )
    assert wrong == []


def test_no_room_imports_the_facade():
    facade = {source.module for source in rooms() if source.in_facade}
    wrong = breaches(
        rooms(), lambda source, imported: not source.in_facade and target(imported, facade | {"clew"}) in facade
    )
    assert wrong == []


def test_nothing_but_the_benchmarks_imports_langgraph_or_langchain():
    documents = [source for source in below(ROOT / "tests") if "benchmarks" not in source.path.parts]
    wrong = breaches([*rooms(), *documents], lambda _, imported: imported.package in PEERS)
    assert wrong == []


def test_no_module_takes_a_name_from_a_package_above_it():
    modules = {source.module for source in rooms()}
    wrong = breaches(
        [source for source in rooms() if not source.in_facade],
        lambda source, imported: (
            target(imported, modules) != source.module and inside(source.module, target(imported, modules))
        ),
    )
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle():
    modules = {source.module for source in rooms()}
    graph = {
        source.module: {target(one, modules) for one in source.imports if not one.for_types} & modules - {source.module}
        for source in rooms()
    }
    assert circle(graph) == []


def target(imported: Import, modules: set[str]) -> str:
    """The module that an import reaches: `from .stores import sqlite` reaches the module, not the package."""
    full = f"{imported.module}.{imported.name}"
    return full if full in modules else imported.module


def circle(graph: dict[str, set[str]]) -> list[str]:
    """The modules that are left when those that import none of the rest are taken away, again and again."""
    left = dict(graph)
    while free := [module for module, targets in left.items() if not targets & left.keys()]:
        for module in free:
            del left[module]
    # What only leads into a circle is no part of it.
    while unwanted := [module for module in left if not any(module in targets for targets in left.values())]:
        for module in unwanted:
            del left[module]
    return sorted(left)


# --- inside functions, by name, from data


def test_imports_inside_functions_are_of_optional_packages():
    wrong = breaches(
        rooms(),
        lambda _, imported: (
            imported.in_function and imported.package not in OPTIONAL and imported.module not in OWN_OPTIONAL
        ),
    )
    assert wrong == []


def test_optional_packages_are_never_imported_by_importing_clew():
    extras = PROJECT["project"]["optional-dependencies"]
    assert {*OPTIONAL.values(), *OWN_OPTIONAL.values()} <= extras.keys()
    clients = {"anthropic", "boto3", "click", "hypothesis", "openai", "pytest", "rich", "tiktoken"}
    unwanted = sorted({*OPTIONAL, *OWN_OPTIONAL, *clients})
    facade = sorted(source.module for source in rooms() if source.in_facade)
    code = f"import sys, {', '.join(facade)}\nprint([name for name in {unwanted} if name in sys.modules])"
    assert run_python(code).strip() == "[]"


def test_nothing_evaluates_unpickles_or_imports_by_name():
    found = [f"{source.name}:{line} {what}" for source in rooms() for line, what in unsafe(source)]
    assert found == []


def unsafe(source: Source) -> Iterator[tuple[int, str]]:
    for imported in source.imports:
        if imported.package in UNSAFE:
            yield imported.line, f"imports {imported.module}"
        by_name = imported.package == "importlib" and imported.name in {None, "import_module"}
        if by_name and source.name not in IMPORTS_BY_NAME:
            yield imported.line, "imports importlib"
    for call in (node for node in ast.walk(source.tree) if isinstance(node, ast.Call)):
        if isinstance(call.func, ast.Name) and call.func.id in {"eval", "exec", "compile", "__import__"}:
            yield call.lineno, f"calls {call.func.id}"


def test_python_minus_o_takes_nothing_away():
    """No check of clew's is an `assert`, which -O leaves out; in the kit's contract suite they are the tests."""
    found = [
        f"{source.name}:{node.lineno}"
        for source in rooms()
        if source.name not in ("actors/kit/store_contract.py", "actors/kit/vault_contract.py")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Assert) or (isinstance(node, ast.Name) and node.id == "__debug__")
    ]
    assert found == []


# How SQL begins, and what only SQL has: a statement's later part.
SQL = re.compile(
    r"\s*(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|DROP|ALTER|WITH)\s"
    r"|(?-i:.*\b(?:SELECT|DELETE FROM|WHERE|VALUES|RETURNING|ORDER BY|LIMIT)\b)",
    re.IGNORECASE | re.DOTALL,
)


TEXT_METHODS = {"format", "format_map", "join", "replace"}


def test_no_sql_is_built_from_strings():
    found = [
        f"{source.name}:{node.lineno}"
        for source in rooms()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.expr) and any(SQL.match(part) for part in joined(node))
    ]
    assert found == []


def joined(node: ast.expr) -> Iterator[str]:
    """The written parts of a text that is put together: by an f-string, `+`, `%`, or a method such as `format`."""
    parts: list[ast.expr] = []
    if isinstance(node, ast.JoinedStr):
        parts = [node]
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        parts = [node.left, node.right]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TEXT_METHODS:
        lists = [one for one in node.args if isinstance(one, ast.List | ast.Tuple)]
        parts = [node.func.value, *node.args, *(item for one in lists for item in one.elts)]
    for part in parts:
        if isinstance(part, ast.JoinedStr):
            yield "".join(str(piece.value) for piece in part.values if isinstance(piece, ast.Constant))
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


# --- small


def test_no_file_is_longer_than_a_screenful_of_ideas():
    long = {source.name for source in rooms() if source.text.count("\n") > LINES_MAX}
    assert long - LONG_FILES.keys() == set()


def test_no_folder_holds_more_than_about_twelve_files():
    counts = Counter(source.path.parent for source in rooms() if source.path.name != "__init__.py")
    wide = {folder.relative_to(ROOT).as_posix() for folder, count in counts.items() if count > FILES_MAX}
    assert wide - {"actors/facade"} - WIDE_FOLDERS.keys() == set()


def test_a_package_that_lists_its_files_lists_them_all():
    """The docstring of a package is what a reader of the folder sees first; a `*` in a name stands for several."""
    unlisted = []
    for source in rooms():
        text = ast.get_docstring(source.tree) or ""
        if source.path.name != "__init__.py" or source.in_facade or not re.search(r"\w(\.py|/)", text):
            continue
        folder, listed = source.path.parent, set(re.findall(r"[\w*]+", text))
        there = {path.stem for path in folder.glob("*.py")} - {"__init__"}
        there |= {path.parent.name for path in folder.glob("*/__init__.py")}
        unlisted += [
            f"{source.name}: {name}" for name in sorted(there) if not any(fnmatch(name, pattern) for pattern in listed)
        ]
    assert unlisted == []


def test_the_tables_of_exceptions_name_what_exists():
    names = {*LONG_FILES, *WIDE_FOLDERS, *IMPORTS_BY_NAME}
    assert [name for name in names if not (ROOT / name).exists()] == []


# --- the facade

LOADING_LATER = [source.name for source in below(FACADE) if "_LATER = {" in source.text]


@pytest.mark.parametrize("source", below(FACADE), ids=lambda source: source.module)
def test_a_facade_module_holds_a_docstring_imports_and_all(source):
    assert ast.get_docstring(source.tree)
    rest = [ast.unparse(node) for node in source.tree.body[1:] if not isinstance(node, ast.Import | ast.ImportFrom)]
    shapes = ["__all__ = ["]
    if source.name in LOADING_LATER:
        shapes = ["if TYPE_CHECKING:", "__all__ = [", "_LATER = {", "__getattr__, __dir__ = _later(__name__, _LATER)"]
    assert len(rest) == len(shapes)
    assert [text[:60] for text, shape in zip(rest, shapes, strict=True) if not text.startswith(shape)] == []


@pytest.mark.parametrize("name", LOADING_LATER)
def test_what_a_facade_loads_later_is_what_it_shows_to_type_checkers(name):
    source = next(source for source in rooms() if source.name == name)
    table = next(node for node in source.tree.body if ast.unparse(node).startswith("_LATER = {"))
    assert isinstance(table, ast.Assign)
    shown = {imported.name: imported.module for imported in source.imports if imported.for_types}
    assert ast.literal_eval(table.value) == shown


def test_importing_clew_takes_this_long(report_figure):
    code = "import time; start = time.perf_counter(); import clew; print(time.perf_counter() - start)"
    seconds = min(float(run_python(code)) for _ in range(3))
    report_figure(f"import clew: {seconds:.2f} s (target 0.6 s, of which langchain-core's messages are 0.5 s)")


def run_python(code: str) -> str:
    """What a fresh interpreter prints, started where the checkout cannot be found by accident."""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
