"""`init_chat_model`: a chat model from a name such as "openai:gpt-4.1", without installing `langchain`.

Builds the provider's own class and adds nothing to it; reads no key and opens no connection itself.
Called by users, and by agents that take their model as a string.
"""

from __future__ import annotations

import warnings
from typing import Any, Literal, overload

from langchain_core.language_models import BaseChatModel

from .configurable_model import ConfigurableModel
from .providers import build, check_name, choose

Fields = Literal["any"] | list[str] | tuple[str, ...]


@overload
def init_chat_model(
    model: str,
    *,
    model_provider: str | None = None,
    configurable_fields: None = None,
    config_prefix: str | None = None,
    **kwargs: Any,
) -> BaseChatModel: ...


@overload
def init_chat_model(
    model: None = None,
    *,
    model_provider: str | None = None,
    configurable_fields: Fields | None = None,
    config_prefix: str | None = None,
    **kwargs: Any,
) -> ConfigurableModel: ...


@overload
def init_chat_model(
    model: str,
    *,
    model_provider: str | None = None,
    configurable_fields: Fields,
    config_prefix: str | None = None,
    **kwargs: Any,
) -> ConfigurableModel: ...


def init_chat_model(
    model: str | None = None,
    *,
    model_provider: str | None = None,
    configurable_fields: Fields | None = None,
    config_prefix: str | None = None,
    **kwargs: Any,
) -> BaseChatModel | ConfigurableModel:
    """Build a chat model from its name, or one that is chosen by the configuration of each call.

    Each provider's package is an extra: `openai` (OpenAI and Azure), `anthropic`, `google`, `aws`.

        init_chat_model("openai:gpt-4.1", temperature=0)
        init_chat_model("claude-sonnet-4-6")                             # the name tells: anthropic
        init_chat_model("azure_openai:gpt-4.1", azure_deployment="mine")
        init_chat_model("anthropic.claude-3-5-sonnet-20240620-v1:0", model_provider="bedrock_converse")
        init_chat_model("openai:gpt-4.1", configurable_fields=("model", "temperature"))

    Args:
        model: `"provider:name"`, or a bare name that tells its provider. Without it the model is configurable.
        model_provider: The provider, instead of a prefix: `openai`, `azure_openai`, `anthropic`, `google_genai`,
            `google_vertexai`, `bedrock`, `bedrock_converse`.
        configurable_fields: Which arguments a call may set in `config["configurable"]`; `"any"` is every argument
            of the model's class. Of untrusted callers list the fields: `"any"` lets them set `base_url` too, and
            so send your key to a host of theirs. None means a fixed model, or, without `model`,
            `("model", "model_provider")`.
        config_prefix: With `"first"`, calls set `first_model`, `first_temperature` and so on.
        **kwargs: Passed to the class's constructor: whichever class a call chooses, so give a key of one provider
            only where the provider is fixed.

    Returns:
        The provider's own chat model, or a `ConfigurableModel` that builds it at each call.

    Raises:
        ValueError: The provider is unknown, or the name does not tell it.
        MissingPackageError: The provider's package is not installed (an ImportError; it names the command).
    """
    check_name(model)
    if model and not configurable_fields:
        _warn_of_unused(config_prefix)
        return build(model, model_provider, kwargs)
    if model:
        choose(model, model_provider)  # a wrong name is refused here, not at the first call
    defaults = {"model": model or None, "model_provider": model_provider}
    return ConfigurableModel(
        {**{name: value for name, value in defaults.items() if value is not None}, **kwargs},
        fields=_checked_fields(configurable_fields or ("model", "model_provider")),
        prefix=_separated(config_prefix or ""),
    )


def _checked_fields(fields: Any) -> frozenset[str] | None:
    if fields == "any":
        return None
    if isinstance(fields, str) or not all(isinstance(name, str) for name in fields):
        raise ValueError(f"configurable_fields must be 'any' or a tuple of argument names, got {fields!r}")
    return frozenset(fields)


def _separated(prefix: str) -> str:
    return prefix if not prefix or prefix.endswith("_") else prefix + "_"


def _warn_of_unused(config_prefix: str | None) -> None:
    if config_prefix:
        warnings.warn(
            f"config_prefix={config_prefix!r} has no effect on a fixed model: name configurable_fields too",
            stacklevel=3,
        )
