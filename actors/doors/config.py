"""The caller's config, completed: what was bound to the graph, what surrounds the call, what the call gives."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config, merge_configs, var_child_runnable_config

RECURSION_LIMIT = int(os.environ.get("CLEW_DEFAULT_RECURSION_LIMIT", "10007"))
"""Super-steps that a run may take when its config does not say."""
COORDINATES = frozenset({"thread_id", "checkpoint_id", "checkpoint_ns", "checkpoint_map"})
"""Keys of `configurable` that say where, not what: they are no metadata."""
_PLAIN_KEYS = frozenset({"configurable", "recursion_limit", "metadata", "tags", "max_concurrency", "run_name"})


def complete_config(bound: RunnableConfig | None, given: RunnableConfig | None) -> dict[str, Any]:
    """One config of the graph's own, the surrounding run's and the call's; later ones win, tags and metadata merge.

    The common case (no surrounding run, plain keys) does not go through langchain-core's merging, which costs more than
    a super-step.
    """
    if var_child_runnable_config.get(None) is None and not bound and (given is None or _PLAIN_KEYS.issuperset(given)):
        config: dict[str, Any] = dict(given or {})
    else:
        config = dict(ensure_config(merge_configs(bound, given)))
        if given is None or "recursion_limit" not in given:
            own = (bound or {}).get("recursion_limit")
            config["recursion_limit"] = RECURSION_LIMIT if own is None else own
    configurable = dict(config.get("configurable") or {})
    config["configurable"] = configurable
    metadata = dict(config.get("metadata") or {})
    for key, value in configurable.items():
        if not key.startswith("__") and isinstance(value, (str, int, float, bool)) and key not in metadata:
            metadata[key] = value
    config["metadata"] = metadata
    return config


def recorded_metadata(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of the config is kept with the run: scalars of its metadata, coordinates left out."""
    return {
        key: value
        for key, value in config["metadata"].items()
        if key not in COORDINATES and isinstance(value, (str, int, float, bool))
    }


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


def thread_of(config: Mapping[str, Any], given: Mapping[str, Any] | None) -> str:
    """The thread's id, as text.

    Raises:
        ValueError: the config has no `configurable` at all.
        KeyError: its `configurable` has no `thread_id`.
    """
    configurable = config["configurable"]
    thread = configurable.get("thread_id")
    if thread is not None and thread != "":
        return str(thread)
    hint = "a graph with a checkpointer needs a thread: pass config={'configurable': {'thread_id': '...'}}"
    if not configurable:
        raise ValueError(f"the config has no 'configurable' keys; {hint}")
    raise KeyError(f"'thread_id' is missing in config['configurable'] {sorted(configurable)!r}; {hint}")
