"""A gate that no mistake opens: a hundred settings that are wrong, each refused before anything runs."""

from __future__ import annotations

from typing import Any

import pytest
from clew.prebuilt import HumanInTheLoop, create_react_agent
from clew.prebuilt.human_in_the_loop import DecisionType, InterruptOnConfig
from clew.testing import ScriptedModel, otherwise
from langchain_core.tools import tool

DECISIONS: list[DecisionType] = ["approve", "edit", "reject", "respond"]


@tool
def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


def misspelt(word: str) -> list[str]:
    """The word with each letter left out in turn, in capitals, and with a space."""
    return [*(word[:at] + word[at + 1 :] for at in range(len(word))), word.upper(), word.capitalize(), f"{word} "]


def wrong_settings() -> list[Any]:
    """What `interrupt_on["pay"]` may not be."""
    decisions = [{"allowed_decisions": [wrong]} for word in DECISIONS for wrong in misspelt(word)]
    beside = [
        {"allowed_decisions": ["approve", wrong]} for wrong in (None, 1, True, "", ["reject"], {"type": "reject"})
    ]
    keys = [{wrong: ["approve"]} for wrong in misspelt("allowed_decisions")]
    more = [
        {"allowed_decisions": ["approve"], wrong: "?"} for word in ("description", "when") for wrong in misspelt(word)
    ]
    lists: list[Any] = [[], (), None, "approve", {"approve"}, {"approve": True}, 1, True]
    kinds: list[Any] = [None, 0, 1, "True", "yes", [], ["approve"], {}, object(), len]
    fields = [
        {"allowed_decisions": ["approve"], key: wrong}
        for key, wrongs in {
            "description": (None, 1, ["text"], b"text"),
            "args_schema": (None, "object", [], 1),
            "when": (None, True, "always", 1),
        }.items()
        for wrong in wrongs
    ]
    return [*decisions, *beside, *keys, *more, *({"allowed_decisions": one} for one in lists), *kinds, *fields]


def test_a_hundred_wrong_settings_are_refused_each():
    settings = wrong_settings()
    assert len(settings) >= 100
    for setting in settings:
        with pytest.raises((TypeError, ValueError), match="interrupt_on"):
            HumanInTheLoop({"pay": setting}, tools=[pay])


@pytest.mark.parametrize("name", misspelt("pay"))
def test_a_misspelt_tool_is_refused_where_the_tools_are_known(name: str):
    with pytest.raises(ValueError, match="without review"):
        HumanInTheLoop({name: True}, tools=[pay])
    model = ScriptedModel([otherwise("hi")])
    with pytest.raises(ValueError, match="without review"):
        create_react_agent(model, [pay], post_model_hook=HumanInTheLoop({name: True}))


def test_a_setting_that_switches_the_review_off_is_checked_for_its_tool_too():
    with pytest.raises(ValueError, match="pya"):
        HumanInTheLoop({"pya": False}, tools=[pay])


def test_right_settings_are_taken():
    full = InterruptOnConfig(
        allowed_decisions=["approve", "reject"],
        description=lambda tool_call, state, runtime: "?",
        args_schema={"type": "object"},
        when=lambda request: True,
    )
    for setting in (True, False, {"allowed_decisions": ["edit"]}, {"allowed_decisions": ("edit",)}, full):
        HumanInTheLoop({"pay": setting}, tools=[pay])  # type: ignore[dict-item]
