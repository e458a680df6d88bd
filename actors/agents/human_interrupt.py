"""The question and answer shapes that agent inboxes know from LangGraph's prebuilt module. Plain dicts; no behaviour.

Nothing of clew's asks in these shapes by itself: an application gives them to `interrupt`.
"""

from __future__ import annotations

from typing import Literal, TypedDict


class ActionRequest(TypedDict):
    """What an agent wants to do."""

    action: str
    args: dict


class HumanInterruptConfig(TypedDict):
    """Which answers a person may give."""

    allow_ignore: bool
    allow_respond: bool
    allow_edit: bool
    allow_accept: bool


class HumanInterrupt(TypedDict):
    """A question about one action."""

    action_request: ActionRequest
    config: HumanInterruptConfig
    description: str | None


class HumanResponse(TypedDict):
    """An answer: `args` is None for "accept" and "ignore", a text for "response", an `ActionRequest` for "edit"."""

    type: Literal["accept", "ignore", "response", "edit"]
    args: str | ActionRequest | None
