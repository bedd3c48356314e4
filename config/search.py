"""The search behind Ctrl+K: numbers, names and keys across the chain, only what the person may see."""

from collections.abc import Iterator

from django.db.models import Model, Q
from django.http import HttpRequest
from django.urls import reverse
from unfold.dataclasses import SearchResult

from catalog import uses
from catalog.models import Product, RateCard
from catalog.queries import uses_of
from contracts.models import Contract, Customer
from contracts.queries import called
from governance.doors import may, visible
from invoicing.models import Invoice
from metering.models import CustomerAlias, EventType, Meter, OutcomeDefinition
from quoting.models import Quote

HITS = 6
PRODUCTS = 3  # whose uses are listed

# What is searched, in which fields, and how a hit is described.
PLACES: list[tuple[type[Model], tuple[str, ...], str]] = [
    (Customer, (), "Customer"),  # by everything anybody calls them
    (Quote, ("number", "title", "customer__name"), "Quote"),
    (Contract, ("number", "customer__name"), "Contract"),
    (Invoice, ("number", "customer__name"), "Invoice"),
    (Product, ("name", "key"), "Product"),
    (RateCard, ("name", "key"), "Rate card"),
    (Meter, ("name", "key", "event_type"), "Meter"),
    (EventType, ("name", "key"), "Event type"),
    (CustomerAlias, ("key", "customer_key"), "Customer alias"),
    (OutcomeDefinition, ("name", "key"), "Outcome definition"),
]


def search(request: HttpRequest, term: str) -> list[SearchResult]:
    """Up to six hits for each kind of thing, then what uses the products found; the term comes in lower case."""
    term = term.strip()
    if len(term) < 2:
        return []
    found = list(_hits(request, term))
    known = {result.link for result in found}
    return found + [result for result in _uses(request, term) if result.link not in known]


def _hits(request: HttpRequest, term: str) -> Iterator[SearchResult]:
    for model, fields, kind in PLACES:
        meta = model._meta
        if not may(request.user, f"{meta.app_label}.view_{meta.model_name}"):
            continue
        wanted = called(term) if model is Customer else Q()
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


def _uses(request: HttpRequest, term: str) -> Iterator[SearchResult]:
    """Every card, contract and quote that uses a product with this in its name, as far as this person may see them."""
    if not may(request.user, "catalog.view_product"):
        return
    products = Product.objects.filter(Q(name__icontains=term) | Q(key__icontains=term))
    for product in products[:PRODUCTS]:
        cards = RateCard.objects.filter(versions__in=uses_of(product).values("version")).distinct()
        if may(request.user, "catalog.view_ratecard"):
            for card in cards:
                link = reverse("admin:catalog_ratecard_change", args=[card.pk])
                yield SearchResult(title=str(card), description=f"Rate card · prices {product}", link=link, icon="sell")
        for kind in uses.of(product, request.user):
            for use in kind.uses[:HITS]:
                words = f"{kind.title} · with {product}"
                yield SearchResult(
                    title=use.text[:1].upper() + use.text[1:], description=words, link=use.url, icon="link"
                )
            if len(kind.uses) > HITS:
                more = f"All {len(kind.uses):,} {kind.title.lower()} with {product}"
                yield SearchResult(title=more, description=kind.title, link=kind.url, icon="list")
