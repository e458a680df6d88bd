"""What a review asks and what answers it: plain dicts, in the shapes of LangChain's human-in-the-loop middleware.

Pydantic checks answers by these classes, so they are typing_extensions' TypedDicts and refuse keys they do not know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NotRequired

from pydantic import ConfigDict
from typing_extensions import TypedDict

from ..tools.calls import ToolCallRequest

DecisionType = Literal["approve", "edit", "reject", "respond"]
DECISIONS: tuple[DecisionType, ...] = ("approve", "edit", "reject", "respond")
"""All that a person can decide: `interrupt_on={tool: True}` allows each of them."""
STRICT = ConfigDict(extra="forbid", strict=True)
"""Nothing is guessed: a key too many or a number for a text is no decision."""


class Action(TypedDict):
    """A tool call without its id."""

    __pydantic_config__ = STRICT  # type: ignore[misc]

    name: str
    args: dict[str, Any]


class ActionRequest(TypedDict):
    """One call that waits for a decision."""

    name: str
    args: dict[str, Any]
    description: NotRequired[str]


class ReviewConfig(TypedDict):
    """Which decisions the call at the same place of `action_requests` takes."""

    action_name: str
    allowed_decisions: list[DecisionType]
    args_schema: NotRequired[dict[str, Any]]


class HITLRequest(TypedDict):
    """The question: the value of the interrupt."""

    action_requests: list[ActionRequest]
    review_configs: list[ReviewConfig]


class ApproveDecision(TypedDict):
    """Make the call as it is."""

    __pydantic_config__ = STRICT  # type: ignore[misc]

    type: Literal["approve"]


class EditDecision(TypedDict):
    """Make another call in its place."""

    __pydantic_config__ = STRICT  # type: ignore[misc]

    type: Literal["edit"]
    edited_action: Action


class RejectDecision(TypedDict):
    """Do not make the call; the model is told, with the message if there is one."""

    __pydantic_config__ = STRICT  # type: ignore[misc]

    type: Literal["reject"]
    message: NotRequired[str]


class RespondDecision(TypedDict):
    """Do not make the call: the message is its result."""

    __pydantic_config__ = STRICT  # type: ignore[misc]

    type: Literal["respond"]
    message: str


Decision = ApproveDecision | EditDecision | RejectDecision | RespondDecision


class HITLResponse(TypedDict):
    """The answer: `Command(resume={"decisions": [...]})`, one decision for each action request, in their order."""

    decisions: list[Decision]


class InterruptOnConfig(TypedDict):
    """How the calls of one tool are reviewed."""

    allowed_decisions: list[DecisionType]
    description: NotRequired[str | Callable[..., str]]
    """What the person reads; or `describe(tool_call, state, runtime)` that makes it."""
    args_schema: NotRequired[dict[str, Any]]
    """JSON schema of the arguments, for the person's form."""
    when: NotRequired[Callable[[ToolCallRequest], bool]]
    """Which calls are asked about; every one without it."""
