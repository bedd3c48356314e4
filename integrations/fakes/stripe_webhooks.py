"""Delivering the fake Stripe's events: signed, in a thread, again and again until one says 200."""

import heapq
import itertools
import json
import threading
import time
from dataclasses import dataclass, field

import requests
from stripe import WebhookSignature

from integrations.fakes.stripe_store import Object

_GIVE_UP_AFTER = 20


@dataclass(order=True)
class _Parcel:
    due: float
    rank: int
    event: Object = field(compare=False)
    attempt: int = field(compare=False, default=0)


def signed(event: Object, secret: str, *, at: int | None = None) -> tuple[bytes, str]:
    """The body and the `Stripe-Signature` header of one delivery."""
    body = json.dumps(event, indent=2)
    return body.encode(), WebhookSignature.generate_signature_header(body, secret, at)


class Postman:
    """Posts `duplicates` copies of each event; `out_of_order` gathers a moment and posts the newest first."""

    def __init__(self, url: str, secret: str, *, duplicates: int, out_of_order: bool) -> None:
        self.url, self.secret = url, secret
        self.duplicates, self.out_of_order = duplicates, out_of_order
        self.delivered = 0
        self._heap: list[_Parcel] = []
        self._open = 0
        self._counter = itertools.count()
        self._changed = threading.Condition()
        self._stopping = False
        self._session = requests.Session()
        self._session.trust_env = False  # an inherited proxy has no business between two processes of one machine

    def start(self) -> None:
        self._stopping = False
        threading.Thread(target=self._work, daemon=True).start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def post(self, event: Object) -> None:
        """Put the event on its way; returns at once."""
        if not self.url:
            event["pending_webhooks"] = 0
            return
        with self._changed:
            for _ in range(self.duplicates):
                number = next(self._counter)
                late = 0.2 if self.out_of_order else 0.0
                due, rank = (0.0, number) if not late else (self._round(late), -number)
                heapq.heappush(self._heap, _Parcel(due, rank, event))
                self._open += 1
            self._changed.notify_all()

    def wait(self, timeout: float) -> bool:
        """Until everything posted so far was delivered or given up; False when that took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: self._open == 0, timeout)

    def _round(self, length: float) -> float:
        """The end of the present gathering: what falls into one is due together and goes by rank."""
        now = time.monotonic()
        waiting = [parcel.due for parcel in self._heap if parcel.due > now and not parcel.attempt]
        return waiting[0] if waiting else now + length

    def _work(self) -> None:
        while parcel := self._next():
            arrived = self._deliver(parcel.event)
            with self._changed:
                if arrived or parcel.attempt + 1 >= _GIVE_UP_AFTER:
                    parcel.event["pending_webhooks"] = 0
                    self.delivered += arrived
                    self._open -= 1
                else:
                    delay = min(0.25 * 2**parcel.attempt, 60)
                    again = _Parcel(time.monotonic() + delay, parcel.rank, parcel.event, parcel.attempt + 1)
                    heapq.heappush(self._heap, again)
                self._changed.notify_all()

    def _next(self) -> _Parcel | None:
        with self._changed:
            while not self._stopping:
                if self._heap and self._heap[0].due <= time.monotonic():
                    return heapq.heappop(self._heap)
                self._changed.wait(self._heap[0].due - time.monotonic() if self._heap else None)
        return None

    def _deliver(self, event: Object) -> bool:
        body, signature = signed(event, self.secret)
        headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature}
        try:
            answer = self._session.post(self.url, data=body, headers=headers, timeout=20, allow_redirects=False)
        except requests.RequestException:
            return False
        return answer.ok and not answer.is_redirect
