"""Rules about what a price measures."""

from collections.abc import Iterable
from datetime import timedelta

from catalog.candidates import Candidate
from catalog.lint.registry import Severity, rule
from catalog.models import Product
from metering.models import Meter
from metering.queries import meters_in_use
from pricing.measures import WHOLE
from pricing.periods import Period

Found = Iterable[tuple[str, str]]
SILENT_DAYS = 7


@rule("no_meter", Severity.ERROR, "products sold by usage that no meter measures")
def no_meter(candidate: Candidate) -> Found:
    for pk, offer in candidate.after.items():
        product = candidate.products[pk]
        if product.meter is not None:
            continue
        if product.kind == Product.Kind.USAGE:
            yield product.name, "It is sold by usage, but has no meter. Give it the meter that counts it."
        elif offer.charge.split != WHOLE:
            yield (
                product.name,
                (
                    f"Its {offer.charge.kind} price tells events apart, but it has no meter. Price it by quantity, or "
                    "make it a usage product."
                ),
            )


@rule("silent_meter", Severity.WARNING, f"products on sale whose meter counted nothing in {SILENT_DAYS} days")
def silent_meter(candidate: Candidate) -> Found:
    for product, meter in _silent(candidate):
        if product.pk in candidate.before:
            yield (
                product.name,
                (
                    f"Its meter {meter} counted nothing in the last {SILENT_DAYS} days. Check that events of type "
                    f"{meter.event_type} still arrive, or nothing is billed."
                ),
            )


@rule("untried_meter", Severity.NOTE, f"new products whose meter counted nothing in {SILENT_DAYS} days")
def untried_meter(candidate: Candidate) -> Found:
    for product, meter in _silent(candidate):
        if product.pk not in candidate.before:
            yield (
                product.name,
                (
                    f"It is new, and its meter {meter} has not counted an event in the last {SILENT_DAYS} days. Send "
                    "one to try it."
                ),
            )


def _silent(candidate: Candidate) -> list[tuple[Product, Meter]]:
    products = [candidate.products[pk] for pk in candidate.after]
    metered = [(product, product.meter) for product in products if product.meter is not None]
    last_days = Period(candidate.at - timedelta(days=SILENT_DAYS), candidate.at)
    counting = meters_in_use({meter for _, meter in metered}, last_days)
    return [(product, meter) for product, meter in metered if meter.key not in counting]
