"""Values of the standard library that have an extension of their own and no values inside: to bytes and back.

Every loader takes the extension's bytes and either gives the value or raises; none runs anything but the type itself.
Called by the writer and the reader.
"""

from __future__ import annotations

import datetime as dt
import decimal
import ipaddress
import pathlib
import re
import struct
import uuid
import zoneinfo
from collections.abc import Callable
from typing import Any

from msgspec import msgpack
from pydantic import AnyHttpUrl, AnyUrl, AnyWebsocketUrl, FileUrl, FtpUrl, HttpUrl, WebsocketUrl
from pydantic_core import MultiHostUrl, TzInfo, Url

from . import codes

_pack = msgpack.encode
_unpack = msgpack.decode

_NAIVE, _UTC, _OFFSET, _REGION, _PYDANTIC = range(5)
_REGION_NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,3}")
"""What a time zone's key may look like: no dots, so that it can name nothing but a zone."""

_PATHS: list[type[pathlib.PurePath]] = [
    pathlib.PurePosixPath,
    pathlib.PureWindowsPath,
    pathlib.PosixPath,
    pathlib.WindowsPath,
]
_NETWORKS: list[type] = [
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Interface,
    ipaddress.IPv6Interface,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
]
_URLS: list[Any] = [Url, MultiHostUrl, AnyUrl, AnyHttpUrl, HttpUrl, FileUrl, FtpUrl, AnyWebsocketUrl, WebsocketUrl]
"""Their order, like that of the lists above, is for ever."""
_DOUBLES = struct.Struct(">dd")


def dump_text(value: str) -> bytes:
    """A string with lone surrogates, which plain msgpack cannot hold."""
    return value.encode("utf-8", "surrogatepass")


def load_text(encoded: bytes) -> str:
    """The string."""
    return encoded.decode("utf-8", "surrogatepass")


