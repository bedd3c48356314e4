"""What every fake shares: an HTTP server, switches for trouble, a memory that can outlive the process."""

import json
import os
import ssl
import sys
import threading
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: str
    headers: Message
    body: bytes


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, status: int, value: Any, **headers: str) -> "Reply":
        """`value` as JSON; underscores in header names become dashes."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return cls(status, json.dumps(value, indent=2).encode(), headers=named)


@dataclass
class Trouble:
    """What goes wrong next. Each count falls by one per API request; control requests are spared.

    `spare_next` requests go well before the others begin to count.
    """

    spare_next: int = 0
    fail_next: int = 0
    fail_status: int = 500
    drop_next: int = 0
    delay: float = 0.0

    def take(self, name: str) -> bool:
        left = getattr(self, name)
        setattr(self, name, max(left - 1, 0))
        return bool(left)


class FakeServer(ABC):
    """Subclasses answer requests and say what to remember; `lock` guards their state."""

    def __init__(self, state_file: str | Path | None = None) -> None:
        self.lock = threading.RLock()
        self.trouble = Trouble()
        self.url = ""
        self.requests: list[str] = []
        self._state_file = Path(state_file) if state_file else None
        self._server: _Server | None = None
        self.load()

    @abstractmethod
    def answer(self, request: Request) -> Reply:
        """The service's reply to a request that no switch has caught."""

    @abstractmethod
    def failure(self, status: int) -> Reply:
        """How the service words an HTTP failure of its own (429, 500, 503)."""

    @abstractmethod
    def control(self, request: Request) -> Reply:
        """The reply to a request under `/_fake/`, beyond the switches."""

    @abstractmethod
    def memory(self) -> dict[str, dict[str, Any]]:
        """The live tables to keep, by name; `load` fills them again in place."""

    def start(self, port: int = 0) -> str:
        """Serve on 127.0.0.1 in a thread and return the base URL. Raises OSError when the port is taken."""
        self._server = _Server(("127.0.0.1", port), self, self.tls())
        scheme = "https" if self._server.tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self.url

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def tls(self) -> ssl.SSLContext | None:
        return None

    def save(self) -> None:
        """Write the memory to the state file, whole or not at all."""
        if self._state_file is None:
            return
        with self.lock:
            beside = self._state_file.with_suffix(".writing")
            beside.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps(self.memory()))
            os.replace(beside, self._state_file)

    def load(self) -> None:
        if self._state_file is None or not self._state_file.exists():
            return
        kept = json.loads(self._state_file.read_text())
        for name, table in self.memory().items():
            table.update(kept.get(name, {}))

    def serve(self, request: Request) -> Reply | None:
        """The reply, or None when the answer is to be lost on the way."""
        if request.path.startswith("/_fake/"):
            return self._switches(request) if request.path == "/_fake/trouble" else self.control(request)
        with self.lock:
            self.requests.append(f"{request.method} {request.path}")
            spared = self.trouble.take("spare_next")
            failing = self.trouble.fail_status if not spared and self.trouble.take("fail_next") else 0
            dropping = not spared and not failing and self.trouble.take("drop_next")
        if failing:
            return self.failure(failing)
        reply = self.answer(request)
        return None if dropping else reply

    def pause(self) -> None:
        """Take as long as the `delay` switch says; called where the real service would be working."""
        time.sleep(self.trouble.delay)

    def _switches(self, request: Request) -> Reply:
        wanted = json.loads(request.body or b"{}")
        unknown = set(wanted) - set(vars(self.trouble))
        if unknown:
            return Reply.json(400, {"error": f"no such switch: {', '.join(sorted(unknown))}"})
        for name, value in wanted.items():
            setattr(self.trouble, name, value)
        return Reply.json(200, vars(self.trouble))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], fake: FakeServer, tls: ssl.SSLContext | None) -> None:
        super().__init__(address, _Handler)
        self.fake = fake
        self.tls = tls
        if tls:  # the handshake waits for the connection's own thread, so a silent peer blocks nobody
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that hangs up or distrusts the certificate is its own problem; the rest are bugs to see."""
        error = sys.exception()
        if not isinstance(error, (ConnectionError, ssl.SSLError, TimeoutError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 60

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the library's name)
        """Quiet: `FakeServer.requests` is the log."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        reply = self.server.fake.serve(Request(self.command, parts.path, parts.query, self.headers, body))
        if reply is None:  # done, and the answer lost: the client sees the connection close
            self.close_connection = True
            return
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, text in reply.headers.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(reply.body)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815 (names the library calls)
