"""Where recorded threads come from: a compiled graph, a saver, a store, or a file that somebody exported."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any

from msgspec import Struct, field

from ...events.archive.logfile import read_logs
from ...events.chain.digest import genesis, link
from ...events.codec.commits import decode_commit
from ...events.codec.values import Codec
from ...events.errors import CorruptCommitError, UnknownThreadError
from ...events.privacy.cipher import Cipher
from ...events.stores.saver import BaseCheckpointSaver
from ...events.stores.store import Row, Store
from ...events.vocabulary import Recorded
from ..doors.setup import Setup
from ..doors.state import saver_of
from ..kit.recorded_log import opened

Source = Setup | BaseCheckpointSaver | Store | str | PathLike[str]
"""A graph with a saver, a saver, a store, or the path of an archive."""


class Recording(Struct, frozen=True):
    """One thread's commits as they were stored."""

    thread: str
    tenant: str
    rows: list[Row]
    """From version 0, undecoded."""
    cipher: Cipher | None = None
    """What opens sealed commits."""
    graphs: Mapping[bytes, Any] = field(default_factory=dict)
    """Graphs that are at hand, by fingerprint."""

    def commits(self, codec: Codec) -> list[Recorded]:
        """The commits, decoded, each checked to follow the one before.

        Raises:
            CorruptCommitError: one is not what clew wrote there; it names the version.
            CipherError: one is sealed and there is no key for it.
        """
        digest = genesis(self.thread, self.tenant)
        commits: list[Recorded] = []
        for version, row in enumerate(self.rows):
            digest = link(digest, row.body)
            if row.version != version:
                raise CorruptCommitError(self.thread, row.version, f"expected version {version} next")
            if digest != row.digest:
                raise CorruptCommitError(self.thread, version, "its content does not match its digest")
            body = row.body
            if self.cipher is not None:
                body = self.cipher.open(body, self.thread, version, self.tenant)
            commit = decode_commit(body, codec, thread=self.thread, version=version)
            commits.append(Recorded(self.thread, version, row.position, row.digest, commit))
        return commits

    def plain(self) -> list[Row]:
        """The rows with their bodies opened, chained anew if they were sealed. Raises `CipherError` without a key."""
        return self.rows if self.cipher is None else opened(self.rows, self.cipher, self.tenant)


def recording(thread: str, source: Source, *, tenant: str | None = None, cipher: Cipher | None = None) -> Recording:
    """A thread of a source as it is now.

    Args:
        thread: its id.
        source: where it is.
        tenant: whose; the saver's own, or "", if None.
        cipher: what opens sealed commits; the saver's own if None.

    Raises:
        UnknownThreadError: it is not there.
        ThreadErasedError: it was erased.
        ArchiveError: the file is damaged, or no such file.
    """
    if isinstance(source, Setup):
        source = saver_of(source)
    graphs: Mapping[bytes, Any] = {}
    if isinstance(source, BaseCheckpointSaver):
        graphs, cipher = source.graphs, cipher or source.cipher
        tenant = source.tenant if tenant is None else tenant
        source = source.store
    if isinstance(source, (str, PathLike)):
        return _of_file(thread, source, tenant, cipher)
    rows = source.read(thread, tenant=tenant or "")
    if not rows:
        source.head(thread, tenant or "")  # an erased thread says so
        raise UnknownThreadError(thread)
    return Recording(thread, tenant or "", rows, cipher, graphs)


def _of_file(thread: str, path: str | PathLike[str], tenant: str | None, cipher: Cipher | None) -> Recording:
    name = fspath(path)
    for archived in read_logs(name):
        if archived.thread == thread and tenant in (None, archived.tenant):
            return Recording(thread, archived.tenant, archived.rows, cipher)
    raise UnknownThreadError(thread, f"the file {name!r}")
