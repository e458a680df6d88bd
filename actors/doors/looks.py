"""What a compiled graph looks like from outside: schemas, channel names, drawings. Nothing here runs the graph."""

from __future__ import annotations

import asyncio
import dataclasses
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self, get_type_hints

from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import BaseModel, TypeAdapter, create_model
from pydantic_core import PydanticSerializationError, to_jsonable_python

from ...events.deprecations import LangGraphDeprecatedSinceV10
from ...events.vocabulary import START
from ..author.hints import class_hints, for_pydantic, stripped
from ..author.shape import drawable
from .setup import Setup
from .subgraphs import kept_graph

Config = RunnableConfig | None
_OPEN = {"arbitrary_types_allowed": True}


class Described(Setup, Runnable[Any, Any]):
    """The part of a compiled graph that describes it."""

    stream_mode: str | Sequence[str] = "updates"
    """The mode of `stream` when none is given: set it on the graph, or on a `copy`."""
    step_timeout = None
    stream_eager = False
    retry_policy = ()
    """Policies are the nodes' own: `add_node(retry_policy=...)`."""
    cache_policy = None

    # -- schemas

    @property
    def InputType(self) -> Any:
        """The graph's input schema: what langchain-core makes a tool's arguments of."""
        return Any if self.builder is None else for_pydantic(self.builder.input_schema)

    @property
    def OutputType(self) -> Any:
        """The graph's output schema."""
        return Any if self.builder is None else for_pydantic(self.builder.output_schema)

    @property
    def context_schema(self) -> Any:
        """The class that `context` is made an instance of; None when there is none."""
        return self.plan.context_schema

    def get_input_jsonschema(self, config: Config = None) -> dict[str, Any]:
        """JSON schema of what `invoke` takes."""
        return self._jsonschema(self.InputType, "Input")

    def get_output_jsonschema(self, config: Config = None) -> dict[str, Any]:
        """JSON schema of what `invoke` returns."""
        return self._jsonschema(self.OutputType, "Output")

    def get_context_jsonschema(self) -> dict[str, Any] | None:
        """JSON schema of the context; None for a graph without a context schema."""
        schema = self.plan.context_schema
        return None if schema is None else TypeAdapter(for_pydantic(schema)).json_schema()

    def get_config_jsonschema(self, *, include: Sequence[str] | None = None) -> dict[str, Any]:
        """JSON schema of `config_schema`, and deprecated with it."""
        return self.config_schema(include=include).model_json_schema()

    def get_output_schema(self, config: Config = None) -> type[BaseModel]:
        """A pydantic model of what `invoke` returns: every output key, none of which need be there."""
        name = self.get_name("Output")
        if self.plan.root is not None or self.builder is None:
            return super().get_output_schema(config)  # type: ignore[return-value]  # langchain-core's, a root model
        hints = class_hints(self.builder.output_schema)
        fields: dict[str, Any] = {key: (stripped(hints.get(key, Any)), None) for key in self.plan.output_view.keys}
        return create_model(name, __config__=_OPEN, **fields)  # type: ignore[call-overload]

    def config_schema(self, *, include: Sequence[str] | None = None) -> type[BaseModel]:
        """A pydantic model of the config, with the context's fields under `configurable`; `get_context_jsonschema` is
        what new code asks for.
        """
        warnings.warn(
            "config_schema is deprecated: use get_context_jsonschema", LangGraphDeprecatedSinceV10, stacklevel=2
        )
        fields: dict[str, Any] = {}
        if self.plan.context_schema is not None:
            fields["configurable"] = (for_pydantic(self.plan.context_schema), None)
        for name, hint in get_type_hints(RunnableConfig).items():
            if name in (include or ()) and name != "configurable":
                fields[name] = (hint, None)
        return create_model(self.get_name("Config"), __config__=_OPEN, **fields)  # type: ignore[call-overload]

    def _jsonschema(self, schema: Any, kind: str) -> dict[str, Any]:
        made = TypeAdapter(schema).json_schema()
        if self.plan.root is not None:
            return dict(sorted({"default": None, **made, "title": self.get_name(kind)}.items()))
        if not dataclasses.is_dataclass(schema):
            return made
        # The peer's schemas of dataclasses are named after the graph, and show what factories make.
        shown = {name: {**default, **made["properties"][name]} for name, default in _made_defaults(schema)}
        return {**made, "properties": {**made["properties"], **shown}, "title": self.get_name(kind)}

    # -- channels and breakpoints

    @property
    def input_channels(self) -> str:
        """Where input goes in."""
        return START

    @property
    def output_channels(self) -> str | list[str]:
        """The keys that `invoke` returns; for a state without keys, the name of its one channel."""
        return self._keys(self.plan.output_view.keys)

    @property
    def stream_channels(self) -> str | list[str]:
        """The keys that streams show."""
        return self._keys(self.plan.state_view.keys)

    stream_channels_asis = stream_channels

    @property
    def stream_channels_list(self) -> list[str]:
        """The keys that streams show, always as a list."""
        return list(self.plan.state_view.keys)

    def validate(self) -> Self:
        """The graph itself: `compile` has looked at it already."""
        return self

    def _keys(self, keys: Sequence[str]) -> str | list[str]:
        return keys[0] if self.plan.root is not None else list(keys)

    # -- drawings

    def get_graph(self, config: Config = None, *, xray: int | bool = False) -> Any:
        """The graph as a langchain-core `Graph`.

        `draw_mermaid()`, `draw_ascii()` and `draw_svg()` need nothing; `draw_mermaid_png()` asks a service or a
        browser, `draw_png()` needs pygraphviz; `to_json()` is for programs.

        Args:
            config: no difference.
            xray: True draws sub-graphs from the inside, a number so many levels deep: nodes that are graphs, and those
                whose function is seen to use one, unless it keeps no state.
        """
        return drawable(self.plan, xray=xray, opened=kept_graph)

    async def aget_graph(self, config: Config = None, *, xray: int | bool = False) -> Any:
        """As `get_graph`."""
        return await asyncio.to_thread(self.get_graph, config, xray=xray)

    def _repr_mimebundle_(self, **_: Any) -> Mapping[str, Any]:
        """What a notebook shows of the graph: its diagram, drawn here."""
        return {"text/plain": repr(self), "image/svg+xml": self.get_graph().draw_svg()}


def _made_defaults(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """(field, its default in a JSON schema) of the fields of a dataclass whose defaults are made at each call."""
    for field in dataclasses.fields(schema):
        if field.init and field.default_factory is not dataclasses.MISSING:
            try:
                yield field.name, {"default": to_jsonable_python(field.default_factory())}
            except PydanticSerializationError:
                continue
