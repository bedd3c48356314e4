"""The fake Stripe's memory: its objects by id, and the events that changes to them cause."""

import random
import string
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import stripe

from integrations.fakes.stripe_refusals import StripeRefusal, missing

Object = dict[str, Any]
Table = dict[str, Object]

_PREFIXES = {
    "customers": "cus",
    "invoices": "in",
    "invoice_items": "ii",
    "payment_intents": "pi",
    "charges": "ch",
    "invoice_payments": "inpay",
    "refunds": "re",
    "events": "evt",
}
_KINDS = {
    "invoice_items": "invoiceitem",
    "payment_intents": "payment_intent",
    "invoice_payments": "invoice_payment",
}
_ALPHABET = string.ascii_letters + string.digits
_CHANCE = random.SystemRandom()


class Store:
    """Tables keep the order in which things were made; `on_event` hears of every event."""

    def __init__(self, on_event: Callable[[Object], None], clock: Callable[[], float], seed: str) -> None:
        self.clock = clock
        self.seed = seed
        self.tables: dict[str, Table] = {name: {} for name in _PREFIXES}
        self.on_event = on_event
        self.request: Object = {"id": None, "idempotency_key": None}  # what caused the next events
        self.url = ""

    def add(self, table: str, **fields: Any) -> Object:
        """Keep a new object with the fields that every Stripe object has."""
        identifier = f"{_PREFIXES[table]}_{self._unused(table)}"
        made: Object = {"id": identifier, "object": _KINDS.get(table, table.removesuffix("s"))}
        made |= {"created": self.now(), "livemode": False}
        self.tables[table][identifier] = made | fields
        return self.tables[table][identifier]

    def now(self) -> int:
        return int(self.clock())

    def _unused(self, table: str) -> str:
        """24 letters and digits: by chance, or, with a seed, the same in every run."""
        source = random.Random(f"{self.seed} {table} {len(self.tables[table])}") if self.seed else _CHANCE  # noqa: S311 (no secret)
        while True:
            letters = "".join(source.choices(_ALPHABET, k=24))
            if f"{_PREFIXES[table]}_{letters}" not in self.tables[table]:
                return letters

    def get(self, table: str, identifier: str, param: str = "id") -> Object:
        """The object, or Stripe's `resource_missing`: 404 for the address, 400 for a parameter."""
        try:
            return self.tables[table][identifier]
        except KeyError:
            kind = _KINDS.get(table, table.removesuffix("s"))
            raise missing(kind, identifier, param) from None

    def emit(self, name: str, subject: Object) -> None:
        """Record that `name` happened to `subject`, as it looks now."""
        data = {"object": deepcopy(subject)}
        event = self.add("events", api_version=stripe.api_version, data=data, type=name)
        event |= {"pending_webhooks": 1, "request": dict(self.request)}
        self.on_event(event)

    def page(self, table: str, address: str, wanted: Object, matches: Callable[[Object], bool]) -> Object:
        """Newest first, `limit` (1–100, 10 unless told) after or before a cursor."""
        limit = wanted.get("limit", 10)
        if not 1 <= limit <= 100:
            raise StripeRefusal("Invalid integer: limit must be between 1 and 100", param="limit")
        found = [one for one in reversed(self.tables[table].values()) if matches(one)]
        ids = [one["id"] for one in found]
        if cursor := wanted.get("starting_after"):
            self.get(table, cursor, "starting_after")
            found = found[ids.index(cursor) + 1 :] if cursor in ids else []
        if cursor := wanted.get("ending_before"):
            self.get(table, cursor, "ending_before")
            found = found[: ids.index(cursor)][-limit:] if cursor in ids else []
        return {"object": "list", "data": found[:limit], "has_more": len(found) > limit, "url": address}


def with_metadata(present: dict[str, str], sent: dict[str, str] | str | None) -> dict[str, str]:
    """Sent keys are merged; an empty value removes its key, an empty text removes all."""
    if sent is None:
        return present
    if isinstance(sent, str):
        return {}
    return {key: value for key, value in (present | sent).items() if value != ""}
