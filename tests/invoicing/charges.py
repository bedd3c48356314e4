"""Contoso's contract over 2026 on a card with whatever charges a test is about.

Contoso is in Berlin here, so that its months and days are not those of UTC.
"""

import itertools
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User

from catalog import operations as catalog
from catalog.models import Product, RateCard, RateCardVersion
from contracts import operations as contracts
from contracts.models import Contract
from contracts.terms import AgreedLine, SignedTerms
from governance.models import Change
from invoicing.models import Invoice, InvoiceLine, UnpricedUsage
from metering import operations as metering
from metering.meters.defining import define_meter
from metering.wire.events import Event
from pricing.charges import load
from tests.invoicing import books
from tests.invoicing.books import FEB_2, MAR_2, act, bill

DEC = datetime(2025, 12, 15, tzinfo=UTC)
NOON = datetime(2026, 1, 15, 11, tzinfo=UTC)
Json = dict[str, Any]
Meters = dict[str, tuple[str, ...]]  # aggregation, property and, unless it is the key, the event type
Lines = list[tuple[str, Decimal, Decimal]]
_numbers = itertools.count(1)


def sold(ann: User, charges: dict[str, Json], meters: Meters | None = None) -> Contract:
    """Follows a card with these charges; the first product is metered as the sum of `v`, unless said otherwise."""
    measured = {next(iter(charges)): ("sum", "v")} if meters is None else meters
    by_ann = act("New prices", DEC, ann)
    card = catalog.create_rate_card(key="standard-usd", name="Standard USD", currency="USD", act=by_ann)
    for key in charges:
        _product(ann, key, measured.get(key))
    version = publish(ann, card, charges, effective_from=DEC)
    terms = SignedTerms(
        customer=books.customer(time_zone="Europe/Berlin"),
        legal_entity=books.seller(),
        rate_card_version=version,
        follows_card=True,
        currency="USD",
        start_on=date(2026, 1, 1),
        months=12,
        lines=[AgreedLine(rate.product) for rate in version.rates.select_related("product").order_by("product__key")],
        signed_by="Dan Contoso",
    )
    return contracts.sign_contract(terms, act=act("Signed", DEC))


def publish(
    ann: User, card: RateCard, charges: dict[str, Json], *, effective_from: datetime, at: datetime = DEC
) -> RateCardVersion:
    """The next version of the card."""
    by_ann = act("New prices", at, ann)
    draft = catalog.draft_version(card, act=by_ann)
    for key, charge in charges.items():
        catalog.set_rate(draft, Product.objects.get(key=key), load(charge), act=by_ann)
    submitted = catalog.submit_version(draft, warnings_accepted="Known", act=by_ann)
    return catalog.publish_version(submitted, effective_from=effective_from, act=by_ann)


def use(kind: str, v: Any = None, *, at: datetime = NOON, **properties: Any) -> None:
    """One event of Contoso's."""
    given = properties | ({} if v is None else {"v": v})
    event = Event(f"event-{next(_numbers)}", kind, at, "contoso", given)
    (verdict,) = metering.ingest([event], source="gateway", at=max(at, NOON))
    assert verdict.outcome == "accepted", verdict


def billed(through: datetime = FEB_2, status: str = "finalized") -> Lines:
    """The lines of the one invoice that billing writes: product, quantity, amount. A second run changes nothing."""
    (invoice,) = bill(through)
    assert invoice.status == status
    before = written()
    assert bill(through) == []
    assert written() == before
    return [(line.product_key, line.quantity, line.amount) for line in invoice.lines.all()]


def late() -> Lines:
    """The same a month later, where nothing new fell due: what is only a difference waits in a draft."""
    return billed(MAR_2, "draft")


def written() -> tuple[int, ...]:
    tables = (Change, Invoice.history, InvoiceLine, UnpricedUsage.history)
    return tuple(getattr(table, "objects", table).count() for table in tables)


def d(text: str) -> Decimal:
    return Decimal(text)


def _product(ann: User, key: str, measured: tuple[str, ...] | None) -> None:
    by_ann, meter = act("We sell this", DEC, ann), None
    if measured is not None:
        aggregation, name, event_type = (*measured, key)[:3]
        meter = define_meter(
            key=key, name=key.title(), event_type=event_type, aggregation=aggregation, property=name, act=by_ann
        )
    catalog.create_product(
        key=key,
        name=key.title(),
        kind="usage" if meter else "recurring",
        meter=meter,
        unit="unit",
        revenue_account="4000",
        act=by_ann,
    )
