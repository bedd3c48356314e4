"""A stateful stand-in for Stripe's HTTP API: it bills, it is paid, it sends signed webhooks, and it refuses.

    fake = FakeStripe("sk_test_quoin", "http://localhost:8000/hooks/stripe", "whsec_quoin")
    url = fake.start()

Control, for people and for processes that hold no `FakeStripe`: `GET /_fake/state`,
`POST /_fake/pay/<invoice>`, `/_fake/resend/<event>`, `/_fake/forget-keys`, and `/_fake/trouble` with any of
`{"fail_next": 2, "fail_status": 429, "drop_next": 1, "delay": 0.5}`.
"""

import hashlib
import json
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from integrations.fakes import stripe_pages, stripe_payments, stripe_routes, stripe_webhooks
from integrations.fakes.server import FakeServer, Reply, Request
from integrations.fakes.stripe_parameters import decode, read
from integrations.fakes.stripe_refusals import StripeRefusal
from integrations.fakes.stripe_store import Object, Store, Table

_KEYS_LIVE = 24 * 3600


class FakeStripe(FakeServer):
    """The tables (`customers`, `invoices`, …) are dicts by id, for tests to look into.

    `clock` gives the seconds that objects are dated by, as Stripe's test clocks do; signatures and idempotency keys
    keep the wall's time. With a `seed` the same requests get the same ids in every run.
    """

    def __init__(
        self,
        api_key: str,
        webhook_url: str = "",
        webhook_secret: str = "",
        *,
        duplicates: int = 1,
        out_of_order: bool = False,
        clock: Callable[[], float] = time.time,
        seed: str = "",
        state_file: str | Path | None = None,
    ) -> None:
        self.api_key = api_key
        self.postman = stripe_webhooks.Postman(
            webhook_url, webhook_secret, duplicates=duplicates, out_of_order=out_of_order
        )
        self.store = Store(self.postman.post, clock, seed)
        self.keys: dict[str, Object] = {}
        self._running: set[str] = set()
        super().__init__(state_file)

    @property
    def customers(self) -> Table:
        return self.store.tables["customers"]

    @property
    def invoices(self) -> Table:
        return self.store.tables["invoices"]

    @property
    def invoice_items(self) -> Table:
        return self.store.tables["invoice_items"]

    @property
    def invoice_payments(self) -> Table:
        return self.store.tables["invoice_payments"]

    @property
    def events(self) -> Table:
        return self.store.tables["events"]

    def start(self, port: int = 0) -> str:
        """Serve, and post the events that a former process could not."""
        self.store.url = super().start(port)
        self.postman.start()
        for event in [event for event in self.events.values() if event["pending_webhooks"]]:
            self.postman.post(event)
        return self.url

    def stop(self) -> None:
        super().stop()
        self.postman.stop()
        self.save()

    def memory(self) -> dict[str, dict[str, Any]]:
        return {**self.store.tables, "keys": self.keys}

    def pay(self, invoice_id: str) -> Object:
        """What the customer does on the hosted page: pay what is due with a good card."""
        with self.lock:
            invoice = self.store.get("invoices", invoice_id)
            stripe_payments.pay(self.store, invoice, {"payment_method": "pm_card_visa"})
            self.save()
            return invoice

    def open_invoices(self) -> list[str]:
        """The ids of the invoices that wait to be paid, oldest first."""
        return [one["id"] for one in self.invoices.values() if one["status"] == "open"]

    def signed(self, event: Object, *, at: int | None = None) -> tuple[bytes, str]:
        """The body and signature header that a webhook of `event` has, for delivering it by hand."""
        return stripe_webhooks.signed(event, self.postman.secret, at=at)

    def wait_for_webhooks(self, timeout: float = 10) -> bool:
        return self.postman.wait(timeout)

    def forget_keys(self) -> None:
        """What Stripe does after a day."""
        self.keys.clear()

    def answer(self, request: Request) -> Reply:
        if request.path.startswith("/invoice/"):
            return self._page(request)
        try:
            self._authenticate(request)
            return self._idempotent(request) if request.method == "POST" else self._execute(request, {})
        except StripeRefusal as refusal:
            return _refused(refusal)

    def failure(self, status: int) -> Reply:
        kind, code = ("invalid_request_error", "rate_limit") if status == 429 else ("api_error", None)
        return _refused(StripeRefusal("An error of the fake's own, as ordered.", status=status, kind=kind, code=code))

    def control(self, request: Request) -> Reply:
        verb, _, identifier = request.path.removeprefix("/_fake/").partition("/")
        try:
            if (request.method, verb) == ("GET", "state"):
                return Reply.json(200, self.summary())
            if (request.method, verb) == ("POST", "pay"):
                return Reply.json(200, self.pay(identifier))
            if (request.method, verb) == ("POST", "resend"):
                self.postman.post(self.store.get("events", identifier))
                return Reply.json(200, {"resent": identifier})
            if (request.method, verb) == ("POST", "forget-keys"):
                self.forget_keys()
                return Reply.json(200, {})
        except StripeRefusal as refusal:
            return _refused(refusal)
        return Reply.json(404, {"error": f"no such control: {request.method} {request.path}"})

    def summary(self) -> Object:
        with self.lock:
            return {
                "customers": len(self.customers),
                "invoices": [
                    {name: one[name] for name in ("id", "number", "status", "total", "currency", "metadata")}
                    for one in self.invoices.values()
                ],
                "payments": len(self.invoice_payments),
                "events": [{"id": one["id"], "type": one["type"]} for one in self.events.values()],
                "webhooks_delivered": self.postman.delivered,
            }

    def _authenticate(self, request: Request) -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not key:
            message = "You did not provide an API key. You need to provide it in the Authorization header."
            raise StripeRefusal(message, status=401)
        if key != self.api_key:
            raise StripeRefusal(f"Invalid API Key provided: {key[:8]}***", status=401)

    def _idempotent(self, request: Request) -> Reply:
        """Run once per key: replay the same request, refuse another one or a twin that is still running."""
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return self._execute(request, {})
        if len(key) > 255:
            raise StripeRefusal("Idempotency keys must be 255 characters or less.", kind="idempotency_error")
        print_ = hashlib.sha256(f"{request.path}\n{request.query}\n".encode() + request.body).hexdigest()
        with self.lock:
            if key in self._running:
                message = "There is currently another in-progress request using this Idempotency Key."
                raise StripeRefusal(message, status=409, kind="idempotency_error", code="idempotency_key_in_use")
            if (kept := self.keys.get(key)) and kept["at"] > time.time() - _KEYS_LIVE:
                return _replayed(kept, print_, key)
            self._running.add(key)
        try:
            return self._execute(request, {"key": key, "print": print_})
        finally:
            self._running.discard(key)

    def _execute(self, request: Request, keeping: Object) -> Reply:
        """Validate, act, and keep the answer for the key; what validation refuses never ran, so is not."""
        route, identifier = stripe_routes.find(request.method, request.path)
        form = request.query if request.method in ("GET", "DELETE") else request.body.decode()
        sent = read(route.parameters, decode(form))
        stripe_routes.check_played(route, sent)
        self.pause()
        with self.lock:
            name = "req_" + hashlib.sha256(f"{time.time_ns()}".encode()).hexdigest()[:14]
            self.store.request = {"id": name, "idempotency_key": keeping.get("key")}
            try:
                subject = route.verb(self.store, unquote(identifier), sent)
                shown = stripe_routes.shown(self.store, subject, sent.get("expand", []))
                reply = Reply.json(200, deepcopy(shown), Request_Id=name)
            except StripeRefusal as refusal:
                reply = _refused(refusal)
            if keeping:
                kept = {"at": time.time(), "print": keeping["print"], "status": reply.status}
                self.keys[keeping["key"]] = kept | {"body": reply.body.decode()}
            if request.method != "GET":
                self.save()
            return reply

    def _page(self, request: Request) -> Reply:
        """The hosted invoice page; posting to it pays."""
        identifier = request.path.removeprefix("/invoice/")
        with self.lock:
            invoice = self.invoices.get(identifier)
            if invoice is None or invoice["status"] == "draft":
                return Reply(404, stripe_pages.not_found(), "text/html; charset=utf-8")
            if request.method == "POST":
                if invoice["status"] == "open":
                    self.pay(identifier)
                return Reply(303, headers={"Location": request.path})
            return Reply(200, stripe_pages.invoice_page(self.store, invoice), "text/html; charset=utf-8")


def _replayed(kept: Object, print_: str, key: str) -> Reply:
    if kept["print"] != print_:
        message = (
            "Keys for idempotent requests can only be used with the same parameters they were first used "
            f"with. Try using a key other than '{key}' if you meant to execute a different request."
        )
        raise StripeRefusal(message, kind="idempotency_error")
    return Reply.json(kept["status"], json.loads(kept["body"]), Idempotent_Replayed="true")


def _refused(refusal: StripeRefusal) -> Reply:
    return Reply.json(refusal.status, {"error": refusal.error})
