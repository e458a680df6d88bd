"""A loopback server that takes traces as LangSmith does: multipart, compressed multipart, JSON batches, single runs.

It keeps what langchain-core's own tracer posts and reads nothing else. Only tests start it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlsplit

import pytest
import zstandard
from langsmith import run_trees, utils

KEY = "loopback-key"
"""The one key that the server takes."""
FLUSH_SECONDS = 20.0
"""How long `traces` waits for the tracer's background thread to post what it holds."""


@dataclass
class TracedRun:
    """One run as the server knows it: what was posted when it began, and what was patched in later."""

    id: str
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The run's name, as a list of traces shows it."""
        return self.fields["name"]

    @property
    def kind(self) -> str:
        """`chain`, `llm`, `tool`, …"""
        return self.fields["run_type"]

    @property
    def parent(self) -> str | None:
        """The id of the run it belongs below; None for a root."""
        return self.fields.get("parent_run_id")

    @property
    def metadata(self) -> dict[str, Any]:
        """What the run was started with, inherited metadata included."""
        return self.fields.get("extra", {}).get("metadata", {})

    @property
    def finished(self) -> bool:
        """True when an end was posted, good or bad."""
        return self.fields.get("end_time") is not None

    @property
    def error(self) -> str | None:
        """The error's text, where it ended badly."""
        return self.fields.get("error")


class LangSmithServer:
    """A server on a free port of 127.0.0.1, in a thread of its own while the `with` block runs."""

    def __init__(self, way: Literal["compressed", "multipart", "batch"] = "multipart") -> None:
        self.complaints: list[str] = []
        """Requests that LangSmith would refuse; a test checks that there are none."""
        self.ways: set[str] = set()
        """How runs came: `compressed`, `multipart`, `batch` or `single`."""
        self.multipart = way != "batch"
        # What the client asks before it posts. It reads all of the batch's settings or falls over.
        self.info = {
            "version": "0",
            "instance_flags": {"zstd_compression_enabled": way == "compressed"},
            "batch_ingest_config": {
                "use_multipart_endpoint": self.multipart,
                "size_limit": 100,
                "size_limit_bytes": 20_000_000,
                "scale_up_qsize_trigger": 100,
                "scale_up_nthreads_limit": 4,
                "scale_down_nempty_trigger": 4,
            },
        }
        self._runs: dict[str, TracedRun] = {}
        self._lock = Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = Thread(target=self._http.serve_forever, args=(0.01,), name="langsmith-server")

    @property
    def url(self) -> str:
        """What `LANGSMITH_ENDPOINT` is set to."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def traces(self) -> list[list[TracedRun]]:
        """Every trace, oldest first: its runs, root first, in the order in which LangSmith shows them."""
        client = run_trees.get_cached_client()
        client.flush(timeout=FLUSH_SECONDS)
        with self._lock:
            runs = sorted(self._runs.values(), key=lambda run: run.fields["dotted_order"])
        roots = [run for run in runs if run.parent is None]
        return [[run for run in runs if run.fields["trace_id"] == root.id] for root in roots]

    def take(self, operation: str, identifier: str, fields: dict[str, Any]) -> None:
        """Keep one `post` or `patch` of a run; a patch may come first, when two threads of the tracer post."""
        with self._lock:
            known = self._runs.setdefault(identifier, TracedRun(identifier)).fields
            given = {key: value for key, value in fields.items() if value is not None}
            known.update(given if operation == "patch" else {**given, **known})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def tree(runs: Iterable[TracedRun]) -> list[str]:
    """A trace as indented lines, `kind name`, with ` failed` behind what ended with an error."""
    depths: dict[str | None, int] = {None: -1}
    lines = []
    for run in runs:
        depths[run.id] = depths[run.parent] + 1
        lines.append(f"{'  ' * depths[run.id]}{run.kind} {run.name}{' failed' if run.error else ''}")
    return lines


@contextmanager
def tracing_to(server: LangSmithServer) -> Iterator[None]:
    """Switch tracing on as a user does, by environment variables, and leave no client and no cached variable behind."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING_V2", "LANGCHAIN_PROJECT", "LANGCHAIN_ENDPOINT"):
            patch.delenv(name, raising=False)
        patch.setenv("LANGSMITH_TRACING", "true")
        patch.setenv("LANGSMITH_ENDPOINT", server.url)
        patch.setenv("LANGSMITH_API_KEY", KEY)
        patch.setenv("LANGSMITH_PROJECT", "loopback")
        patch.setattr(run_trees, "_CLIENT", None)
        _forget_environment()
        try:
            yield
        finally:
            if run_trees._CLIENT is not None:
                run_trees._CLIENT.close(timeout=FLUSH_SECONDS)
    _forget_environment()


def _forget_environment() -> None:
    # langsmith reads each variable once in a process.
    utils.get_env_var.cache_clear()
    utils.get_tracer_project.cache_clear()


def _handler(server: LangSmithServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/info":
                self._send(200, server.info)
            else:
                self._refuse(404, f"no such path: {self.path}")

        def do_POST(self) -> None:
            self._take("post")

        def do_PATCH(self) -> None:
            self._take("patch")

        def _take(self, operation: str) -> None:
            body = self._body()
            path = urlsplit(self.path).path
            if self.headers.get("x-api-key") != KEY:
                self._refuse(401, f"wrong key for {path}")
            elif path == "/runs/multipart" and not server.multipart:
                self._refuse(404, "no multipart here")
            else:
                server.ways.add(_way(path, self.headers))
                for taken in _operations(path, operation, self.headers.get("content-type", ""), body):
                    server.take(*taken)
                self._send(202, {})

        def _body(self) -> bytes:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "zstd":
                return zstandard.ZstdDecompressor().decompressobj().decompress(body)
            return body

        def _refuse(self, status: int, why: str) -> None:
            server.complaints.append(why)
            self._send(status, {"detail": why})

        def _send(self, status: int, body: Any) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on stderr."""

    return Handler


def _way(path: str, headers: Message) -> str:
    if path == "/runs/multipart":
        return "compressed" if headers.get("content-encoding") == "zstd" else "multipart"
    return "batch" if path == "/runs/batch" else "single"


def _operations(path: str, operation: str, kind: str, body: bytes) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The `(post or patch, run id, fields)` in one request."""
    if path == "/runs/multipart":
        yield from _parts(kind, body)
    elif path == "/runs/batch":
        batch = json.loads(body)
        for name in ("post", "patch"):
            yield from ((name, run["id"], run) for run in batch.get(name) or ())
    else:
        run = json.loads(body)
        yield operation, run.get("id") or path.rpartition("/")[2], run


def _parts(kind: str, body: bytes) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Parts are named `post.<run id>` for a run's scalars and `post.<run id>.inputs` for each large field."""
    form = BytesParser(policy=HTTP).parsebytes(f"content-type: {kind}\r\n\r\n".encode() + body)
    for part in form.iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        operation, identifier, *key = name.split(".")
        if operation in {"post", "patch"}:
            content = json.loads(part.get_payload(decode=True))
            yield operation, identifier, {key[0]: content} if key else content
