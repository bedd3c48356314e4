"""How far customers want to go in a month: their own caps, set by staff, by a system or on their own page."""

from decimal import Decimal

from django.db import transaction

from catalog.models import Product
from contracts.caps import read_caps
from contracts.checks import checked
from contracts.models import Customer, UsageCap
from governance.acts import Act, Refused
from governance.change import change, locked
from pricing.money import exponent, round_amount

Measure = UsageCap.Measure
MOST = Decimal(10) ** 16


def set_cap(
    customer: Customer,
    *,
    product: Product | None = None,
    measure: str = Measure.MONEY,
    soft_limit: Decimal | None = None,
    hard_limit: Decimal | None = None,
    act: Act,
) -> UsageCap:
    """Set the cap of a customer on a product or (in money) on everything; there is one of each. It counts at once.

    `Refused`, naming the field, for limits that are none.
    """
    for name, problem in cap_problems(customer, product, measure, soft_limit, hard_limit).items():
        raise Refused(f"{name}: {problem}")
    with transaction.atomic():
        customer = locked(customer)  # so that two do not both find none
        row = UsageCap.objects.filter(customer=customer, product=product, measure=measure).first() or UsageCap(
            customer=customer, product=product, measure=measure
        )
        row.soft_limit, row.hard_limit = soft_limit, hard_limit
        with change("usage_cap.set", row, act):
            checked(row).save()
            read_caps(act.at, act=act, customers=[customer])
    return row


def remove_cap(cap: UsageCap, *, act: Act) -> None:
    """The customer may go on without it."""
    with change("usage_cap.removed", cap, act):
        locked(cap).delete()


def cap_problems(
    customer: Customer,
    product: Product | None,
    measure: str,
    soft_limit: Decimal | None,
    hard_limit: Decimal | None,
) -> dict[str, str]:
    """What keeps this from being a cap, a sentence by the name of the field."""
    found = {}
    if product is not None and product.meter_id is None:
        found["product"] = "Only what is metered can be capped."
    if product is None and measure == Measure.QUANTITY:
        found["product"] = "A quantity is one of a product."
    if soft_limit is None and hard_limit is None:
        found["hard_limit"] = "Say at least one limit."
    for name, limit in (("soft_limit", soft_limit), ("hard_limit", hard_limit)):
        if limit is not None and not (limit.is_finite() and 0 < limit < MOST):
            found[name] = "A limit is above zero."
        elif limit is not None and measure == Measure.MONEY and limit != round_amount(limit, customer.currency):
            found[name] = f"An amount of {customer.currency} has at most {exponent(customer.currency)} decimals."
        elif limit is not None and int(limit.normalize().as_tuple().exponent) < -9:
            found[name] = "A quantity has at most 9 decimals."
    if not found and soft_limit is not None and hard_limit is not None and hard_limit < soft_limit:
        found["hard_limit"] = "The hard limit is not below the soft one."
    return found
