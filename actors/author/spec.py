"""What a builder remembers of each node and branch until it makes a plan of them."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from langchain_core.runnables import Runnable
from msgspec import Struct, field

from ...events.vocabulary import END, START, Command, TimeoutPolicy
from .callee import callee_of, name_of
from .hints import Shape, is_class_with_hints, literal_names
from .plan import Callee
from .policies import CachePolicy, RetryPolicy

RESERVED_CHARACTERS = (":", "|")
"""They part the segments of a sub-graph's namespace."""


class NodeSpec(Struct, frozen=True):
    """One `add_node`."""

    name: str
    action: Any
    callee: Callee
    input_schema: Any = None
    """The schema of its own, given or inferred; None takes the graph's state schema."""
    defer: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    retry_policy: tuple[RetryPolicy, ...] | None = None
    cache_policy: CachePolicy[Any] | None = None
    error_handler: Callee | None = None
    destinations: tuple[str, ...] | Mapping[str, str] = ()
    timeout: TimeoutPolicy | None = None
    trace_policy: Any = None

    @property
    def runnable(self) -> Any:
        """What runs, as it was given."""
        return self.action

    @property
    def ends(self) -> tuple[str, ...] | Mapping[str, str]:
        """Where a Command of the node may lead."""
        return self.destinations


class BranchSpec(Struct, frozen=True):
    """One `add_conditional_edges`."""

    name: str
    path: Callee
    path_map: Mapping[Any, str] | None = None
    input_schema: Any = None
    """The schema its path function is annotated with; None takes that of the source node."""

    @property
    def ends(self) -> Mapping[Any, str] | None:
        """Result to node name; None where results are node names themselves."""
        return self.path_map


class NodeDefaults(Struct, frozen=True):
    """One `set_node_defaults`: what nodes get that set nothing of their own."""

    retry_policy: tuple[RetryPolicy, ...] | None = None
    cache_policy: CachePolicy[Any] | None = None
    error_handler: Callee | None = None
    timeout: TimeoutPolicy | None = None


def name_and_action(node: Any, action: Any) -> tuple[str, Any]:
    """The two call shapes of `add_node` as one. Raises `RuntimeError` for a name alone, `TypeError` for no name."""
    if isinstance(node, str):
        if action is None:
            raise RuntimeError(f"node {node!r} has no action: write add_node({node!r}, function)")
        return node, action
    if action is not None:
        raise TypeError(f"the first argument of add_node is {node!r}: with two arguments it must be the node's name")
    if not (callable(node) or isinstance(node, (Mapping, Runnable))):
        callee_of(node, role="the node")
    return name_of(node), node


def check_name(name: str, taken: Iterable[str]) -> None:
    """Raises `ValueError` for a reserved or duplicate name."""
    if name in (START, END):
        raise ValueError(f"node name {name!r} is reserved for the graph's {'entry' if name == START else 'exit'}")
    for character in RESERVED_CHARACTERS:
        if character in name:
            raise ValueError(f"node name {name!r} contains {character!r}, which is reserved: leave it out")
    if name in taken:
        raise ValueError(f"node {name!r} is there already: give the second one a name, add_node('other', function)")


def inferred_schema(action: Any, shape: Shape) -> Any:
    """The class that the state parameter is annotated with, if it declares fields; else None.

    None of a `functools.partial`, which has no annotations of its own: it reads the whole state.
    """
    if isinstance(action, functools.partial):
        return None
    state = get_args(shape.state)[0] if get_origin(shape.state) is Annotated else shape.state
    return state if is_class_with_hints(state) else None


def destinations_of(given: Any, shape: Shape) -> tuple[str, ...] | Mapping[str, str]:
    """The destinations given, else those of a return annotation `Command[Literal["a", "b"]]`, alone or in a union."""
    if given is not None:
        return dict(given) if isinstance(given, Mapping) else tuple(given)
    members = get_args(shape.returns) if get_origin(shape.returns) in (Union, types.UnionType) else (shape.returns,)
    found: list[str] = []
    for member in members:
        if get_origin(member) is Command:
            found.extend(name for name in literal_names(get_args(member)[0]) if name not in found)
    return tuple(found)


def branch_spec(source: str, path: Any, path_map: Any) -> BranchSpec:
    """One conditional edge. Raises `TypeError` for a path that is no callable."""
    callee, shape = callee_of(path, role=f"the path of conditional edges from {source!r}")
    return BranchSpec(
        name=_branch_name(path),
        path=callee,
        path_map=_path_map(path_map, shape),
        input_schema=inferred_schema(path, shape),
    )


def _branch_name(path: Any) -> str:
    name = getattr(path, "name", None) if isinstance(path, Runnable) else getattr(path, "__name__", None)
    return "condition" if name in (None, "<lambda>") else str(name)


def _path_map(given: Mapping[Any, str] | Sequence[str] | None, shape: Shape) -> Mapping[Any, str] | None:
    if isinstance(given, Mapping):
        return dict(given)
    if isinstance(given, str):
        raise TypeError(f"path_map is {given!r}: give a dict of result to node name, or a list of node names")
    names = tuple(given) if given is not None else literal_names(shape.returns)
    return {name: name for name in names} or None
