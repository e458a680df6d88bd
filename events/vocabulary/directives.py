"""What people hand to a running graph: Command, Send, Overwrite; and what a pause hands back: Interrupt."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from typing import Any, ClassVar, Generic, Literal, NamedTuple, TypeVar

from langchain_core.messages.tool import ToolOutputMixin

from ..deprecations import LangGraphDeprecatedSinceV10
from .timeouts import TimeoutPolicy, timeout_policy

START = "__start__"
"""The node before the first: edges from it are a graph's entries."""
END = "__end__"
"""The place after the last node: an edge to it leads nowhere further."""
PARENT = "__parent__"
"""`Command(graph=PARENT)`: the graph that called this one."""
INTERRUPT = "__interrupt__"
"""Key under which `invoke` and streams show the questions that paused the run."""
OVERWRITE = "__overwrite__"
"""Key of `Overwrite`'s JSON form."""
TAG_HIDDEN = "langsmith:hidden"
"""Tag of nodes and edges that tracing and drawings leave out."""
NO_ID = "placeholder-id"
"""Id of an `Interrupt` that a program made by itself: no question has it."""
TAG_NOSTREAM = "nostream"
"""Tag of chat models whose tokens a `messages` stream leaves out."""

N = TypeVar("N", bound=Hashable)


class Send:
    """Runs `node` in the next super-step with `arg` as its whole input, besides whatever else is due.

    `timeout` (seconds, a timedelta or a `TimeoutPolicy`) takes the place of the node's own timeout for this run.
    """

    __slots__ = ("node", "arg", "timeout")  # noqa: RUF023  # in the order of the parameters

    def __init__(self, /, node: str, arg: Any, *, timeout: float | timedelta | TimeoutPolicy | None = None) -> None:
        self.node = node
        self.arg = arg
        self.timeout = timeout_policy(timeout)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Send) and (self.node, self.arg, self.timeout) == (other.node, other.arg, other.timeout)

    def __hash__(self) -> int:
        return hash((self.node, self.arg))

    def __repr__(self) -> str:
        timeout = "" if self.timeout is None else f", timeout={self.timeout!r}"
        return f"Send(node={self.node!r}, arg={self.arg!r}{timeout})"


class _NotGiven:
    """Default of `Command(resume=…)`: None is an answer, so it cannot also mean "no answer"."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Command(ToolOutputMixin, Generic[N]):
    """An update of the state, a way on and an answer, in one value.

    Returned from a node: `update` is written as a return value would be, `goto` adds targets to the static edges.
    Given as a graph's input: `resume` answers questions (one value, or `{question id: value}`).
    Returned from a tool it is left as it is: langchain-core makes text of what is no `ToolOutputMixin`.
    """

    graph: str | None = None
    """None for the current graph, `Command.PARENT` for the one that called it."""
    update: Any | None = None
    resume: Any = None
    """The answer; None where none was given, or where None is the answer: `answers` tells which."""
    goto: Send | Sequence[Send | N] | N = ()

    PARENT: ClassVar[Literal["__parent__"]] = "__parent__"

    def __init__(
        self,
        *,
        graph: str | None = None,
        update: Any | None = None,
        resume: Any = _NotGiven,
        goto: Send | Sequence[Send | N] | N = (),
    ) -> None:
        vars(self).update(graph=graph, update=update, resume=resume, goto=goto)
        if resume is _NotGiven:
            vars(self)["resume"] = None
        elif resume is None and graph is None and update is None and goto == ():
            vars(self)["_answers_none"] = True

    @property
    def answers(self) -> bool:
        """True when there is an answer: `resume` was given, be it None where the Command says nothing else.

        Beside an update or a goto None is no answer: programs pass on what they may not have.
        """
        return self.resume is not None or "_answers_none" in vars(self)

    def __repr__(self) -> str:
        given = [("graph", self.graph), ("update", self.update), ("resume", self.resume), ("goto", self.goto)]
        shown = (
            f"{name}={value!r}"
            for name, value in given
            if (value is not None and value != ()) or (name == "resume" and self.answers)
        )
        return f"Command({', '.join(shown)})"


_signature = inspect.signature(Command)
_shown = [one.replace(default=None) if one.name == "resume" else one for one in _signature.parameters.values()]
Command.__signature__ = _signature.replace(parameters=_shown)  # type: ignore[attr-defined]  # what help() and tools show


@dataclass(slots=True)
class Overwrite:
    """Replaces a channel's content for this step without asking its reducer; wins over every other write to it."""

    value: Any
    type: str = OVERWRITE


@dataclass(slots=True)
class Interrupt:
    """One open question: what `interrupt(value)` asked.

    The further keywords are those of LangGraph before 1.0; of them only `ns` counts, which gives an id where none is.
    """

    value: Any
    id: str
    """32 hexadecimal characters; the key of an answer in `Command(resume={id: answer})`."""
    response_schema: Any = None
    """JSON schema of the answer, if the question gave one."""

    def __init__(self, value: Any, id: str = NO_ID, *, response_schema: Any = None, **deprecated_kwargs: Any) -> None:
        self.value = value
        namespace = deprecated_kwargs.get("ns")
        if id == NO_ID and namespace and isinstance(namespace, Sequence):
            id = _id_of("|".join(namespace))
        self.id = id
        self.response_schema = response_schema

    @classmethod
    def from_ns(cls, value: Any, ns: str, *, response_schema: Any = None) -> Interrupt:
        """The question that the task of this namespace asks: its id follows from the namespace."""
        return cls(value, _id_of(ns), response_schema=response_schema)

    @property
    def interrupt_id(self) -> str:
        """The id, under its older name."""
        warnings.warn("Interrupt.interrupt_id is deprecated: use .id", LangGraphDeprecatedSinceV10, stacklevel=2)
        return self.id


def _id_of(namespace: str) -> str:
    return blake2b(namespace.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class StateUpdate(NamedTuple):
    """One update of a `bulk_update_state`: what `update_state` takes besides the config."""

    values: Any
    as_node: str | None = None
    task_id: str | None = None