def dump_integer(value: int) -> bytes:
    """An integer that does not fit in 64 bits, in two's complement: unlike decimal digits, as fast for any size."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def load_integer(encoded: bytes) -> int:
    """The integer."""
    return int.from_bytes(encoded, "big", signed=True)


def _dump_zone(zone: dt.tzinfo | None, moment: dt.datetime | None) -> list[Any]:
    """`[kind, zone]`. A zone of another library is stored as its offset at that moment: the instant is the same."""
    if zone is None:
        return [_NAIVE, None]
    if zone is dt.UTC:
        return [_UTC, None]
    if type(zone) is zoneinfo.ZoneInfo and zone.key is not None:
        return [_REGION, zone.key]
    offset = zone.utcoffset(moment)
    if offset is None:
        raise ValueError(f"a time zone of type {type(zone).__qualname__!r} without an offset; use zoneinfo.ZoneInfo")
    kind = _PYDANTIC if type(zone) is TzInfo else _OFFSET
    parts = [offset.days, offset.seconds, offset.microseconds]
    name = zone.tzname(None) if type(zone) is dt.timezone else None
    return [kind, parts if name is None or name == str(dt.timezone(offset)) else [*parts, name]]


def _load_zone(kind: int, zone: Any) -> dt.tzinfo | None:
    if kind == _NAIVE:
        return None
    if kind == _UTC:
        return dt.UTC
    if kind == _REGION:
        if not _REGION_NAME.fullmatch(zone):
            raise ValueError(f"time zone {zone!r}")
        return zoneinfo.ZoneInfo(zone)
    offset = dt.timedelta(*zone[:3])
    if kind == _PYDANTIC:
        return TzInfo(int(offset.total_seconds()))
    return dt.timezone(offset, *zone[3:])


def _dump_datetime(value: dt.datetime) -> bytes:
    return _pack([value.replace(tzinfo=None).isoformat(), value.fold, *_dump_zone(value.tzinfo, value)])


def _load_datetime(encoded: bytes) -> dt.datetime:
    text, fold, kind, zone = _unpack(encoded)
    return dt.datetime.fromisoformat(text).replace(fold=fold, tzinfo=_load_zone(kind, zone))


def _dump_time(value: dt.time) -> bytes:
    return _pack([value.replace(tzinfo=None).isoformat(), value.fold, *_dump_zone(value.tzinfo, None)])


def _load_time(encoded: bytes) -> dt.time:
    text, fold, kind, zone = _unpack(encoded)
    return dt.time.fromisoformat(text).replace(fold=fold, tzinfo=_load_zone(kind, zone))


def _dump_pattern(value: re.Pattern[Any]) -> bytes:
    is_text = isinstance(value.pattern, str)
    return _pack([is_text, dump_text(value.pattern) if is_text else value.pattern, value.flags])


def _load_pattern(encoded: bytes) -> re.Pattern[Any]:
    is_text, pattern, flags = _unpack(encoded)
    return re.compile(load_text(pattern) if is_text else pattern, flags)


def _dump_path(value: pathlib.PurePath) -> bytes:
    return _pack([_PATHS.index(type(value)), dump_text(str(value))])


def _load_path(encoded: bytes) -> pathlib.PurePath:
    kind, text = _unpack(encoded)
    cls = _PATHS[kind]
    if issubclass(cls, pathlib.Path) and cls is not type(pathlib.Path()):
        cls = _PATHS[kind - 2]  # a path of another operating system can be looked at, not opened
    return cls(load_text(text))


def _load_complex(encoded: bytes) -> complex:
    return complex(*_DOUBLES.unpack(encoded))


def _load_timedelta(encoded: bytes) -> dt.timedelta:
    return dt.timedelta(*_unpack(encoded))


def _dump_timezone(value: dt.tzinfo) -> bytes:
    return _pack(_dump_zone(value, None))


def _load_timezone(encoded: bytes) -> dt.tzinfo | None:
    return _load_zone(*_unpack(encoded))


Dump = Callable[[Any], bytes]
Load = Callable[[bytes], Any]


def _dump_kind(classes: list[Any]) -> Dump:
    """For classes that differ in nothing but their name: the number of the class, and the text of the value."""
    return lambda value: _pack([classes.index(type(value)), str(value)])


def _load_kind(classes: list[Any]) -> Load:
    def load(encoded: bytes) -> Any:
        kind, text = _unpack(encoded)
        return classes[kind](text)

    return load


def _dump_parts(*names: str) -> Dump:
    return lambda value: _pack([getattr(value, name) for name in names])


NATIVES: list[tuple[int, list[type], Dump, Load]] = [
    (codes.BYTEARRAY, [bytearray], bytes, bytearray),
    (codes.COMPLEX, [complex], lambda value: _DOUBLES.pack(value.real, value.imag), _load_complex),
    (codes.DECIMAL, [decimal.Decimal], lambda value: str(value).encode(), lambda text: decimal.Decimal(text.decode())),
    (codes.UUID, [uuid.UUID], lambda value: value.bytes, lambda raw: uuid.UUID(bytes=raw)),
    (
        codes.DATE,
        [dt.date],
        lambda value: value.isoformat().encode(),
        lambda text: dt.date.fromisoformat(text.decode()),
    ),
    (codes.TIME, [dt.time], _dump_time, _load_time),
    (codes.DATETIME, [dt.datetime], _dump_datetime, _load_datetime),
    (codes.TIMEDELTA, [dt.timedelta], _dump_parts("days", "seconds", "microseconds"), _load_timedelta),
    (codes.TIMEZONE, [dt.timezone, zoneinfo.ZoneInfo, TzInfo], _dump_timezone, _load_timezone),
    (codes.PATH, list(_PATHS), _dump_path, _load_path),
    (codes.PATTERN, [re.Pattern], _dump_pattern, _load_pattern),
    (codes.NETWORK, _NETWORKS, _dump_kind(_NETWORKS), _load_kind(_NETWORKS)),
    (codes.RANGE, [range], _dump_parts("start", "stop", "step"), lambda encoded: range(*_unpack(encoded))),
    (codes.URL, _URLS, _dump_kind(_URLS), _load_kind(_URLS)),
]
"""Code, classes, and both directions of each kind of value."""

DUMPERS: dict[type, tuple[int, Dump]] = {cls: (code, dump) for code, classes, dump, _ in NATIVES for cls in classes}
LOADERS: dict[int, Load] = {code: load for code, _, _, load in NATIVES}
LOADERS |= {codes.INTEGER: load_integer, codes.TEXT: load_text}
