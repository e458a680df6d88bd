"""Packages that a test needs and that not every developer has."""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType

import pytest


def require(package: str, command: str) -> ModuleType:
    """The package; where it is missing the test is skipped with `command` as its reason, and fails in CI.

    A skip in CI would be a test that can never fail.
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        reason = f"{package} is not installed: {command}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
