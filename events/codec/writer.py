"""From a value to its bytes: one typed walk, then msgpack (which alone would turn tuples, sets, UUIDs … into lists).

A walker gives something that msgpack can hold: the value itself where nothing inside needs an extension, so that a
plain tree is not copied. Nothing is guessed: a type without a walker is refused with the path. Called by the Codec.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Collection, Iterable
from itertools import chain
from typing import Any, TypeAlias, final

from langchain_core.messages.base import TextAccessor
from msgspec import Raw
from msgspec.msgpack import Encoder, Ext

from ..vocabulary.directives import Command, Interrupt, Overwrite, Send
from ..vocabulary.timeouts import Limits, recorded_timeout
from .kinds import arrays, codes
from .kinds.messages import FORM_OF, Form
from .kinds.natives import DUMPERS, Dump, dump_integer, dump_text
from .kinds.opaque import Opaque, RecordedException
from .refusals import DEPTH_MAX, Refused, TooDeep, encode_error, unknown_type
from .registry import Entry, Registry

_PLAIN_SIZE_MIN = 12
"""From this many items on a container is looked at level by level before it is walked item by item."""
_PLAIN_LEVELS_MAX = 4
_PLAIN_DEPTH_MAX = DEPTH_MAX - _PLAIN_LEVELS_MAX
_PLAIN_ITEMS_MAX = 200_000

_SCALARS = frozenset({str, int, float, bool, type(None), bytes})
"""Types that msgpack holds as they are, as values and as keys."""
_SURE_SCALARS = _SCALARS - {str, int}
"""The same without those of which msgpack cannot hold every value."""
_TREES = _SCALARS | {list, dict}
_TEXT = frozenset({str})
_INT64 = range(-(2**63), 2**64)

_CLASSES_MAX = 1000
"""Classes whose walkers are kept; past it all are looked up again. Programs that make classes as they run get there."""

FACTORIES: tuple[Any, ...] = (None, list, dict, set, int, str, float, bool, tuple)
"""What a stored defaultdict may make, by number, for ever."""

_UNUSUAL = (UnicodeEncodeError, OverflowError)
"""What msgspec raises for lone surrogates and for integers over 64 bits: so rare that it is found out by trying."""

Walker: TypeAlias = Callable[[Any, int], Any]


@final
class Writer:
    """Encodes values with one registry, and registers in it the classes it meets. May be shared among threads.

    With `canonical`, equal values give equal bytes whatever the order of their dicts.
    """

    def __init__(self, registry: Registry, *, canonical: bool = False) -> None:
        self._quick = _Walk(registry, canonical=canonical, careful=False)
        self._careful = _Walk(registry, canonical=canonical, careful=True)

    def encode(self, value: Any, path: str = "$") -> bytes:
        """The value's bytes. Raises `EncodeError` with the path, which begins with `path`."""
        quick = self._quick
        try:
            return quick.pack(value if type(value) in quick.leaves else quick.walk(value, 0))
        except _UNUSUAL:
            pass
        except (Refused, RecursionError, ValueError) as refusal:
            raise encode_error(path, refusal) from refusal.__cause__
        try:
            return self._careful.encode(value)
        except (Refused, RecursionError, ValueError, OverflowError) as refusal:
            raise encode_error(path, refusal) from refusal.__cause__


