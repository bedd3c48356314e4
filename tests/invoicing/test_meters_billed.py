"""What an invoice says stays measured as it was, however its meter is defined later."""

from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import User

from contracts.models import Contract
from invoicing.models import Invoice
from metering.meters.defining import billed_through, redefine_meter
from metering.models import Meter, MeterVersion
from tests.invoicing.books import act, bill, use

MARCH_2 = datetime(2026, 3, 2, 12, tzinfo=UTC)


def lines(invoices: list[Invoice]) -> list[tuple[Any, ...]]:
    return sorted(
        (line.product_key, line.period_start.date().isoformat(), line.quantity)
        for invoice in invoices
        for line in invoice.lines.filter(product_key__contains="tokens")
    )


def test_finalized_invoices_bind_their_meters_definition(used: Contract, ann: User) -> None:
    meter = Meter.objects.get(key="input-tokens")
    assert billed_through(meter) is None
    bill()
    end = billed_through(meter)
    assert end == datetime(2026, 2, 1, tzinfo=UTC)

    redefine_meter(meter, property='"input-tokens" / 1000', act=act("Thousands"))
    assert MeterVersion.objects.get().until == end


def test_redefining_a_billed_meter_bills_no_difference(used: Contract, ann: User) -> None:
    """Late usage of January comes at January's definition, February's usage at the new one."""
    before = lines(bill())
    redefine_meter(Meter.objects.get(key="input-tokens"), property='"input-tokens" / 1000', act=act("Thousands"))
    use(used.customer, 7_000_000, 0, at=datetime(2026, 1, 20, tzinfo=UTC))
    use(used.customer, 5_000_000, 0, at=datetime(2026, 2, 20, tzinfo=UTC))
    after = lines(bill(MARCH_2))
    assert ("input-tokens", "2026-01-01", 20_000_000) in before
    assert [line for line in after if line[0] == "input-tokens"] == [
        ("input-tokens", "2026-01-01", 7_000_000),
        ("input-tokens", "2026-02-01", 5_000),
    ]
