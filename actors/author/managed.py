"""Managed values: state keys that the engine computes for each step instead of storing them.

Annotate a key of a state schema with one of them; nodes read it, writes to it are ignored with a warning.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, final


class ManagedValue:
    """Base of the markers. A marker is never instantiated; `kind` is what `StateView.managed` carries to the engine."""

    kind: ClassVar[str] = ""


@final
class IsLastStepManager(ManagedValue):
    """True in the last super-step that the recursion limit allows."""

    kind: ClassVar[str] = "is_last_step"


@final
class RemainingStepsManager(ManagedValue):
    """How many super-steps the recursion limit allows, the current one included."""

    kind: ClassVar[str] = "remaining_steps"


IsLastStep = Annotated[bool, IsLastStepManager]
"""True in the last super-step that `recursion_limit` allows."""
RemainingSteps = Annotated[int, RemainingStepsManager]
"""Super-steps left before `recursion_limit`, the current one included: 3, 2, 1 for a limit of 4 and three nodes."""