@final
class _Walk:
    """One way to walk. The quick one takes strings and integers as they are, the careful one looks at each."""

    def __init__(self, registry: Registry, *, canonical: bool, careful: bool) -> None:
        self._registry = registry
        self._canonical = canonical
        self._quick = not careful
        self.leaves = _SURE_SCALARS if careful else _SCALARS
        self.pack = Encoder(order="deterministic" if canonical else None).encode
        self._walkers: dict[type, Walker] = {
            list: self._list,
            dict: self._dict,
            tuple: self._tuple,
            set: lambda value, depth: self._set(codes.SET, value, depth),
            frozenset: lambda value, depth: self._set(codes.FROZENSET, value, depth),
            deque: self._deque,
            OrderedDict: self._ordered_dict,
            Counter: lambda value, depth: self._extension(codes.COUNTER, self._flat(value, depth)),
            defaultdict: self._default_dict,
            Send: self._send,
            Command: self._command,
            Overwrite: self._overwrite,
            Interrupt: self._interrupt,
            Opaque: self._opaque,
            TextAccessor: lambda value, depth: self.walk(str(value), depth),
            str: lambda value, _: _text(value),
            int: lambda value, _: value if value in _INT64 else Ext(codes.INTEGER, dump_integer(value)),
        }
        self._own = dict(self._walkers)

    def encode(self, value: Any) -> bytes:
        return self.pack(value if type(value) in self.leaves else self.walk(value, 0))

    def walk(self, value: Any, depth: int) -> Any:
        """What stands for the value in msgpack."""
        cls = type(value)
        if cls in self.leaves:
            return value
        return (self._walkers.get(cls) or self._find(cls))(value, depth)

    def _extension(self, code: int, content: Any) -> Ext:
        return Ext(code, self.pack(content))

    # Containers

    def _list(self, value: list[Any], depth: int) -> list[Any]:
        if depth >= DEPTH_MAX:
            raise TooDeep
        if self._quick and (
            _SCALARS.issuperset(map(type, value))
            or (len(value) >= _PLAIN_SIZE_MIN and depth < _PLAIN_DEPTH_MAX and _is_plain(value))
        ):
            return value
        return self._items(value, depth)

    def _items(self, value: Iterable[Any], depth: int) -> list[Any]:
        if depth >= DEPTH_MAX:
            raise TooDeep
        walked: list[Any] = []
        append, leaves, walkers = walked.append, self.leaves, self._walkers
        depth += 1
        try:
            for item in value:
                cls = type(item)
                append(item if cls in leaves else (walkers.get(cls) or self._find(cls))(item, depth))
        except Refused as refusal:
            refusal.passes(f"[{len(walked)}]", value)
            raise
        return walked

    def _dict(self, value: dict[Any, Any], depth: int) -> Any:
        if depth >= DEPTH_MAX:
            raise TooDeep
        if not _TEXT.issuperset(map(type, value)) or not (self._quick or all(map(_is_encodable, value))):
            return self._mapping(value, depth)
        if self._quick:
            items = value.values()
            if _SCALARS.issuperset(map(type, items)) or (
                len(value) >= _PLAIN_SIZE_MIN and depth < _PLAIN_DEPTH_MAX and _is_plain(items)
            ):
                return value
        return self._values(value, depth)

    def _values(self, value: dict[Any, Any], depth: int) -> dict[Any, Any]:
        """The dict with its values walked; its keys are as they can be."""
        walked: dict[Any, Any] = {}
        leaves, walkers = self.leaves, self._walkers
        depth += 1
        key: Any = None
        try:
            for key, item in value.items():
                cls = type(item)
                walked[key] = item if cls in leaves else (walkers.get(cls) or self._find(cls))(item, depth)
        except Refused as refusal:
            refusal.passes(_step(key), value)
            raise
        return walked

    def _mapping(self, value: dict[Any, Any], depth: int) -> Any:
        """A dict with other keys than text: msgpack's own map if that can hold them."""
        if not self._canonical and self.leaves.issuperset(map(type, value)):
            return self._values(value, depth)
        return self._extension(codes.MAPPING, self._flat(value, depth))

    def _flat(self, value: dict[Any, Any], depth: int, *, ordered: bool = False) -> list[Any]:
        """`[key, value, key, value, …]`; sorted where equal dicts must give equal bytes."""
        if depth >= DEPTH_MAX:
            raise TooDeep
        pairs: list[tuple[Any, Any]] = []
        key: Any = None
        try:
            for key, item in value.items():
                pairs.append((self.walk(key, depth + 1), self.walk(item, depth + 1)))
        except Refused as refusal:
            refusal.passes(_step(key), value)
            raise
        if self._canonical and not ordered:
            pairs.sort(key=lambda pair: self.pack(pair[0]))
        return list(chain.from_iterable(pairs))

    def _tuple(self, value: tuple[Any, ...], depth: int) -> Ext:
        plain = self._quick and depth < DEPTH_MAX and _SCALARS.issuperset(map(type, value))
        return self._extension(codes.TUPLE, value if plain else self._items(value, depth))

    def _set(self, code: int, value: Collection[Any], depth: int) -> Ext:
        """Sorted, so that the bytes do not depend on the hash seed."""
        kinds = set(map(type, value))
        if len(kinds) <= 1 and kinds <= {str, int, bytes}:
            return self._extension(code, self._items(sorted(value), depth))
        return self._extension(code, [Raw(item) for item in sorted(map(self.pack, self._items(value, depth)))])

    def _deque(self, value: deque[Any], depth: int) -> Ext:
        return self._extension(codes.DEQUE, [value.maxlen, self._items(value, depth)])

    def _ordered_dict(self, value: dict[Any, Any], depth: int) -> Ext:
        return self._extension(codes.ORDERED_DICT, self._flat(value, depth, ordered=True))

    def _default_dict(self, value: defaultdict[Any, Any], depth: int) -> Ext:
        factory: Any = value.default_factory
        if factory not in FACTORIES:
            raise Refused(
                f"the default factory {getattr(factory, '__qualname__', factory)!r} of a defaultdict cannot be stored; "
                "use dict(value), or a built-in type as its factory"
            )
        return self._extension(codes.DEFAULT_DICT, [FACTORIES.index(factory), self._flat(value, depth)])

    # Values of clew's own

    def _parts(self, owner: Any, depth: int, *named: tuple[str, Any]) -> list[Any]:
        """The walked parts of an object whose parts have names."""
        if depth >= DEPTH_MAX:
            raise TooDeep
        walked: list[Any] = []
        try:
            for _, part in named:
                walked.append(self.walk(part, depth + 1))
        except Refused as refusal:
            refusal.passes(named[len(walked)][0], owner)
            raise
        return walked

    def _send(self, value: Send, depth: int) -> Ext:
        timeout = recorded_timeout(value.timeout)
        if isinstance(timeout, Limits):
            timeout = [timeout.run, timeout.idle, timeout.heartbeat_only]  # type: ignore[assignment]
        parts = self._parts(value, depth, (".node", value.node), (".arg", value.arg), (".timeout", timeout))
        return self._extension(codes.SEND, parts)

    def _command(self, value: Command[Any], depth: int) -> Ext:
        content = (".update", value.update), (".resume", value.resume), (".goto", value.goto)
        parts = self._parts(value, depth, (".graph", value.graph), *content, (".answers", value.answers))
        return self._extension(codes.COMMAND, parts)

    def _overwrite(self, value: Overwrite, depth: int) -> Ext:
        return self._extension(codes.OVERWRITE, self._parts(value, depth, (".value", value.value)))

    def _interrupt(self, value: Interrupt, depth: int) -> Ext:
        schema = (".response_schema", value.response_schema)
        return self._extension(
            codes.INTERRUPT, self._parts(value, depth, (".value", value.value), (".id", value.id), schema)
        )

    def _opaque(self, value: Opaque, depth: int) -> Ext:
        if value.code:
            return Ext(value.code, value.data)
        parts = self._parts(value, depth, ("", value.tag), ("", value.data), ("", value.more))
        return self._extension(codes.OBJECT, parts if value.more is not None else parts[:2])

    # Values of other classes

    def _find(self, cls: type) -> Walker:
        """The walker of a class met for the first time. Raises `Refused` for one that cannot be stored."""
        walker = self._make(cls)
        if len(self._walkers) >= _CLASSES_MAX:
            self._walkers = dict(self._own)
        self._walkers[cls] = walker
        return walker

    def _make(self, cls: type) -> Walker:
        entry = self._registry.find_class(cls)
        if entry is not None:
            return self._object(entry)
        if cls in FORM_OF:
            return self._message(FORM_OF[cls])
        if cls in DUMPERS:
            return self._native(*DUMPERS[cls])
        array_code = arrays.code_of(cls)
        if array_code is not None:
            return self._native(array_code, arrays.dump_array)
        try:
            entry = self._registry.admit(cls)
        except ValueError as conflict:
            raise Refused(str(conflict)) from None
        if entry is not None:
            return self._object(entry)
        if issubclass(cls, BaseException):
            return self._exception
        raise unknown_type(cls)

    def _native(self, code: int, dump: Dump) -> Walker:
        def walker(value: Any, _: int) -> Ext:
            try:
                return Ext(code, dump(value))
            except ValueError as error:
                raise Refused(str(error)) from None

        return walker

    def _exception(self, value: BaseException, _: int) -> Ext:
        if isinstance(value, RecordedException):
            name, message = value.type_name, value.message
        else:
            name, message = type(value).__qualname__, str(value)
        return self._extension(codes.EXCEPTION, self._items([name, message], 0))

    def _message(self, form: Form) -> Walker:
        pack, leaves, walk, take_apart = self.pack, self.leaves, self.walk, form.take_apart
        number, main_step = form.number, f".{form.main}"

        def walker(message: Any, depth: int) -> Ext:
            main, id_, rest, extra = take_apart(message)
            step = main_step
            try:
                if type(main) not in leaves:
                    main = walk(main, depth + 1)
                step = ""
                parts = [number, main, id_ if type(id_) in leaves else walk(id_, depth + 1)]
                if rest or extra:
                    parts.append(walk(rest, depth + 1))
                if extra:
                    parts.append(walk(extra, depth + 1))
            except Refused as refusal:
                refusal.passes(step, message)
                raise
            return Ext(codes.MESSAGE, pack(parts))

        return walker

    def _object(self, entry: Entry) -> Walker:
        tag, shape = entry.tag, entry.shape

        def walker(value: Any, depth: int) -> Ext:
            try:
                data, more = shape.take_apart(value)
            except Exception as error:
                raise Refused(f"taking a {tag!r} apart raised {type(error).__name__}: {error}") from error
            try:
                parts = [tag, self.walk(data, depth + 1)]
                if more is not None:
                    parts.extend(self._more(more, shape.remade, depth + 1))
            except Refused as refusal:
                refusal.passes("", value)
                raise
            return self._extension(codes.OBJECT, parts)

        return walker

    def _more(self, more: list[Any], remade: Collection[str], depth: int) -> list[list[Any]]:
        """What only few instances have, in a list; none if nothing is left. Its dicts name their own steps."""
        given, extra, private = more
        if private and remade:
            private = {name: item for name, item in private.items() if name not in remade or self._can(item, depth)}
        if self._canonical:  # models are equal whichever of their fields were given
            given = None
        parts = [self.walk(part, depth) for part in (given, extra, private or None)]
        return [] if parts == [None, None, None] else [parts]

    def _can(self, value: Any, depth: int) -> bool:
        try:
            self.walk(value, depth)
        except Refused:
            return False
        return True


