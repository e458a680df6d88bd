"""The engines a workload can run on: each authoring name, and the module it is imported from.

The only file in the repository that names langgraph's modules; they are imported when a worker asks for a name.
"""

import importlib
import importlib.util
from dataclasses import dataclass
from importlib import metadata
from typing import Any

CLEW = "clew"
PEER = "langgraph"
RAW = "raw"
"""No engine at all: the store's own driver, for the floor beneath a row."""

_GRAPH_NAMES = ("StateGraph", "START", "END", "MessagesState", "add_messages")
_TYPE_NAMES = ("interrupt", "Command", "Send")
_SAVER_NAMES = ("InMemorySaver", "SqliteSaver", "PostgresSaver", "AsyncSqliteSaver")
_TOOL_NAMES = ("ToolNode", "tools_condition")

_MODULES: dict[str, dict[str, str]] = {
    CLEW: dict.fromkeys((*_GRAPH_NAMES, *_TYPE_NAMES, *_SAVER_NAMES, *_TOOL_NAMES, "Runtime"), "clew"),
    PEER: {
        **dict.fromkeys(_GRAPH_NAMES, "langgraph.graph"),
        **dict.fromkeys(_TYPE_NAMES, "langgraph.types"),
        **dict.fromkeys(_TOOL_NAMES, "langgraph.prebuilt"),
        "InMemorySaver": "langgraph.checkpoint.memory",
        "SqliteSaver": "langgraph.checkpoint.sqlite",
        "AsyncSqliteSaver": "langgraph.checkpoint.sqlite.aio",
        "PostgresSaver": "langgraph.checkpoint.postgres",
    },
    RAW: {},
}

_DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    CLEW: ("clew", "langchain-core", "msgspec", "pykka", "eventsourcing"),
    PEER: ("langgraph", "langgraph-checkpoint-sqlite", "langgraph-checkpoint-postgres", "langchain-core"),
    RAW: (),
}

SAVER_OF_STORE = {"memory": "InMemorySaver", "sqlite": "SqliteSaver", "postgres": "PostgresSaver"}


@dataclass(frozen=True)
class Engine:
    """One engine by name; `engine.StateGraph` and the like import on first use."""

    name: str

    def __getattr__(self, attribute: str) -> Any:
        """Give the engine's own object for an authoring name such as `StateGraph`."""
        module = _MODULES[self.name].get(attribute)
        if module is None:
            raise AttributeError(f"engine {self.name!r} has no {attribute!r}; engines.py lists the names it has")
        return getattr(importlib.import_module(module), attribute)

    def versions(self) -> dict[str, str]:
        """Give the installed version of each distribution the engine consists of; a missing one is left out."""
        found: dict[str, str] = {}
        for distribution in _DISTRIBUTIONS[self.name]:
            try:
                found[distribution] = metadata.version(distribution)
            except metadata.PackageNotFoundError:
                continue
        return found


def missing_modules(engine: str, stores: list[str]) -> list[str]:
    """Name the modules that this interpreter lacks for running `engine` on `stores`."""
    modules = _MODULES[engine]
    needed = {modules["StateGraph"], *(modules[SAVER_OF_STORE[store]] for store in stores)}
    return sorted(module for module in needed if not _is_importable(module))


def _is_importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a parent package is missing
        return False
