"""Which requests the fake Stripe plays: address, typed parameters, what of them is played, and the verb."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stripe import params

from integrations.fakes import stripe_customers as customers
from integrations.fakes import stripe_invoicing as invoicing
from integrations.fakes import stripe_payments as payments
from integrations.fakes import stripe_shapes as shapes
from integrations.fakes.stripe_refusals import StripeRefusal, not_played
from integrations.fakes.stripe_store import Object, Store

_PAGING = "limit starting_after ending_before expand"
_CUSTOMER = "address description email expand metadata name phone preferred_locales tax_exempt"
_INVOICE = "auto_advance days_until_due description due_date effective_at expand footer metadata number"


@dataclass(frozen=True)
class Route:
    """`verb(store, id, sent)` answers; a `None` id is an address without one."""

    method: str
    address: re.Pattern[str]
    parameters: type
    played: frozenset[str]
    verb: Callable[[Store, str, Object], Object]


def find(method: str, path: str) -> tuple[Route, str]:
    """The route and the id in the address, or Stripe's 404."""
    for route in ROUTES:
        match = route.address.fullmatch(path)
        if match and method == route.method:
            return route, match[1] if route.address.groups else ""
    message = f"Unrecognized request URL ({method}: {path})."
    raise StripeRefusal(message, status=404)


def check_played(route: Route, sent: Object) -> None:
    if unknown := set(sent) - route.played:
        raise not_played(", ".join(sorted(unknown)))


def shown(store: Store, subject: Object, expand: list[str]) -> Object:
    """The object as the API gives it: an invoice with its lines and address, and what `expand` asks for."""
    if subject.get("object") == "list":
        inner = [name.removeprefix("data.") for name in expand if name.startswith("data.")]
        return subject | {"data": [shown(store, one, inner) for one in subject["data"]]}
    if subject["object"] != "invoice" or subject.get("deleted"):
        if expand:
            raise not_played(f"expand {expand[0]}")
        return subject
    given = subject | {
        "lines": shapes.lines(store, subject),
        "hosted_invoice_url": shapes.hosted_url(store, subject),
    }
    for name in expand:
        given[name] = _expanded(store, subject, name)
    return given


def _expanded(store: Store, invoice: Object, name: str) -> Object:
    if name == "customer":
        return store.get("customers", invoice["customer"])
    if name != "payments":
        raise StripeRefusal(f"This property cannot be expanded ({name}).", param="expand")
    address = f"/v1/invoice_payments?invoice={invoice['id']}"
    return store.page("invoice_payments", address, {"limit": 100}, lambda one: one["invoice"] == invoice["id"])


def _route(method: str, address: str, parameters: type, played: str, verb: Callable[..., Object]) -> Route:
    pattern = re.compile("/v1" + address.replace("{id}", r"(\w+)"))
    return Route(method, pattern, parameters, frozenset(played.split()), verb)


def _one(table: str) -> Callable[..., Object]:
    return lambda store, identifier, sent: store.get(table, identifier)


def _list(table: str, address: str, *fields: str) -> Callable[..., Object]:
    """Filter by equality of `fields`, and by when the object was created."""

    def answer(store: Store, identifier: str, sent: Object) -> Object:
        def matches(one: Object) -> bool:
            same = all(one[name] == sent[name] for name in fields if name in sent)
            return same and _within(one.get("created") or one["date"], sent.get("created"))

        return store.page(table, "/v1" + address, sent, matches)

    return answer


def _within(created: int, wanted: Any) -> bool:
    if wanted is None:
        return True
    if isinstance(wanted, int):
        return created == wanted
    tests = {"gt": created.__gt__, "gte": created.__ge__, "lt": created.__lt__, "lte": created.__le__}
    return all(tests[name](bound) for name, bound in wanted.items())


def _on_invoice(verb: Callable[..., Object]) -> Callable[..., Object]:
    return lambda store, identifier, sent: verb(store, store.get("invoices", identifier), sent)


def _lines(store: Store, invoice: Object, sent: Object) -> Object:
    if set(sent) - {"limit"}:
        raise not_played("paging through lines")
    return shapes.lines(store, invoice, sent.get("limit", 10))


