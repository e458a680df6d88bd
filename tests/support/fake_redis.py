"""A Redis server in memory: what `RedisCache` uses of the client, with a clock of the test's."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator
from typing import Any, Self


class FakeRedis:
    """Keeps bytes by name, as bytes, for as long as they are good."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._entries: dict[bytes, tuple[bytes, float | None]] = {}
        self.trouble: Exception | None = None
        """What the next calls raise."""

    def mget(self, names: list[str]) -> list[bytes | None]:
        self._fail()
        return [self._good(name.encode()) for name in names]

    def scan_iter(self, match: str) -> Iterator[bytes]:
        self._fail()
        # By fnmatch, which knows the pattern's signs that Redis knows.
        yield from [name for name in self._entries if fnmatch.fnmatchcase(name.decode(), match)]

    def delete(self, *names: bytes) -> None:
        for name in names:
            self._entries.pop(name, None)

    def pipeline(self) -> Pipeline:
        self._fail()
        return Pipeline(self)

    def put(self, name: str, value: bytes, seconds: int | None = None) -> None:
        self._entries[name.encode()] = (value, None if seconds is None else self._now() + seconds)

    def _good(self, name: bytes) -> bytes | None:
        value, until = self._entries.get(name, (None, None))
        return None if until is not None and self._now() >= until else value

    def _fail(self) -> None:
        if self.trouble is not None:
            raise self.trouble


class Pipeline:
    """Commands that run together at `execute`."""

    def __init__(self, server: FakeRedis) -> None:
        self._server = server
        self._commands: list[tuple[Any, ...]] = []

    def set(self, name: str, value: bytes) -> Self:
        self._commands.append((name, value))
        return self

    def setex(self, name: str, seconds: int, value: bytes) -> Self:
        self._commands.append((name, value, seconds))
        return self

    def execute(self) -> None:
        for command in self._commands:
            self._server.put(*command)
