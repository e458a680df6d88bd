"""The schema that an answer has to fit: one decision for each call, in order, each of a kind that its call allows.

The annotations are made at run time, so this module does not put their evaluation off.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal, Union

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from .shapes import STRICT, ApproveDecision, EditDecision, RejectDecision, RespondDecision

_KINDS = {"approve": ApproveDecision, "edit": EditDecision, "reject": RejectDecision, "respond": RespondDecision}


def answer_schema(allowed: Sequence[Sequence[str]], tools: Collection[str]) -> Any:
    """A TypedDict of exactly `{"decisions": [...]}`.

    Args:
        allowed: the kinds of decision that each call allows.
        tools: what an edited action may be named; empty for anything.
    """
    return _schema(tuple(map(tuple, allowed)), tuple(sorted(tools)))


@lru_cache(maxsize=256)
def _schema(allowed: tuple[tuple[str, ...], ...], tools: tuple[str, ...]) -> Any:
    kinds: dict[str, Any] = {**_KINDS, "edit": _edit_of(tools)} if tools else _KINDS
    each: Any = tuple(_one_of([kinds[kind] for kind in kinds_here]) for kinds_here in allowed)

    class HITLResponse(TypedDict):
        __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]

        decisions: tuple[each]  # type: ignore[valid-type]

    return HITLResponse


def _one_of(kinds: list[Any]) -> Any:
    return kinds[0] if len(kinds) == 1 else Annotated[Union[tuple(kinds)], Field(discriminator="type")]  # noqa: UP007


def _edit_of(tools: tuple[str, ...]) -> Any:
    """An `EditDecision` that leads to one of these tools only."""
    named: Any = Literal[tools]

    class EditedAction(TypedDict):
        __pydantic_config__ = STRICT  # type: ignore[misc]

        name: named  # type: ignore[valid-type]
        args: dict[str, Any]

    class EditDecision(TypedDict):
        __pydantic_config__ = STRICT  # type: ignore[misc]

        type: Literal["edit"]
        edited_action: EditedAction

    return EditDecision
