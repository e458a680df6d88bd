"""The chat model providers that clew can build a model of, and how a model's name tells which one.

A closed table: nothing is imported that is not written here, and a provider's package only when a model of it is built.
Called by `init_chat_model`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel

from ...events.errors import MissingPackageError


class Provider(NamedTuple):
    """Where a provider's chat model class lives."""

    package: str
    """Import name of the package that holds the class."""
    class_name: str
    """Name of the class in that package."""
    extra: str
    """The extra of clew that installs the package."""
    arguments: Mapping[str, Any] = MappingProxyType({})
    """Arguments that make the class speak to this provider rather than to another that it serves too."""


PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        "anthropic": Provider("langchain_anthropic", "ChatAnthropic", "anthropic"),
        "azure_openai": Provider("langchain_openai", "AzureChatOpenAI", "openai"),
        "bedrock": Provider("langchain_aws", "ChatBedrock", "aws"),
        "bedrock_converse": Provider("langchain_aws", "ChatBedrockConverse", "aws"),
        "google_genai": Provider("langchain_google_genai", "ChatGoogleGenerativeAI", "google"),
        # Google folded Vertex AI into the same client; a package of its own is no longer needed for it.
        "google_vertexai": Provider("langchain_google_genai", "ChatGoogleGenerativeAI", "google", {"vertexai": True}),
        "openai": Provider("langchain_openai", "ChatOpenAI", "openai"),
    }
)

# How a bare name begins, in any case, as langchain documents it for its own function. Two differences: any o-series
# number counts (it stops at o3), and gemini means google_genai, which langchain announces for its next major version.
_BEGINNINGS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"gpt-|o\d|chatgpt|text-davinci", re.IGNORECASE), "openai"),
    (re.compile(r"claude", re.IGNORECASE), "anthropic"),
    (re.compile(r"gemini", re.IGNORECASE), "google_genai"),
    (re.compile(r"(amazon|anthropic|meta)\.", re.IGNORECASE), "bedrock"),
)


def choose(model: str, model_provider: str | None = None) -> tuple[str, str]:
    """The provider's key in the table, and the model's name as the provider knows it.

    A prefix counts only if it is a provider's key, so colons inside a name (`ft:gpt-4o:acme`, `…-v1:0`) stay in it.

    Raises:
        ValueError: The provider is unknown, cannot be told from the name, or is given twice and differently.
    """
    prefix, _, rest = model.partition(":")
    given = _known(model_provider) if model_provider else None
    if (named := _key(prefix)) in PROVIDERS and ":" in model:
        return _agreed(named, given, model), _not_empty(rest, model)
    return given or _inferred(model), _not_empty(model, model)


def chat_model_class(provider: str) -> type[BaseChatModel]:
    """The class behind a key of the table; imports its package.

    Raises:
        MissingPackageError: The package is not installed; the message gives the command that installs it.
    """
    package, class_name, extra, _ = PROVIDERS[provider]
    try:
        return getattr(import_module(package), class_name)
    except ModuleNotFoundError as error:
        if error.name != package:  # it is there, but something that it needs is not: its own message says what
            raise
        raise MissingPackageError(
            f'models of provider {provider!r} need the package {package!r}: pip install "clew[{extra}]"', name=package
        ) from error


def build(model: str, model_provider: str | None, arguments: Mapping[str, Any]) -> BaseChatModel:
    """A model of the chosen provider's class, with `arguments` passed to its constructor."""
    provider, name = choose(model, model_provider)
    return chat_model_class(provider)(**{"model": name, **PROVIDERS[provider].arguments, **arguments})


def check_name(model: Any) -> None:
    """Refuse with a TypeError what is neither a model's name nor None."""
    if model is not None and not isinstance(model, str):
        raise TypeError(
            f"model must be a name such as 'openai:gpt-4.1', got {type(model).__name__}: "
            "a model that is built already is used as it is"
        )


def _key(provider: str) -> str:
    return provider.strip().lower().replace("-", "_")


def _known(provider: str) -> str:
    if (key := _key(provider)) in PROVIDERS:
        return key
    raise ValueError(f"unknown model_provider {provider!r}: {_WAYS_OUT}")


def _inferred(model: str) -> str:
    for beginning, provider in _BEGINNINGS:
        if beginning.match(model):
            return provider
    raise ValueError(f"cannot tell the provider of model {model!r}: {_WAYS_OUT}")


def _agreed(named: str, given: str | None, model: str) -> str:
    if given in (None, named):
        return named
    raise ValueError(f"model {model!r} names provider {named!r} and model_provider says {given!r}: give one of the two")


def _not_empty(name: str, model: str) -> str:
    if name.strip():
        return name
    raise ValueError(f"model {model!r} has no name: write it as 'provider:name', for example 'openai:gpt-4.1'")


_WAYS_OUT = (
    f"clew builds models of {', '.join(PROVIDERS)}; name one as 'provider:model' or as model_provider=. "
    "For any other, build the model with its own class and use it in this one's place"
)
