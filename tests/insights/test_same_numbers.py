"""One month of one customer, asked everywhere: the invoice, the customer's page, the admin and the API agree."""

import pytest
from django.test import Client

from governance.clock import clock_set_to
from invoicing.links import link_to
from tests import cast
from tests.books import BILLING_DAY, billed_january

pytestmark = pytest.mark.django_db

QUANTITIES = {"input-tokens": "20000000", "output-tokens": "4000000"}
JANUARY = "from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z"


def test_finance_the_customer_and_engineers_see_the_same_quantities(client: Client) -> None:
    _, invoice = billed_january()
    headers = cast.system_key("usage:read", "invoices:read")
    usage = client.get(f"/api/v1/usage?customer=contoso&{JANUARY}", headers=headers).json()["usage"]
    lines = client.get(f"/api/v1/invoices/{invoice.number}", headers=headers).json()["lines"]
    assert {row["meter"]: row["quantity"] for row in usage} == QUANTITIES
    assert {line["product"]: line["quantity"] for line in lines if line["product"] in QUANTITIES} == QUANTITIES
    assert {
        line.product_key: str(line.quantity.to_integral_value())
        for line in invoice.lines.filter(product_key__in=QUANTITIES)
    } == QUANTITIES
    portal = client.get(link_to(invoice).removeprefix("http://testserver")).content.decode()
    client.force_login(cast.person("cara"))
    admin = client.get(f"/admin/invoicing/invoice/{invoice.pk}/change/").content.decode()
    trace = client.get("/admin/insights/trace/?id=january").content.decode()
    with clock_set_to(BILLING_DAY.replace(month=1, day=31, hour=23)):
        live = client.get("/admin/insights/live/?customer=contoso").content.decode()
    for quantity in ("20,000,000", "4,000,000"):
        assert [quantity in page for page in (portal, admin, trace, live)] == [True] * 4, quantity
