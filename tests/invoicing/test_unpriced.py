"""Nothing is priced at nothing in silence: usage without a price is kept, shown, and billed once it has one."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contracts.models import Contract
from governance.acts import Refused
from governance.clock import clock_set_to
from governance.models import Change
from invoicing import operations
from invoicing.models import Invoice, UnpricedUsage
from tests.invoicing import books
from tests.invoicing.books import FEB_2, JAN, MAR_2, act, bill
from tests.invoicing.charges import DEC, NOON, Json, billed, d, late, publish, sold, use
from tests.refusals import everything

NEW_YEARS_EVE, IN_DECEMBER = JAN - timedelta(days=1), DEC + timedelta(hours=1)
APR_2 = datetime(2026, 4, 2, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def by_model(*models: str) -> Json:
    cells = [{"values": [model], "charge": {"kind": "per_unit", "unit_price": "0.10"}} for model in models]
    return {"kind": "matrix", "by": ["model"], "cells": cells}


@pytest.fixture
def contract(ann: User) -> Contract:
    """Only the small model has a price."""
    return sold(ann, {"calls": by_model("small")})


def price(
    ann: User, contract: Contract, *models: str, since: datetime = NEW_YEARS_EVE, at: datetime = IN_DECEMBER
) -> None:
    """The card's next version has cells for these.

    Decided in December, it is no change of the past, and reaches also what is invoiced already.
    """
    publish(ann, contract.rate_card, {"calls": by_model(*models)}, effective_from=since, at=at)


def rows() -> list[tuple[Any, Decimal, str]]:
    return [(row.values, row.quantity, row.resolution) for row in UnpricedUsage.objects.order_by("quantity")]


def test_what_no_cell_prices_is_kept_and_billed_once_it_has_a_price(ann: User, contract: Contract) -> None:
    use("calls", 100, model="small")
    use("calls", 40, model="large")
    use("calls", 2)
    assert billed() == [("calls", d("100"), d("10.00"))]
    assert rows() == [({"model": None}, 2, ""), ({"model": "large"}, 40, "")]
    row, line = UnpricedUsage.objects.get(quantity=40), contract.lines.get()
    assert (row.contract, row.term, row.product_key, row.product_name) == (contract, str(line.pk), "calls", "Calls")
    assert (row.meter, row.unit, row.reason) == ("calls", "unit", "no_rate")
    assert (row.period_start, row.period_end) == (line.start_at, datetime(2026, 1, 31, 23, tzinfo=UTC))
    assert (row.first_seen_at, row.resolved_at) == (FEB_2, None)
    price(ann, contract, "small", "large")
    assert late() == [("calls", d("40"), d("4.00"))]
    assert rows() == [({"model": None}, 2, ""), ({"model": "large"}, 40, "priced")]
    assert UnpricedUsage.objects.get(quantity=40).resolved_at == MAR_2


def test_an_open_draft_takes_it_in(ann: User, contract: Contract) -> None:
    use("calls", 100, model="small")
    use("calls", 40, model="large")
    bill(books.FEB)
    assert rows() == [({"model": "large"}, 40, "")]
    price(ann, contract, "small", "large", at=books.FEB + timedelta(hours=1))
    assert billed() == [("calls", d("140"), d("14.00"))]
    assert rows() == [({"model": "large"}, 40, "priced")]


def test_usage_without_any_price_makes_no_invoice_but_a_row(contract: Contract) -> None:
    use("calls", 40, model="large")
    assert bill() == []
    assert not Invoice.objects.exists()
    assert rows() == [({"model": "large"}, 40, "")]
    before = Change.objects.count()
    assert bill() == []
    assert Change.objects.count() == before


def test_the_quantity_is_kept_up_to_date_while_it_is_open(contract: Contract) -> None:
    use("calls", 40, model="large")
    bill()
    use("calls", 2, model="large")
    bill(MAR_2)
    row = UnpricedUsage.objects.get()
    assert (row.quantity, row.first_seen_at) == (42, FEB_2)
    names = Change.objects.filter(subject_id=str(row.pk)).order_by("pk").values_list("name", flat=True)
    assert list(names) == ["unpriced_usage.found", "unpriced_usage.measured"]


def test_each_month_has_its_own(contract: Contract) -> None:
    use("calls", 40, model="large")
    bill()
    use("calls", 7, model="large", at=NOON + timedelta(days=31))
    bill(MAR_2)
    assert rows() == [({"model": "large"}, 7, ""), ({"model": "large"}, 40, "")]


def test_a_run_for_an_earlier_day_resolves_nothing(contract: Contract) -> None:
    use("calls", 40, model="large")
    bill()
    bill(books.FEB - timedelta(days=3))
    assert rows() == [({"model": "large"}, 40, "")]


def test_a_price_taken_away_opens_it_again(ann: User, contract: Contract) -> None:
    use("calls", 40, model="large")
    bill()
    price(ann, contract, "small", "large")
    bill(MAR_2)
    price(ann, contract, "small", since=NEW_YEARS_EVE + timedelta(hours=12))
    bill(APR_2)
    row = UnpricedUsage.objects.get()
    assert (row.quantity, row.resolution, row.resolved_at, row.first_seen_at) == (40, "", None, FEB_2)


def test_a_price_from_the_middle_of_the_month_cuts_it_in_two(ann: User, contract: Contract) -> None:
    use("calls", 40, model="large")
    use("calls", 7, model="large", at=NOON + timedelta(days=10))
    bill()
    price(ann, contract, "small", "large", since=NOON + timedelta(days=5))
    assert billed(MAR_2) == [("calls", d("7"), d("0.70"))]
    assert rows() == [({"model": "large"}, 40, ""), ({"model": "large"}, 47, "regrouped")]


def test_long_values_are_kept_too(contract: Contract) -> None:
    use("calls", 40, model="x" * 10_000)
    bill()
    assert rows() == [({"model": "x" * 10_000}, 40, "")]


def test_the_number_of_queries_does_not_depend_on_what_has_no_price(contract: Contract) -> None:
    counted = []
    for models in (["a"], ["b", "c", "d"]):
        for model in models:
            use("calls", 1, model=model)
        bill()
        with CaptureQueriesContext(connection) as captured:
            assert bill() == []
        counted.append(len(captured))
    assert counted[0] == counted[1]


# ---------------------------------------------------------------- dismissed
def test_dismissed_it_stays_until_there_is_more(contract: Contract) -> None:
    use("calls", 40, model="large")
    bill()
    operations.dismiss_unpriced(UnpricedUsage.objects.get(), act=act("A test of theirs"))
    bill(MAR_2)
    assert rows() == [({"model": "large"}, 40, "dismissed")]
    use("calls", 1, model="large")
    bill(APR_2)
    assert rows() == [({"model": "large"}, 41, "")]


def test_what_is_resolved_is_not_dismissed(ann: User, contract: Contract) -> None:
    use("calls", 40, model="large")
    bill()
    price(ann, contract, "small", "large")
    bill(MAR_2)
    before = everything("invoicing", "governance")
    with pytest.raises(Refused, match="This usage is priced already"):
        operations.dismiss_unpriced(UnpricedUsage.objects.get(), act=act("Too late"))
    assert everything("invoicing", "governance") == before


# ---------------------------------------------------------------- in the admin
@pytest.fixture
def row(contract: Contract) -> UnpricedUsage:
    use("calls", 1234, model="large")
    bill()
    return UnpricedUsage.objects.get()


def press(client: Client, row: UnpricedUsage, verb: str, because: str = "Because") -> Any:
    address = reverse(f"admin:invoicing_unpricedusage_{verb}", args=[row.pk])
    with clock_set_to(MAR_2):
        return client.post(address, {"_form_submitted": "on", "because": because}, follow=False)


def test_finance_sees_what_has_no_price_and_where(signed_in: Any, cara: User, row: UnpricedUsage) -> None:
    client = signed_in(cara)
    text = client.get(reverse("admin:invoicing_unpricedusage_changelist")).content.decode()
    for said in ("Calls", "model: large", row.contract.number, "1,234 unit", "1 Jan 2026 to 31 Jan 2026", "Open"):
        assert said in text, said
    text = client.get(reverse("admin:invoicing_unpricedusage_change", args=[row.pk])).content.decode()
    assert "No cell of the price covers these values" in text
    assert reverse("admin:contracts_contract_change", args=[row.contract_id]) in text
    with clock_set_to(MAR_2):
        (card,) = [each for each in client.get("/admin/").context["figures"] if each["title"] == "Unpriced usage"]
    assert (card["figure"], card["link"]) == ("1", reverse("admin:invoicing_unpricedusage_changelist"))


def test_billed_again_it_is_done_when_it_has_a_price(signed_in: Any, ann: User, cara: User, row: UnpricedUsage) -> None:
    client = signed_in(cara)
    press(client, row, "bill_again")
    assert "still no price" in client.get("/admin/").content.decode()
    price(ann, row.contract, "small", "large")
    press(client, row, "bill_again")
    row.refresh_from_db()
    assert row.resolution == "priced"
    assert Invoice.objects.get().total == Decimal("123.40")


def test_dismissed_with_a_reason(signed_in: Any, cara: User, row: UnpricedUsage) -> None:
    press(signed_in(cara), row, "dismiss", "A test of theirs")
    row.refresh_from_db()
    assert (row.resolution, row.resolved_at) == ("dismissed", MAR_2)
    written = Change.objects.get(name="unpriced_usage.dismissed")
    assert (written.by, written.because) == (cara, "A test of theirs")


def test_those_who_price_see_it_and_cannot_decide(signed_in: Any, ann: User, row: UnpricedUsage) -> None:
    client, before = signed_in(ann), everything("invoicing")
    assert client.get(reverse("admin:invoicing_unpricedusage_change", args=[row.pk])).status_code == 200
    assert [press(client, row, verb).status_code for verb in ("bill_again", "dismiss")] == [403, 403]
    assert everything("invoicing") == before
