"""One price, one arithmetic: what the kernel says is what is quoted, drafted, invoiced and answered, for any price."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from catalog import operations as catalog
from catalog.editions import Offer
from catalog.models import Product
from invoicing import operations as invoicing
from invoicing.models import Invoice
from metering.meters.defining import define_meter
from metering.operations import ingest
from metering.wire.events import Event
from pricing.charges import Charge, PerUnit, amount, dump
from pricing.measures import WHOLE
from pricing.money import plain, round_amount
from quoting import operations as quoting
from quoting.queries import priced
from tests import cast
from tests.cast import NOW, act
from tests.pricing.made_up import CHARGES

FEB = datetime(2026, 2, 1, tzinfo=UTC)
USED = st.decimals(min_value=0, max_value=3000, places=1)


def for_a_total(charge: Charge) -> Charge:
    """This charge, or one that an expected quantity can be put to where it tells usage apart or ignores it.

    And where it has a unit of account, which has one price in a version.
    """
    fits = charge.split == WHOLE and charge.basis == "quantity" and "in_unit" not in str(dump(charge))
    return charge if fits else PerUnit(Decimal("0.0375"))


PRICED = st.tuples(CHARGES.map(for_a_total), USED)


def sold(index: int) -> Product:
    """A product with a meter of its own; one event can report them all."""
    key = f"thing-{index}"
    meter = define_meter(
        key=key, name=key, event_type="llm.request", aggregation="sum", property=key, act=act("eric", "For sale")
    )
    return catalog.create_product(key=key, name=key, kind="usage", meter=meter, act=act("ann", "For sale"))


@pytest.mark.django_db
@given(st.lists(PRICED, min_size=25, max_size=25))
@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_every_price_comes_to_the_same_wherever_it_is_asked(
    client: Client, prices: list[tuple[Charge, Decimal]]
) -> None:
    assume(any(used for _, used in prices))
    with transaction.atomic():
        _compare(client, prices)
        transaction.set_rollback(True)


def _compare(client: Client, prices: list[tuple[Charge, Decimal]]) -> None:
    products = [sold(index) for index in range(len(prices))]
    quantities = dict(zip((product.key for product in products), (used for _, used in prices), strict=True))
    expected = {
        product.key: round_amount(amount(charge.cost(used)), "USD")
        for product, (charge, used) in zip(products, prices, strict=True)
    }
    cast.policies()
    card = catalog.create_rate_card(key="any", name="Anything", currency="USD", act=act("ann", "Everything"))
    draft = catalog.draft_version(card, act=act("ann", "Everything"))
    offers = {product: Offer(charge, 1, False) for product, (charge, _) in zip(products, prices, strict=True)}
    catalog.set_rates(draft, offers, act=act("ann", "Everything"))
    draft = catalog.submit_version(draft, warnings_accepted="Made up", act=act("ann", "Everything"))
    cast.approve_all(draft, "cara")
    catalog.publish_version(draft, act=act("ann", "Everything"))

    version = cast.empty_quote(rate_card=card, start_on=date(2026, 1, 1), months=1)
    for product in products:
        quoting.set_line(version, product, expected_usage=quantities[product.key], act=act("ben", "Everything"))
    quoted = {line.line.product.key: line.rated[0].amount.amount for line in priced(version).lines}
    assert quoted == expected

    contract = quoting.accept(cast.sent(version), name="Dan Contoso", from_ip="192.0.2.7", act=cast.dans())
    reported = {key: plain(used) for key, used in quantities.items()}
    event = Event("one", "llm.request", NOW + timedelta(days=30), "contoso", reported)
    (verdict,) = ingest([event], source="gateway", at=NOW + timedelta(days=30))
    assert verdict.outcome == "accepted", verdict.reason
    invoicing.bill_contracts([contract.pk], through=FEB, act=act(at=FEB))
    assume(any(expected.values()))
    invoice = Invoice.objects.get(contract=contract)
    nothing = dict.fromkeys(expected, Decimal(0))  # what comes to nothing has no line
    assert nothing | {line.product_key: line.amount for line in invoice.lines.all()} == expected
    for line in invoice.lines.all():
        assert sum(Decimal(step["amount"]) for step in line.waterfall) == line.amount

    invoicing.finalize_invoice(invoice, act=act(at=FEB + timedelta(days=2)))
    answer = client.get(f"/api/v1/invoices/{invoice.pk}", headers=cast.system_key("invoices:read", name="books"))
    answered = {line["product"]: Decimal(line["amount"]["amount"]) for line in answer.json()["lines"]}
    assert nothing | answered == expected
