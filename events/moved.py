"""Names that are still found where they were, with a warning that says where they are now."""

from __future__ import annotations

import warnings
from typing import Any

from .deprecations import LangGraphDeprecatedSinceV10
from .vocabulary import Interrupt, Send

_OF_CONSTANTS = {"Interrupt": Interrupt, "Send": Send}


def constant(name: str) -> Any:
    """The `__getattr__` of `clew.constants`."""
    if name not in _OF_CONSTANTS:
        raise AttributeError(f"module 'clew.constants' has no attribute {name!r}")
    warnings.warn(
        f"clew.constants.{name} is deprecated: import it from clew.types", LangGraphDeprecatedSinceV10, stacklevel=2
    )
    return _OF_CONSTANTS[name]
