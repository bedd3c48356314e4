"""The search behind Ctrl+K: numbers, names and keys across the chain, only what the person may see."""

from collections.abc import Iterator

from django.db.models import Model, Q
from django.http import HttpRequest
from django.urls import reverse
from unfold.dataclasses import SearchResult

from catalog.models import Product, RateCard
from contracts.models import Contract, Customer
from governance.doors import may, visible
from invoicing.models import Invoice
from metering.models import Meter
from quoting.models import Quote

HITS = 6

# What is searched, in which fields, and how a hit is described.
PLACES: list[tuple[type[Model], tuple[str, ...], str]] = [
    (Customer, ("name", "key", "email"), "Customer"),
    (Quote, ("number", "title", "customer__name"), "Quote"),
    (Contract, ("number", "customer__name"), "Contract"),
    (Invoice, ("number", "customer__name"), "Invoice"),
    (Product, ("name", "key"), "Product"),
    (RateCard, ("name", "key"), "Rate card"),
    (Meter, ("name", "key", "event_type"), "Meter"),
]


def search(request: HttpRequest, term: str) -> list[SearchResult]:
    """Up to six hits for each kind of thing; the term comes in lower case."""
    term = term.strip()
    return list(_hits(request, term)) if len(term) > 1 else []


def _hits(request: HttpRequest, term: str) -> Iterator[SearchResult]:
    for model, fields, kind in PLACES:
        meta = model._meta
        if not may(request.user, f"{meta.app_label}.view_{meta.model_name}"):
            continue
        wanted = Q()
        for field in fields:
            wanted |= Q(**{f"{field}__icontains": term})
        for thing in visible(model._default_manager.filter(wanted), request.user)[:HITS]:
            customer = getattr(thing, "customer", None)
            yield SearchResult(
                title=str(thing),
                description=f"{kind} · {customer}" if customer else kind,
                link=reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[thing.pk]),
                icon="search",
            )
