"""Does an answer fit the JSON schema that its question showed? The first misfit in words, with the path to it.

It knows the keywords that pydantic writes and people use: `type`, `enum`, `const`, `properties`, `required`,
`additionalProperties`, `items`, `prefixItems`, lengths and bounds, `pattern`, `anyOf`, `oneOf`, `allOf`, `not`, and
`$ref` into the schema itself. Others, `format` among them, say nothing here: the node that asked has the last word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

DEPTH_MAX: Final = 64
"""How deep a schema that refers to itself is followed."""

Check = Callable[[Any, Any, str, "_Schema"], str]


def misfit(schema: Any, value: Any) -> str:
    """Why a value does not fit a schema, as `$.order.price: -1 is less than 0`; "" where it fits.

    Total: of a schema that is none, or that goes on for ever, nothing is asked.
    """
    return _Schema(schema, schema, 0).misfit(value, "$")


class _Schema:
    """A schema inside of a whole one, to which references lead."""

    def __init__(self, schema: Any, whole: Any, depth: int) -> None:
        self.rules = schema
        self.whole = whole
        self.depth = depth

    def below(self, schema: Any) -> _Schema:
        """A schema that stands in this one."""
        return _Schema(schema, self.whole, self.depth + 1)

    def misfit(self, value: Any, path: str) -> str:
        """Why the value does not fit; "" where it does."""
        rules = self.rules
        if rules is False:
            return f"{path}: nothing fits here"
        if not isinstance(rules, Mapping) or self.depth > DEPTH_MAX:
            return ""
        for keyword, check in _CHECKS.items():
            if keyword in rules:
                found = check(rules[keyword], value, path, self)
                if found:
                    return found
        return ""


def _ref(target: Any, value: Any, path: str, schema: _Schema) -> str:
    found: Any = schema.whole
    if not isinstance(target, str) or not target.startswith("#"):
        return ""
    for part in target[1:].split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, Mapping) or name not in found:
            return ""
        found = found[name]
    return schema.below(found).misfit(value, path)


def _type(wanted: Any, value: Any, path: str, _: _Schema) -> str:
    names = [wanted] if isinstance(wanted, str) else wanted
    if not isinstance(names, list) or any(_TYPES.get(name, _anything)(value) for name in names):
        return ""
    return f"{path}: {_shown(value)} is no {' or '.join(map(str, names))}"


def _anything(_: Any) -> bool:
    return True


_TYPES: dict[Any, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: (
        not isinstance(value, bool) and isinstance(value, int | float) and float(value).is_integer()
    ),
    "number": lambda value: not isinstance(value, bool) and isinstance(value, int | float),
    "object": lambda value: isinstance(value, Mapping),
    "array": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
}


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON has it: true is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _enum(allowed: Any, value: Any, path: str, _: _Schema) -> str:
    if not isinstance(allowed, list) or any(_same(one, value) for one in allowed):
        return ""
    return f"{path}: {_shown(value)} is none of {', '.join(map(_shown, allowed))}"


def _const(only: Any, value: Any, path: str, _: _Schema) -> str:
    return "" if _same(only, value) else f"{path}: {_shown(value)} is not {_shown(only)}"


def _required(names: Any, value: Any, path: str, _: _Schema) -> str:
    if not isinstance(value, Mapping) or not isinstance(names, list):
        return ""
    missing = [name for name in names if name not in value]
    return f"{path}: {', '.join(map(repr, missing))} is missing" if missing else ""


def _properties(known: Any, value: Any, path: str, schema: _Schema) -> str:
    if not isinstance(value, Mapping) or not isinstance(known, Mapping):
        return ""
    inside = (
        schema.below(rules).misfit(value[name], f"{path}.{name}") for name, rules in known.items() if name in value
    )
    return next((found for found in inside if found), "")


def _additional(rules: Any, value: Any, path: str, schema: _Schema) -> str:
    if not isinstance(value, Mapping):
        return ""
    known = schema.rules.get("properties", {})
    more = [name for name in value if name not in known]
    if rules is False and more:
        return f"{path}: {', '.join(map(repr, more))} is not asked for"
    inside = (schema.below(rules).misfit(value[name], f"{path}.{name}") for name in more)
    return next((found for found in inside if found), "")


def _prefix(each: Any, value: Any, path: str, schema: _Schema) -> str:
    if not isinstance(value, list) or not isinstance(each, list):
        return ""
    inside = (
        schema.below(rules).misfit(item, f"{path}[{number}]")
        for number, (rules, item) in enumerate(zip(each, value, strict=False))
    )
    return next((found for found in inside if found), "")


def _items(rules: Any, value: Any, path: str, schema: _Schema) -> str:
    if not isinstance(value, list):
        return ""
    first = len(schema.rules.get("prefixItems", ()))
    inside = (
        schema.below(rules).misfit(item, f"{path}[{number}]") for number, item in enumerate(value) if number >= first
    )
    return next((found for found in inside if found), "")


def _all_of(rules: Any, value: Any, path: str, schema: _Schema) -> str:
    inside = (schema.below(one).misfit(value, path) for one in rules) if isinstance(rules, list) else ()
    return next((found for found in inside if found), "")


def _any_of(rules: Any, value: Any, path: str, schema: _Schema) -> str:
    if not isinstance(rules, list) or not rules:
        return ""
    found = [schema.below(one).misfit(value, path) for one in rules]
    return "" if "" in found else f"{path}: none of the alternatives fits ({'; or '.join(found)})"


def _one_of(rules: Any, value: Any, path: str, schema: _Schema) -> str:
    if not isinstance(rules, list) or not rules:
        return ""
    found = [schema.below(one).misfit(value, path) for one in rules]
    if found.count("") > 1:
        return f"{path}: {_shown(value)} fits {found.count('')} alternatives, and should fit one"
    return _any_of(rules, value, path, schema)


def _not(rules: Any, value: Any, path: str, schema: _Schema) -> str:
    return "" if schema.below(rules).misfit(value, path) else f"{path}: {_shown(value)} is what it must not be"


def _bound(wrong: Callable[[Any, Any], bool], words: str) -> Check:
    def check(bound: Any, value: Any, path: str, _: _Schema) -> str:
        numbers = _TYPES["number"](value) and _TYPES["number"](bound)
        return f"{path}: {_shown(value)} is {words} {bound}" if numbers and wrong(value, bound) else ""

    return check


def _length(kinds: tuple[type, ...], wrong: Callable[[int, Any], bool], words: str) -> Check:
    def check(bound: Any, value: Any, path: str, _: _Schema) -> str:
        measured = isinstance(value, kinds) and isinstance(bound, int)
        return f"{path}: it has {words} {bound}" if measured and wrong(len(value), bound) else ""

    return check


def _pattern(pattern: Any, value: Any, path: str, _: _Schema) -> str:
    if not isinstance(value, str) or not isinstance(pattern, str):
        return ""
    try:
        return "" if re.search(pattern, value) else f"{path}: {_shown(value)} does not match {pattern!r}"
    except re.error:  # of another dialect
        return ""


def _unique(wanted: Any, value: Any, path: str, _: _Schema) -> str:
    if wanted is not True or not isinstance(value, list):
        return ""
    twice = any(_same(one, other) for number, one in enumerate(value) for other in value[:number])
    return f"{path}: an item is there twice" if twice else ""


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


_CHECKS: dict[str, Check] = {
    "$ref": _ref,
    "type": _type,
    "enum": _enum,
    "const": _const,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "prefixItems": _prefix,
    "items": _items,
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not,
    "minimum": _bound(lambda value, bound: value < bound, "less than"),
    "maximum": _bound(lambda value, bound: value > bound, "more than"),
    "exclusiveMinimum": _bound(lambda value, bound: value <= bound, "not more than"),
    "exclusiveMaximum": _bound(lambda value, bound: value >= bound, "not less than"),
    "minLength": _length((str,), lambda length, bound: length < bound, "fewer characters than"),
    "maxLength": _length((str,), lambda length, bound: length > bound, "more characters than"),
    "minItems": _length((list,), lambda length, bound: length < bound, "fewer items than"),
    "maxItems": _length((list,), lambda length, bound: length > bound, "more items than"),
    "uniqueItems": _unique,
    "pattern": _pattern,
}
"""What each keyword asks, in the order in which misfits are told."""
