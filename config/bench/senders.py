"""Senders of usage: keep-alive sockets that post bodies built beforehand, so that what is measured is the server."""

import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Sequence

_COUNTS = re.compile(rb'"(accepted|duplicates|conflicts|quarantined)":(\d+)')
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_HEAD_ENDS = b"\r\n\r\n"


def request(key: str, body: bytes) -> bytes:
    """The whole request, as it goes over the wire."""
    head = (
        "POST /api/v1/usage-events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Authorization: Api-Key {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def send(port: int, lanes: Sequence[Sequence[bytes]]) -> Counter[str]:
    """Post each lane's requests one after the other on a connection of its own, all lanes at once; what was answered.

    Raises RuntimeError on any answer but 200.
    """
    counts: list[Counter[str]] = [Counter() for _ in lanes]
    troubles: list[Exception] = []

    def run(lane: Sequence[bytes], count: Counter[str]) -> None:
        try:
            for answer in _answers(port, lane):
                for name, number in _COUNTS.findall(answer):
                    count[name.decode()] += int(number)
        except Exception as trouble:  # told below, in the thread that can be caught
            troubles.append(trouble)

    threads = [threading.Thread(target=run, args=each) for each in zip(lanes, counts, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if troubles:
        raise troubles[0]
    return sum(counts, Counter())


def _answers(port: int, requests: Sequence[bytes]) -> Iterator[bytes]:
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for each in requests:
            connection.sendall(each)
            yield _answer(connection)


def _answer(connection: socket.socket) -> bytes:
    got = b""
    while _HEAD_ENDS not in got:
        got += _more(connection)
    head, _, body = got.partition(_HEAD_ENDS)
    length = _LENGTH.search(head)
    if not head.startswith(b"HTTP/1.1 200") or length is None:
        raise RuntimeError(f"the server answered {got[:400].decode(errors='replace')}")
    parts, missing = [body], int(length[1]) - len(body)
    while missing > 0:
        parts.append(_more(connection))
        missing -= len(parts[-1])
    return b"".join(parts)


def _more(connection: socket.socket) -> bytes:
    got = connection.recv(1 << 18)
    if not got:
        raise RuntimeError("the server closed the connection")
    return got
