"""A Mermaid service on a loopback port, for drawings as images."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest


class _Service(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = self.path.startswith("/img/")
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(b"\x89PNG one" if found else b"")

    def log_message(self, format: str, *args: object) -> None:
        """Keeps the tests' output quiet."""


@pytest.fixture
def png_service() -> Iterator[str]:
    """The address of a service that gives the same bytes for every diagram."""
    with HTTPServer(("127.0.0.1", 0), _Service) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
