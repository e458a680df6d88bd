"""A loopback server that speaks the wire formats of OpenAI, Azure OpenAI, Anthropic and Tavily to their real clients.

What the models say comes from a script, as of a `ScriptedModel`. It is as strict as the services are: a wrong key, a
missing tool result or a call of a tool that was not offered is refused, so a client that is used wrongly fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from clew.actors.kit.scripted_model import ScriptedModel

from tests.support import wire_formats
from tests.support.wire_formats import Refusal, WireRequest

KEY = "loopback-key"
"""The one key that the server takes; tests hand it to the clients, nothing reads the environment."""


@dataclass(frozen=True)
class _Route:
    """How a path is answered: `whole` in one body, `events` as a stream where the request asks for one."""

    whole: Any
    events: Any = None
    refusal: Any = wire_formats.refusal


class WireServer:
    """A server on a free port of 127.0.0.1, in a thread of its own while the `with` block runs.

    with WireServer([reply_to("weather", call("search", query="weather"))]) as server:
        ChatOpenAI(model="gpt-4.1", api_key=KEY, base_url=server.openai_url)
    """

    def __init__(self, script: Iterable[Any] = ()) -> None:
        self.model = ScriptedModel(script)
        self.requests: list[WireRequest] = []
        """Every request, in the order of arrival, the refused ones too."""
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = Thread(target=self._http.serve_forever, args=(0.01,), name="wire-server")

    @property
    def url(self) -> str:
        """The root; what Anthropic's, Azure's and Tavily's clients take."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def openai_url(self) -> str:
        """What OpenAI's client takes as `base_url`."""
        return f"{self.url}/v1"

    def to(self, path: str) -> list[WireRequest]:
        """The requests to paths that end in `path`."""
        return [request for request in self.requests if request.path.endswith(path)]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def _handler(server: WireServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        # HTTP/1.0: the body ends when the connection does, so a stream needs no framing.
        def do_POST(self) -> None:
            request = self._read()
            server.requests.append(request)
            route = _route(request.path)
            try:
                _check_key(request)
                if request.body.get("stream"):
                    self._send_events(list(route.events(request, server.model)))
                else:
                    self._send(200, route.whole(request, server.model))
            except Refusal as error:
                self._send(error.status, route.refusal(error))

        def _read(self) -> WireRequest:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            return WireRequest(urlsplit(self.path).path, headers, json.loads(body))

        def _send(self, status: int, body: Any) -> None:
            self._head(status, "application/json")
            self.wfile.write(json.dumps(body).encode())

        def _send_events(self, events: Iterable[str]) -> None:
            self._head(200, "text/event-stream")
            for event in events:
                self.wfile.write(f"{event}\n\n".encode())
                self.wfile.flush()

        def _head(self, status: int, kind: str) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on stderr: the requests are recorded."""

    return Handler


def _route(path: str) -> _Route:
    if path.endswith("/chat/completions"):
        return _Route(wire_formats.openai_whole, wire_formats.openai_events)
    if path == "/v1/messages":
        return _Route(wire_formats.anthropic_whole, wire_formats.anthropic_events, wire_formats.anthropic_refusal)
    if path == "/search":
        return _Route(wire_formats.tavily_whole, refusal=wire_formats.tavily_refusal)
    return _Route(_not_found, _not_found)


def _not_found(request: WireRequest, model: ScriptedModel) -> Iterator[str]:
    raise Refusal(404, f"no such path: {request.path}")


def _check_key(request: WireRequest) -> None:
    given = [request.headers.get(name, "") for name in ("authorization", "x-api-key", "api-key")]
    if not {KEY, f"Bearer {KEY}"} & set(given):
        raise Refusal(401, f"wrong key in {given}")
