"""Which places in its cache a graph's nodes have."""

from __future__ import annotations

from collections.abc import Sequence

from ..caching.base import BaseCache, Namespace
from ..caching.slots import namespace_of
from .setup import Setup


def cache_places(graph: Setup, nodes: Sequence[str] | None) -> tuple[BaseCache[object], list[Namespace]]:
    """The graph's cache and the namespaces of these nodes, or of all of them.

    Raises:
        ValueError: the graph was compiled without a cache, or has no node of a name given.
    """
    if graph.cache is None:
        raise ValueError("the graph has no cache to clear: compile(cache=InMemoryCache()) gives it one")
    known = graph.plan.nodes
    names = list(known) if nodes is None else list(nodes)
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ValueError(f"clear_cache names {unknown}, which are no nodes of this graph; it has {sorted(known)}")
    return graph.cache, [namespace_of(name, known[name].callee.fingerprint) for name in names]
