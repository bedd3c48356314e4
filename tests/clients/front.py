"""Something between client and Quoin that answers as it likes at first, and passes everything on afterwards."""

import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOSE_THE_ANSWER = "lose the answer"
Answer = tuple[int, dict[str, str], bytes]


class Front(ThreadingHTTPServer):
    """`answers` are given first, one a request. `arrivals` are the instants of all, `passed_on` some bodies."""

    daemon_threads = True

    def __init__(self, behind: str, *answers: str | Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind, self.answers = behind, list(answers)
        self.arrivals: list[float] = []
        self.passed_on: list[bytes] = []
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Front

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.arrivals.append(time.monotonic())
        answer = self.server.answers.pop(0) if self.server.answers else ""
        given = answer if isinstance(answer, tuple) else self.pass_on(body)
        if answer != LOSE_THE_ANSWER:
            self.give(*given)

    do_GET = do_POST

    def pass_on(self, body: bytes) -> Answer:
        self.server.passed_on.append(body)
        headers = {name: self.headers[name] for name in ("Authorization", "Content-Type")}
        request = urllib.request.Request(self.server.behind + self.path, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, {}, response.read()
        except urllib.error.HTTPError as refusal:
            return refusal.code, {}, refusal.read()

    def give(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""
