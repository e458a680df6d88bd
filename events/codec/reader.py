"""From bytes back to a value. Classes are looked up in tables and nowhere else: reading imports and evaluates nothing.

What it cannot rebuild becomes `Opaque`; bytes that no writer of clew made raise. Called by the Codec.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any, final
from zoneinfo import ZoneInfoNotFoundError

from msgspec.msgpack import Decoder

from ..errors import DecodeError
from ..vocabulary.directives import Command, Interrupt, Overwrite, Send
from ..vocabulary.timeouts import Limits, TimeoutPolicy, timeout_of
from .kinds import arrays, codes
from .kinds.messages import FORMS
from .kinds.natives import LOADERS
from .kinds.opaque import Opaque, RecordedException
from .refusals import DEPTH_MAX
from .registry import Registry
from .writer import FACTORIES


@final
class Reader:
    """Decodes values with one registry. Safe to share among threads.

    There is one per depth, each made by the one above when it first meets an extension inside an extension: so depth is
    limited without a counter that threads would share.
    """

    def __init__(self, registry: Registry, depth: int = 0) -> None:
        self._registry = registry
        self._depth = depth
        self._inner: Callable[[Any], Any] | None = None
        self.decode: Callable[[Any], Any] = Decoder(ext_hook=self._extension).decode

    def _unpack(self, encoded: Any) -> Any:
        """The content of an extension."""
        if self._inner is None:
            if self._depth > DEPTH_MAX:
                raise DecodeError(f"extensions are nested more than {DEPTH_MAX} deep: no writer of clew made this")
            self._inner = Reader(self._registry, self._depth + 1).decode
        return self._inner(encoded)

    def _extension(self, code: int, encoded: memoryview) -> Any:
        if code == codes.MESSAGE:
            return self._message(encoded)
        if code == codes.OBJECT:
            return self._object(*self._unpack(encoded))
        build = _BUILDERS.get(code)
        if build is not None:
            return build(*self._unpack(encoded)) if code in _SPREAD else build(self._unpack(encoded))
        load = LOADERS.get(code) or _ARRAYS.get(code)
        if load is None:
            return Opaque("", bytes(encoded), code=code)
        try:
            return load(bytes(encoded))
        except (LookupError, ZoneInfoNotFoundError) as error:
            # What this process lacks (a time zone, numpy) is no fault of the bytes.
            return Opaque("", bytes(encoded), code=code, reason=str(error))

    def _message(self, encoded: memoryview) -> Any:
        number, *parts = self._unpack(encoded)
        form = FORMS.get(number)
        if form is None:
            return Opaque("message", bytes(encoded), code=codes.MESSAGE)
        try:
            return form.put_together(*parts)
        except ValueError as error:
            return Opaque(form.cls.__name__, bytes(encoded), code=codes.MESSAGE, reason=str(error))

    def _object(self, tag: str, data: Any, more: Any = None) -> Any:
        entry = self._registry.find_tag(tag)
        if entry is None:
            return Opaque(tag, data, more)
        try:
            return entry.shape.put_together(data, more)
        except Exception as error:  # the class is the user's: whatever it says, reading goes on
            return Opaque(tag, data, more, reason=f"{type(error).__name__}: {error}")


def _pairs(flat: list[Any]) -> Any:
    items = iter(flat)
    return zip(items, items, strict=True)


def _default_dict(factory: int, flat: list[Any]) -> defaultdict[Any, Any]:
    return defaultdict(FACTORIES[factory], _pairs(flat))


def _counter(flat: list[Any]) -> Counter[Any]:
    counter: Counter[Any] = Counter()
    dict.update(counter, _pairs(flat))  # Counter's own would add up
    return counter


def _command(graph: Any, update: Any, resume: Any, goto: Any, answers: bool) -> Command[Any]:
    given = {"resume": resume} if answers else {}
    return Command(graph=graph, update=update, goto=goto, **given)


_BUILDERS: dict[int, Callable[..., Any]] = {
    codes.TUPLE: tuple,
    codes.SET: set,
    codes.FROZENSET: frozenset,
    codes.DEQUE: lambda maxlen, items: deque(items, maxlen),
    codes.MAPPING: lambda flat: dict(_pairs(flat)),
    codes.ORDERED_DICT: lambda flat: OrderedDict(_pairs(flat)),
    codes.DEFAULT_DICT: _default_dict,
    codes.COUNTER: _counter,
    codes.EXCEPTION: RecordedException,
    codes.SEND: lambda node, arg, timeout: Send(node, arg, timeout=_timeout(timeout)),
    codes.COMMAND: _command,
    codes.OVERWRITE: Overwrite,
    codes.INTERRUPT: lambda value, id, schema: Interrupt(value, id, response_schema=schema),
}
_SPREAD = frozenset(
    {codes.DEQUE, codes.DEFAULT_DICT, codes.EXCEPTION, codes.SEND, codes.COMMAND, codes.OVERWRITE, codes.INTERRUPT}
)
"""Extensions whose content is a list of arguments; the others' is one argument."""

_ARRAYS: dict[int, Callable[[bytes], Any]] = {codes.ARRAY: arrays.load_array, codes.SCALAR: arrays.load_scalar}


def _timeout(recorded: float | list[Any] | None) -> TimeoutPolicy | None:
    """A Send's timeout of what the writer made of it."""
    return timeout_of(Limits(*recorded) if isinstance(recorded, list) else recorded)
