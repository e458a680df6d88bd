"""Which calls are asked about, and which decisions are allowed. What it does not understand, it refuses at once.

A gate that a misspelt setting opens is no gate: every name, key and type is checked when the node is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .shapes import DECISIONS, InterruptOnConfig

_KEYS = ("allowed_decisions", "args_schema", "description", "when")


def policies_of(interrupt_on: Any) -> dict[str, InterruptOnConfig]:
    """Tool name to how its calls are reviewed; tools that need no review are left out.

    Raises:
        TypeError, ValueError: a setting is not understood. The message names tool and setting.
    """
    if not isinstance(interrupt_on, Mapping):
        raise TypeError(f"interrupt_on is {interrupt_on!r}: give a dict of tool name to True, False or a setting")
    policies = {}
    for tool, setting in interrupt_on.items():
        if not isinstance(tool, str) or not tool:
            raise TypeError(f"interrupt_on names {tool!r}, which is no tool's name")
        if setting is True:
            policies[tool] = InterruptOnConfig(allowed_decisions=[*DECISIONS])
        elif setting is not False:
            policies[tool] = _checked(tool, setting)
    return policies


def check_tools(interrupt_on: Iterable[str], known: Iterable[str]) -> None:
    """Refuse a name that no tool has: its tool, misspelt, would run without review. Raises `ValueError`."""
    names = [*known]
    unknown = [name for name in interrupt_on if name not in names]
    if unknown:
        raise ValueError(
            f"interrupt_on names {', '.join(map(repr, unknown))}, and the tools are: {', '.join(names) or 'none'}. "
            "A call of a tool that is not named would be made without review"
        )


def _checked(tool: str, setting: Any) -> InterruptOnConfig:
    if not isinstance(setting, Mapping):
        raise TypeError(f"interrupt_on[{tool!r}] is {setting!r}: give True, False or a dict with allowed_decisions")
    for key in setting:
        if key not in _KEYS:
            raise ValueError(f"interrupt_on[{tool!r}] has the unknown key {key!r}: there are {', '.join(_KEYS)}")
    allowed = setting.get("allowed_decisions")
    if not isinstance(allowed, (list, tuple)) or not allowed:
        raise ValueError(
            f"interrupt_on[{tool!r}] has allowed_decisions {allowed!r}: give a list of at least one of "
            f"{', '.join(DECISIONS)}"
        )
    for kind in allowed:
        if kind not in DECISIONS:
            raise ValueError(
                f"interrupt_on[{tool!r}] allows the decision {kind!r}, which does not exist: there are "
                f"{', '.join(DECISIONS)}"
            )
    _check_kind(tool, setting, "description", isinstance(setting.get("description", ""), str), "a text or a function")
    _check_kind(tool, setting, "args_schema", isinstance(setting.get("args_schema", {}), Mapping), "a JSON schema")
    _check_kind(tool, setting, "when", callable(setting.get("when", len)), "a function of the request")
    config: dict[str, Any] = {**setting, "allowed_decisions": [*dict.fromkeys(allowed)]}
    return config  # type: ignore[return-value]


def _check_kind(tool: str, setting: Mapping[str, Any], key: str, fits: bool, wanted: str) -> None:
    if not fits and not (key == "description" and callable(setting[key])):
        raise TypeError(f"interrupt_on[{tool!r}] has {key} {setting[key]!r}: give {wanted}")
