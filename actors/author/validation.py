"""What must hold before a graph runs. Every check names the node at fault and says what to do."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ...events.stores.saver import BaseCheckpointSaver
from ...events.vocabulary import END, START, TimeoutPolicy
from ..caching.base import BaseCache
from .callee import has_own_async
from .plan import Callee
from .spec import BranchSpec, NodeSpec

ANSWER_RULES = ("question", "key", "position")
"""What an answer belongs to: the question that was asked, its key, or its place in the node (LangGraph's rule)."""
Edge = tuple[str, str]
JoinSpec = tuple[tuple[str, ...], str]


def check_edge(source: Any, target: Any) -> None:
    """A single edge, as it is added. Raises `ValueError` for one out of END or into START."""
    if source == END:
        raise ValueError(f"an edge cannot leave END (to {target!r}): END is where a run ends")
    if target == START:
        raise ValueError(f"an edge cannot lead to START (from {source!r}): lead it to the entry node itself")
    for name in (source, target):
        if not isinstance(name, str):
            raise TypeError(f"an edge ends at {name!r}: name nodes by their string")


def check_join(sources: Sequence[Any], target: Any, nodes: Collection[str]) -> None:
    """An edge of several sources, as it is added: all nodes must be there. Raises `ValueError`."""
    if not sources:
        raise ValueError(f"the edge to {target!r} has an empty list of sources: it would never fire")
    for source in sources:
        check_edge(source, target)
        if source not in nodes:
            raise ValueError(f"node {source!r} of the edge {list(sources)!r} -> {target!r} is not there: add it first")
    if target != END and target not in nodes:
        raise ValueError(f"node {target!r}, where the edge from {list(sources)!r} leads, is not there: add it first")


def check_graph(
    nodes: Mapping[str, NodeSpec],
    edges: Iterable[Edge],
    joins: Iterable[JoinSpec],
    branches: Mapping[str, Mapping[str, BranchSpec]],
) -> None:
    """The whole graph, as it is compiled. Unreachable nodes, dead ends and cycles are fine. Raises `ValueError`."""
    edges = list(edges)
    sources = [source for source, _ in edges] + [source for several, _ in joins for source in several] + list(branches)
    for source in sources:
        if source not in nodes and source != START:
            raise ValueError(f"an edge starts at {source!r}, which is no node: {_known(nodes)}")
    if START not in sources:
        raise ValueError("nothing leads from START: add_edge(START, 'node') says where a run begins")
    for source, target in edges:
        _check_target(target, nodes, f"the edge from {source!r}")
    for source, several in branches.items():
        for branch in several.values():
            for target in (branch.path_map or {}).values():
                _check_target(target, nodes, f"the path_map of {branch.name!r} at {source!r}")
    for node in nodes.values():
        for target in node.destinations:
            _check_target(target, nodes, f"the declared Command of node {node.name!r}")


def breakpoints(given: Iterable[str] | str | None, nodes: Collection[str], keyword: str) -> frozenset[str]:
    """The nodes of `interrupt_before` or `interrupt_after`; `"*"`, alone or in a list, is all of them.

    Raises:
        ValueError: a name is no node.
        TypeError: one bare name instead of a list.
    """
    if given is None:
        return frozenset()
    if isinstance(given, str) and given != "*":
        raise TypeError(f"{keyword} is {given!r}: give a list of node names, or '*' for all")
    names = frozenset(given)
    if "*" in names:
        return frozenset(nodes)
    for name in sorted(names, key=str):
        if name not in nodes:
            raise ValueError(f"{keyword} names {name!r}, which is no node: {_known(nodes)}")
    return names


def names_all(given: Iterable[str] | str | None) -> bool:
    """True for `"*"`, alone or in a list."""
    return given is not None and "*" in given


def check_unknown_routes(given: str) -> None:
    """Refuse what `compile(unknown_routes=)` does not know, with a `ValueError`."""
    if given not in ("raise", "ignore"):
        raise ValueError(f"unknown_routes is {given!r}: use 'raise' or 'ignore'")


def check_aliases(aliases: Mapping[str, str], nodes: Collection[str]) -> None:
    """Earlier names of nodes: each must lead to a node and be free here. Raises `ValueError`."""
    for earlier, name in aliases.items():
        if name not in nodes:
            raise ValueError(f"aliases leads {earlier!r} to {name!r}, which is no node: {_known(nodes)}")
        if earlier in nodes:
            raise ValueError(
                f"aliases renames {earlier!r}, which is a node of this graph: only gone names can be aliases"
            )


def check_timeout(name: str, callee: Callee, timeout: TimeoutPolicy | None) -> None:
    """Raises `ValueError` for a timeout on a sync node: a Python thread cannot be stopped."""
    if timeout is not None and not has_own_async(callee):
        raise ValueError(
            f"node {name!r} is sync and has a timeout: only async nodes can be stopped; write it as `async def`"
        )


def check_checkpointer(checkpointer: Any) -> None:
    """Raises `TypeError` for anything but None, True, False or a saver."""
    if checkpointer is None or isinstance(checkpointer, bool):
        return
    if not isinstance(checkpointer, BaseCheckpointSaver):
        raise TypeError(
            f"checkpointer is {checkpointer!r}: give a saver (InMemorySaver(), SqliteSaver(…), PostgresSaver(…)), "
            "True, False or None"
        )


def check_cache(cache: Any) -> None:
    """Raises `TypeError` for anything but None or a cache."""
    if cache is not None and not isinstance(cache, BaseCache):
        raise TypeError(f"cache is {cache!r}: give InMemoryCache(), SqliteCache(path=…), another BaseCache, or None")


def check_answers(answers: str) -> None:
    """Raises `ValueError` for a rule of binding answers that does not exist."""
    if answers not in ANSWER_RULES:
        raise ValueError(f"answers is {answers!r}: use one of {', '.join(map(repr, ANSWER_RULES))}")


def _check_target(target: str, nodes: Collection[str], where: str) -> None:
    if target not in nodes and target != END:
        raise ValueError(f"{where} leads to {target!r}, which is no node: {_known(nodes)}")


def _known(nodes: Iterable[str]) -> str:
    names = ", ".join(repr(name) for name in nodes)
    return f"add it with add_node, or correct the name (nodes: {names or 'none'})"
