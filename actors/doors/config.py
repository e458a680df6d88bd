"""The caller's config, completed: what was bound to the graph, what surrounds the call, what the call gives."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import merge_configs, var_child_runnable_config

RECURSION_LIMIT = int(os.environ.get("CLEW_DEFAULT_RECURSION_LIMIT", "10007"))
"""Super-steps that a run may take when its config does not say."""
COORDINATES = frozenset({"thread_id", "checkpoint_id", "checkpoint_ns", "checkpoint_map"})
"""Keys of `configurable` that say where, not what: they are no metadata."""
_PLACES = COORDINATES | {f"langgraph_{part}" for part in ("step", "node", "triggers", "path", "checkpoint_ns")}
"""Keys of metadata that say where in a graph: those of a node that makes the call are not the called thread's."""
PROPAGATED = frozenset({"thread_id", "checkpoint_id", "checkpoint_ns", "task_id", "run_id", "assistant_id", "graph_id"})
"""Keys of `configurable` that are metadata of runs too: the names of things, nothing that a user keeps there."""
_LANGCHAIN_KEYS = frozenset(RunnableConfig.__annotations__)
_PLAIN_KEYS = frozenset({"configurable", "recursion_limit", "metadata", "tags", "max_concurrency", "run_name"})


def complete_config(bound: RunnableConfig | None, given: RunnableConfig | None) -> dict[str, Any]:
    """One config of the surrounding run's, the graph's own and the call's; later ones win, tags and metadata merge."""
    surrounding = var_child_runnable_config.get(None)
    if surrounding is None and not bound and (given is None or _PLAIN_KEYS.issuperset(given)):
        # The common case goes round the merging, which costs more than a super-step.
        config: dict[str, Any] = dict(given or {})
    else:
        config = _merged(surrounding, bound, given)
    configurable = dict(config.get("configurable") or {})
    config["configurable"] = configurable
    metadata = dict(config.get("metadata") or {})
    for key, value in configurable.items():
        if key in PROPAGATED and value and key not in metadata:
            metadata[key] = value
    config["metadata"] = metadata
    return config


def _merged(*configs: Mapping[str, Any] | None) -> dict[str, Any]:
    """The configs as one, None left out. A config that says where takes nothing of `configurable` from those before."""
    merged: dict[str, Any] = {"configurable": {}, "metadata": {}, "tags": []}
    for config in configs:
        given = {key: value for key, value in (config or {}).items() if value is not None}
        own = {key: given.pop(key) for key in list(given) if key not in _LANGCHAIN_KEYS}
        own = {**given.pop("configurable", {}), **own}
        inherited = {} if any(own.get(key) for key in COORDINATES) else merged["configurable"]
        merged["configurable"] = {**inherited, **own}
        merged["metadata"] = {**merged["metadata"], **given.pop("metadata", {})}
        merged["tags"] = [*merged["tags"], *(tag for tag in given.pop("tags", ()) if tag not in merged["tags"])]
        callbacks = given.pop("callbacks", None)
        if callbacks is not None:
            merged["callbacks"] = _both(merged.get("callbacks"), callbacks)
        merged.update(given)
    return merged


def _both(some: Any, more: Any) -> Any:
    """The callbacks of two configs as one: lists and managers, in any combination."""
    if some is None or some is more:
        return more
    return merge_configs({"callbacks": some}, {"callbacks": more}).get("callbacks")


def recorded_metadata(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of the config is kept with the run: scalars of its metadata, then of configurable, coordinates left out."""
    recorded: dict[str, Any] = {}
    for given in (config["metadata"], config["configurable"]):
        for key, value in given.items():
            kept = key not in recorded and key not in _PLACES and not key.startswith("__")
            if kept and isinstance(value, (str, int, float, bool)):
                recorded[key] = value
    return recorded


def steps_max(config: Mapping[str, Any]) -> int:
    """The run's `recursion_limit`. Raises `ValueError` for less than 1."""
    limit = config.get("recursion_limit")
    if limit is None:
        return RECURSION_LIMIT
    if not isinstance(limit, int) or limit < 1:
        raise ValueError(f"recursion_limit is {limit!r}: give a whole number of super-steps, at least 1")
    return limit


def own(config: Mapping[str, Any], key: str) -> str:
    """What the call itself says under a key of `configurable`, as text; "" for nothing.

    A node's config carries the checkpoint_id and command_id of the run around it: handed on, they are not meant.
    """
    given = str(config["configurable"].get(key) or "")
    if not given:
        return ""
    surrounding = var_child_runnable_config.get(None) or {}
    return "" if (surrounding.get("configurable") or {}).get(key) == given else given


def handed_on(given: Mapping[str, Any] | None) -> bool:
    """True for the config that a node has, passed by the node to a graph that it calls."""
    if not given:
        return False
    place = (given.get("configurable") or {}).get("checkpoint_ns")
    surrounding = (var_child_runnable_config.get(None) or {}) if place else {}
    return bool(place) and (surrounding.get("configurable") or {}).get("checkpoint_ns") == place


def concurrency_max(config: Mapping[str, Any]) -> int | None:
    """How many tasks of a step may run at once; None for no limit of the caller's. `ValueError` for less than 1."""
    limit = config.get("max_concurrency")
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise ValueError(f"max_concurrency is {limit!r}: give a whole number of tasks, at least 1, or None")
    return limit


def thread_of(config: Mapping[str, Any], *, reads: bool = False) -> str:
    """The thread's id, as text.

    Raises:
        ValueError: the config has no `configurable` at all.
        KeyError: its `configurable` has no `thread_id`; for whoever only `reads` or edits, also without `configurable`.
    """
    configurable = config["configurable"]
    thread = configurable.get("thread_id")
    if thread is not None and thread != "":
        return str(thread)
    hint = "a graph with a checkpointer needs a thread: pass config={'configurable': {'thread_id': '...'}}"
    if not configurable and not reads:
        raise ValueError(f"the config has no 'configurable' keys; {hint}")
    raise KeyError(f"'thread_id' is missing in config['configurable'] {sorted(configurable)!r}; {hint}")
