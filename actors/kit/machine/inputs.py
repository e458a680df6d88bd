"""Strategies from what a graph declares: its input schema, and the schema of a question's answer."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any, NotRequired, Union, get_args, get_origin

from hypothesis import strategies as st
from langchain_core.messages import BaseMessage, HumanMessage

from ....projections.channels.messages_channel import MessagesChannel
from ...author.hints import class_hints, is_class_with_hints, stripped
from ...doors.compiled import CompiledStateGraph

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
plain = st.none() | st.booleans() | st.integers(-1000, 1000) | texts
"""For what declares no type."""
messages = st.lists(texts.map(HumanMessage), min_size=1, max_size=2)
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    int: st.integers(-1000, 1000),
    float: st.floats(-1e6, 1e6),
    bool: st.booleans(),
    bytes: st.binary(max_size=8),
    type(None): st.none(),
    Any: plain,
    object: plain,
    list: st.lists(texts, max_size=2),
    dict: st.dictionaries(texts, plain, max_size=2),
}


def inputs_of(graph: CompiledStateGraph) -> st.SearchStrategy[Any]:
    """Inputs as the graph's input schema declares them: every required key, the others now and then.

    Raises:
        TypeError: the graph declares no keys (an entrypoint, a root state), or a type for which there is no strategy.
    """
    schema = None if graph.builder is None else graph.builder.input_schema
    if not is_class_with_hints(get_origin(schema) or schema):
        raise TypeError(f"the input schema {schema!r} of graph {graph.name!r} has no keys: give inputs=, a strategy")
    hints = class_hints(get_origin(schema) or schema)
    declared = getattr(schema, "__required_keys__", frozenset(hints))
    # Of annotations that are text Python 3.11 does not see that they say NotRequired.
    required = {key for key in declared if key in hints and get_origin(hints[key]) is not NotRequired}
    keys = {key: _key(graph, key, hints[key]) for key in graph.plan.input_view.keys if key in hints}
    return st.fixed_dictionaries(
        {key: strategy for key, strategy in keys.items() if key in required},
        optional={key: strategy for key, strategy in keys.items() if key not in required},
    )


def _key(graph: CompiledStateGraph, key: str, annotation: Any) -> st.SearchStrategy[Any]:
    if isinstance(graph.plan.channels.get(key), MessagesChannel):
        return messages
    try:
        return of_type(annotation)
    except Exception as error:
        raise TypeError(
            f"no strategy for key {key!r}: {annotation!r} of graph {graph.name!r} ({error}): give inputs="
        ) from error


def of_type(annotation: Any) -> st.SearchStrategy[Any]:
    """Values of a type as schemas declare them."""
    annotation = stripped(annotation)
    while hasattr(annotation, "__metadata__"):
        annotation = stripped(get_args(annotation)[0])
    if annotation in SIMPLE:
        return SIMPLE[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (types.UnionType, Union):
        return st.one_of([of_type(one) for one in arguments])
    if origin is list and arguments:
        inner = arguments[0]
        if isinstance(inner, type) and issubclass(inner, BaseMessage):
            return messages
        return st.lists(of_type(inner), max_size=2)
    if origin is dict and arguments:
        return st.dictionaries(of_type(arguments[0]), of_type(arguments[1]), max_size=2)
    if typing.is_typeddict(annotation):
        return st.fixed_dictionaries({key: of_type(hint) for key, hint in class_hints(annotation).items()})
    return st.from_type(annotation)


def answers_to(schema: Mapping[str, Any] | None) -> st.SearchStrategy[Any]:
    """Answers that a question's JSON schema allows; anything short where it gave none."""
    if schema is None:
        return st.sampled_from(["yes", "no"]) | st.booleans() | texts
    return _of_json_schema(schema, schema.get("$defs", {}))


def _of_json_schema(schema: Mapping[str, Any], defined: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return _of_json_schema(defined.get(schema["$ref"].rpartition("/")[2], {}), defined)
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(list(schema["enum"]))
    several = schema.get("anyOf") or schema.get("oneOf")
    if several:
        return st.one_of([_of_json_schema(one, defined) for one in several])
    match schema.get("type"):
        case "string":
            return texts
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(schema.get("minimum", -1000), schema.get("maximum", 1000))
        case "number":
            return st.floats(schema.get("minimum", -1e6), schema.get("maximum", 1e6))
        case "null":
            return st.none()
        case "array":
            return st.lists(_of_json_schema(schema.get("items", {}), defined), max_size=2)
        case "object":
            keys = schema.get("properties", {})
            required = {key: _of_json_schema(keys[key], defined) for key in schema.get("required", ()) if key in keys}
            optional = {key: _of_json_schema(one, defined) for key, one in keys.items() if key not in required}
            return st.fixed_dictionaries(required, optional=optional)
    return plain