def _is_plain(items: Collection[Any]) -> bool:
    """True when items are lists and text-keyed dicts of scalars down to the bottom: msgpack can take them as they are.

    One pass of built-in functions per level, so it costs a fraction of a walk. Says False where it would take too long.
    """
    count = len(items)
    for _ in range(_PLAIN_LEVELS_MAX):
        kinds = set(map(type, items))
        if kinds <= _SCALARS:
            return True
        if not kinds <= _TREES:
            return False
        lists = [item for item in items if type(item) is list] if list in kinds else []
        dicts = [item for item in items if type(item) is dict] if dict in kinds else []
        # A value that contains itself, or one inner list many times, would grow from level to level.
        count += sum(map(len, lists)) + sum(map(len, dicts))
        if count > _PLAIN_ITEMS_MAX or not _TEXT.issuperset(map(type, chain.from_iterable(dicts))):
            return False
        items = list(chain(chain.from_iterable(lists), chain.from_iterable(map(dict.values, dicts))))
    return False


def _text(value: str) -> Any:
    return value if _is_encodable(value) else Ext(codes.TEXT, dump_text(value))


def _is_encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _step(key: Any) -> str:
    """One step of a path: into the dict at a key."""
    return f".{key}" if type(key) is str and key.isidentifier() else f"[{key!r}]"
