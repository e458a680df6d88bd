"""A chat model that each call chooses: built from defaults and the call's `config["configurable"]`.

Holds no client and no state. Made by `init_chat_model`; used wherever a chat model is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.runnables import Runnable, RunnableConfig, ensure_config
from langchain_core.runnables.config import get_config_list, merge_configs
from langchain_core.tools import BaseTool

from .providers import build, chat_model_class, check_name, choose


@dataclass(frozen=True)
class _Method:
    """A method to call on the model once it is built."""

    name: str
    positional: tuple[Any, ...]
    named: Mapping[str, Any]


@dataclass(frozen=True)
class _Settings:
    """All that a configurable model is."""

    defaults: Mapping[str, Any]
    fields: frozenset[str] | None  # None: any
    prefix: str
    config: RunnableConfig = field(default_factory=RunnableConfig)
    methods: tuple[_Method, ...] = ()


@final
class ConfigurableModel(Runnable[LanguageModelInput, Any]):
    """A model that is chosen and built at each call, from its defaults and the call's `config["configurable"]`.

    Immutable, safe to share between threads. `bind_tools` and `with_structured_output` return a new one that applies
    them to whichever model a call chooses. Other attributes are those of the default model, where there is one.
    """

    def __init__(self, defaults: Mapping[str, Any], *, fields: frozenset[str] | None, prefix: str) -> None:
        self._settings = _Settings(defaults, fields, prefix)

    def bind_tools(
        self, tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool], **kwargs: Any
    ) -> ConfigurableModel:
        """The same with tools bound to the model that a call chooses."""
        return self._with_method("bind_tools", tools, **kwargs)

    def with_structured_output(self, schema: dict[str, Any] | type, **kwargs: Any) -> ConfigurableModel:
        """The same with its answer parsed into `schema`."""
        return self._with_method("with_structured_output", schema, **kwargs)

    def with_config(self, config: RunnableConfig | None = None, **kwargs: Any) -> ConfigurableModel:
        """The same with `config` as default; what a call gives goes before it."""
        given = RunnableConfig(**{**(config or {}), **kwargs})  # pyright: ignore[reportArgumentType]
        return self._replaced(config=merge_configs(self._settings.config, given))

    def invoke(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """The chosen model's answer."""
        merged = self._merged(config)
        return self._model(merged).invoke(input, merged, **kwargs)

    async def ainvoke(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """The chosen model's answer."""
        merged = self._merged(config)
        return await self._model(merged).ainvoke(input, merged, **kwargs)

    def stream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> Iterator[Any]:
        """The chosen model's answer, chunk by chunk."""
        merged = self._merged(config)
        yield from self._model(merged).stream(input, merged, **kwargs)

    async def astream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> AsyncIterator[Any]:
        """The chosen model's answer, chunk by chunk."""
        merged = self._merged(config)
        async for chunk in self._model(merged).astream(input, merged, **kwargs):
            yield chunk

    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        **kwargs: Any,
    ) -> list[Any]:
        """One answer per input, in their order, on a pool of threads; each may have its own config."""
        return super().batch(inputs, self._merged_each(config, len(inputs)), **kwargs)

    async def abatch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        **kwargs: Any,
    ) -> list[Any]:
        """One answer per input, in their order; each may have its own config."""
        return await super().abatch(inputs, self._merged_each(config, len(inputs)), **kwargs)

    def __getattr__(self, name: str) -> Any:
        # Only what Python did not find. Private names are never delegated, or copying would look for itself.
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if "model" not in self._settings.defaults:
            raise AttributeError(f"no attribute {name!r}: this configurable model has no default model to ask")
        return getattr(self._model(self._settings.config), name)

    def _with_method(self, name: str, *positional: Any, **named: Any) -> ConfigurableModel:
        return self._replaced(methods=(*self._settings.methods, _Method(name, positional, named)))

    def _replaced(self, **changes: Any) -> ConfigurableModel:
        copy = ConfigurableModel(self._settings.defaults, fields=self._settings.fields, prefix=self._settings.prefix)
        copy._settings = replace(self._settings, **changes)
        return copy

    def _merged(self, config: RunnableConfig | None) -> RunnableConfig:
        # ensure_config also finds the config of the node or chain that this call is made in.
        return merge_configs(self._settings.config, ensure_config(config))

    def _merged_each(self, config: RunnableConfig | list[RunnableConfig] | None, count: int) -> list[RunnableConfig]:
        return [merge_configs(self._settings.config, each) for each in get_config_list(config, count)]

    def _model(self, config: RunnableConfig) -> Runnable[LanguageModelInput, Any]:
        model: Runnable[LanguageModelInput, Any] = _build(self._settings, config.get("configurable") or {})
        for method in self._settings.methods:
            model = getattr(model, method.name)(*method.positional, **method.named)
        return model


def _build(settings: _Settings, configurable: Mapping[str, Any]) -> BaseChatModel:
    given = _given(settings, configurable)
    arguments = {**settings.defaults, **given}
    model, provider = arguments.pop("model", None), arguments.pop("model_provider", None)
    if not model:
        raise ValueError(f'no model to call: give one in config["configurable"][{settings.prefix + "model"!r}]')
    check_name(model)
    if settings.fields is None:
        _drop_undeclared(arguments, given, settings.prefix, chat_model_class(choose(model, provider)[0]))
    return build(model, provider, arguments)


def _given(settings: _Settings, configurable: Mapping[str, Any]) -> dict[str, Any]:
    """What a call sets, by argument name."""
    prefix, fields = settings.prefix, settings.fields
    named = {key.removeprefix(prefix): value for key, value in configurable.items() if key.startswith(prefix)}
    return {name: value for name, value in named.items() if fields is None or name in fields}


def _drop_undeclared(
    arguments: dict[str, Any], given: Mapping[str, Any], prefix: str, model_class: type[BaseChatModel]
) -> None:
    """Without a prefix the keys are shared with the graph (thread_id, the user's own): those are not the model's."""
    undeclared = sorted(given.keys() - _parameters(model_class) - {"model", "model_provider"})
    if undeclared and prefix:
        raise ValueError(
            f'config["configurable"][{prefix + undeclared[0]!r}]: '
            f"{undeclared[0]!r} is no argument of {model_class.__name__}"
        )
    for name in undeclared:
        del arguments[name]


def _parameters(model_class: type[BaseChatModel]) -> set[str]:
    fields = model_class.model_fields
    return set(fields) | {declared.alias for declared in fields.values() if declared.alias}
