"""A disk under SQLite that fails, cuts writes short, or remembers them, for the standard library's own connections.

SQLite reaches files through a VFS; this one stands before the built-in one and is made the default while it is used.
Only `xOpen` and, of each file, writing, syncing and truncating are its own. Shared memory and locks stay SQLite's.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal, NamedTuple

OK: Final = sqlite3.SQLITE_OK
EIO_WRITE: Final = sqlite3.SQLITE_IOERR_WRITE
EIO_SYNC: Final = sqlite3.SQLITE_IOERR_FSYNC
ENOSPC: Final = sqlite3.SQLITE_FULL

_DISKS: list[FaultyDisk] = []
"""Every disk there was: SQLite keeps a pointer to each, also after it stopped being the default."""

Kind = Literal["write", "sync", "truncate"]
_POINTER = ctypes.c_void_p
_Write = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, _POINTER, ctypes.c_int, ctypes.c_int64)
_Truncate = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, ctypes.c_int64)
_Sync = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, ctypes.c_int)
_Open = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, _POINTER, _POINTER, ctypes.c_int, ctypes.POINTER(ctypes.c_int))


class _Methods(ctypes.Structure):
    """`sqlite3_io_methods`, version 3."""

    _fields_ = [
        ("version", ctypes.c_int),
        ("close", _POINTER),
        ("read", _POINTER),
        ("write", _POINTER),
        ("truncate", _POINTER),
        ("sync", _POINTER),
        ("rest", _POINTER * 13),
    ]


class _Vfs(ctypes.Structure):
    """`sqlite3_vfs`, version 3."""

    _fields_ = [
        ("version", ctypes.c_int),
        ("file_size", ctypes.c_int),
        ("path_max", ctypes.c_int),
        ("following", _POINTER),
        ("name", ctypes.c_char_p),
        ("data", _POINTER),
        ("open", _POINTER),
        ("rest", _POINTER * 15),
    ]


class Operation(NamedTuple):
    """One thing that SQLite asked of the disk and was done."""

    path: str
    kind: Kind
    offset: int
    """Of a write; the new size of a truncation."""
    content: bytes


class FaultyDisk:
    """What SQLite's files do. `fault` is asked before each operation; `done` is told after it."""

    def __init__(self) -> None:
        self.fault: Callable[[str, Kind], int] = lambda path, kind: OK
        """Error code for the next operation of this kind on this path, or `OK`."""
        self.short = False
        """Whether half of a write that fails is written."""
        self.done: list[Operation] = []
        self.remembers = False
        self._kept: list[Any] = []
        self._library = ctypes.CDLL(_sqlite3.__file__)
        self._library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
        self._builtin = self._library.sqlite3_vfs_find(None)
        self._paths: dict[int, str] = {}
        self._methods: dict[int, _Methods] = {}
        self._vfs = self._shim()
        _DISKS.append(self)

    @contextmanager
    def in_place(self) -> Iterator[FaultyDisk]:
        """Every connection that is opened in the block uses this disk, and goes on using it afterwards."""
        self._library.sqlite3_vfs_register(ctypes.byref(self._vfs), 1)
        try:
            yield self
        finally:
            self._library.sqlite3_vfs_register(self._builtin, 1)

    def fail(self, number: int, code: int, *, sticky: bool = False, short: bool = False) -> None:
        """Let the n-th operation of the code's kind fail, 0 is the next; if sticky, all after it too."""
        kinds = {EIO_WRITE: ("write",), EIO_SYNC: ("sync",), ENOSPC: ("write",)}[code]
        left = number
        self.short = short

        def fault(path: str, kind: Kind) -> int:
            nonlocal left
            if kind not in kinds:
                return OK
            left -= 1
            return code if left == -1 or (sticky and left < 0) else OK

        self.fault = fault

    def heal(self) -> None:
        """Fail no more."""
        self.fault = lambda path, kind: OK
        self.short = False

    def _shim(self) -> _Vfs:
        vfs = _Vfs()
        ctypes.pointer(vfs)[0] = self._builtin[0]
        vfs.name = b"clew-faulty"
        vfs.following = None
        original = _Open(self._builtin[0].open)

        def open_file(_: int, name: int | None, file: int, flags: int, out: Any) -> int:
            # SQLite keeps the pointer to the name as long as the file is open: it is passed on, not copied.
            result = original(ctypes.addressof(self._builtin[0]), name, file, flags, out)
            methods = _POINTER.from_address(file).value
            if result == OK and methods and name:
                self._paths[file] = os.fsdecode(ctypes.string_at(name))
                _POINTER.from_address(file).value = ctypes.addressof(self._wrapped(methods))
            return result

        opener = _Open(open_file)
        self._kept.append(opener)
        vfs.open = ctypes.cast(opener, _POINTER).value
        return vfs

    def _wrapped(self, address: int) -> _Methods:
        """The file's methods with ours among them; files of one kind share their methods."""
        if address in self._methods:
            return self._methods[address]
        methods = _Methods()
        ctypes.memmove(ctypes.addressof(methods), address, ctypes.sizeof(_Methods))
        write, truncate, sync = _Write(methods.write), _Truncate(methods.truncate), _Sync(methods.sync)

        def write_file(file: int, content: int, size: int, offset: int) -> int:
            path = self._paths[file]
            code = self.fault(path, "write")
            if code != OK and not self.short:
                return code
            size = size if code == OK else size // 2
            result = write(file, content, size, offset)
            self._note(path, "write", offset, ctypes.string_at(content, size))
            return code or result

        def truncate_file(file: int, size: int) -> int:
            path = self._paths[file]
            code = self.fault(path, "truncate") or truncate(file, size)
            self._note(path, "truncate", size, b"")
            return code

        def sync_file(file: int, flags: int) -> int:
            path = self._paths[file]
            code = self.fault(path, "sync") or sync(file, flags)
            if code == OK:
                self._note(path, "sync", 0, b"")
            return code

        ours = (_Write(write_file), _Truncate(truncate_file), _Sync(sync_file))
        self._kept.extend((ours, write, truncate, sync))
        methods.write, methods.truncate, methods.sync = (ctypes.cast(call, _POINTER).value for call in ours)
        self._methods[address] = methods
        return methods

    def _note(self, path: str, kind: Kind, offset: int, content: bytes) -> None:
        if self.remembers:
            self.done.append(Operation(path, kind, offset, content))