ROUTES = (
    _route("POST", "/customers", params.CustomerCreateParams, _CUSTOMER, lambda s, i, p: customers.create(s, p)),
    _route(
        "GET",
        "/customers",
        params.CustomerListParams,
        f"{_PAGING} created email",
        _list("customers", "/customers", "email"),
    ),
    _route("GET", "/customers/{id}", params.CustomerRetrieveParams, "expand", _one("customers")),
    _route(
        "POST",
        "/customers/{id}",
        params.CustomerUpdateParams,
        _CUSTOMER,
        lambda s, i, p: customers.update(s, s.get("customers", i), p),
    ),
    _route(
        "POST",
        "/invoiceitems",
        params.InvoiceItemCreateParams,
        "amount currency customer description expand invoice metadata period",
        lambda s, i, p: invoicing.create_item(s, p),
    ),
    _route(
        "GET",
        "/invoiceitems",
        params.InvoiceItemListParams,
        f"{_PAGING} created customer invoice",
        _list("invoice_items", "/invoiceitems", "customer", "invoice"),
    ),
    _route("GET", "/invoiceitems/{id}", params.InvoiceItemRetrieveParams, "expand", _one("invoice_items")),
    _route(
        "POST",
        "/invoices",
        params.InvoiceCreateParams,
        f"{_INVOICE} collection_method currency customer pending_invoice_items_behavior",
        lambda s, i, p: invoicing.create(s, p),
    ),
    _route(
        "GET",
        "/invoices",
        params.InvoiceListParams,
        f"{_PAGING} collection_method created customer status",
        _list("invoices", "/invoices", "customer", "status", "collection_method"),
    ),
    _route("GET", "/invoices/{id}", params.InvoiceRetrieveParams, "expand", _one("invoices")),
    _route("POST", "/invoices/{id}", params.InvoiceUpdateParams, _INVOICE, _on_invoice(invoicing.update)),
    _route(
        "DELETE",
        "/invoices/{id}",
        params.InvoiceDeleteParams,
        "",
        _on_invoice(lambda s, o, p: invoicing.delete(s, o)),
    ),
    _route("GET", "/invoices/{id}/lines", params.InvoiceLineItemListParams, _PAGING, _on_invoice(_lines)),
    _route(
        "POST",
        "/invoices/{id}/finalize",
        params.InvoiceFinalizeInvoiceParams,
        "auto_advance expand",
        _on_invoice(invoicing.finalize),
    ),
    _route(
        "POST",
        "/invoices/{id}/pay",
        params.InvoicePayParams,
        "expand off_session paid_out_of_band payment_method source",
        _on_invoice(payments.pay),
    ),
    _route(
        "POST",
        "/invoices/{id}/void",
        params.InvoiceVoidInvoiceParams,
        "expand",
        _on_invoice(lambda s, o, p: invoicing.void(s, o)),
    ),
    _route(
        "POST",
        "/invoices/{id}/mark_uncollectible",
        params.InvoiceMarkUncollectibleParams,
        "expand",
        _on_invoice(lambda s, o, p: invoicing.mark_uncollectible(s, o)),
    ),
    _route(
        "GET",
        "/invoice_payments",
        params.InvoicePaymentListParams,
        f"{_PAGING} created invoice status",
        _list("invoice_payments", "/invoice_payments", "invoice", "status"),
    ),
    _route("GET", "/payment_intents/{id}", params.PaymentIntentRetrieveParams, "expand", _one("payment_intents")),
    _route("GET", "/charges/{id}", params.ChargeRetrieveParams, "expand", _one("charges")),
    _route(
        "POST",
        "/refunds",
        params.RefundCreateParams,
        "amount charge expand metadata payment_intent reason",
        lambda s, i, p: payments.refund(s, p),
    ),
    _route("GET", "/refunds/{id}", params.RefundRetrieveParams, "expand", _one("refunds")),
    _route(
        "GET",
        "/events",
        params.EventListParams,
        f"{_PAGING} created type",
        _list("events", "/events", "type"),
    ),
    _route("GET", "/events/{id}", params.EventRetrieveParams, "expand", _one("events")),
)
