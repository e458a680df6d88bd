"""Fixtures for the clients of real services, all on the loopback."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test takes a key, an address or a proxy from the environment."""
    prefixes = (
        "OPENAI_",
        "AZURE_OPENAI_",
        "ANTHROPIC_",
        "GOOGLE_",
        "GEMINI_",
        "AWS_",
        "TAVILY_",
        "LANGSMITH_",
        "LANGCHAIN_",
    )
    for name in [name for name in os.environ if name.startswith(prefixes) or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
