"""The customer's account page: with the link one sees what they have with us, without it nothing."""

import pytest
from django.core import signing
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog import operations as catalog
from contracts.account import link_to, token_of
from contracts.models import Customer, UsageCap
from governance.clock import clock_set_to
from governance.models import Change
from invoicing.links import token_of as token_of_invoice
from tests import cast
from tests.books import BILLING_DAY, billed_january, use

pytestmark = pytest.mark.django_db


def page_of(client: Client, customer: Customer) -> str:
    with clock_set_to(BILLING_DAY):
        answer = client.get(link_to(customer).removeprefix("http://testserver"))
    assert (answer.status_code, answer["Referrer-Policy"]) == (200, "no-referrer")
    assert (answer["Cache-Control"], answer["X-Robots-Tag"]) == ("private, no-store", "noindex")
    return str(answer.content.decode())


def test_the_page_shows_all_they_have_with_us(client: Client) -> None:
    purchase, month = billed_january()
    use("february", 3_000_000, 0, BILLING_DAY.replace(hour=1))
    page = page_of(client, cast.contoso())
    for said in (
        "<h1>Contoso Ltd</h1>", "Quoin Inc.", month.contract.number, "Prepaid usage", "$0.00</strong> left",
        "3,000,000 tokens", "1 – 2 Feb 2026", "INV-000001", "INV-000002", "$52.25", "due 4 Mar 2026",
    ):  # fmt: skip
        assert said in page, said
    assert token_of_invoice(purchase) in page
    assert "<script" not in page
    assert "style=" not in page


def test_who_has_nothing_yet_is_told_so(client: Client) -> None:
    assert "There is nothing here yet" in page_of(client, cast.contoso())


def test_it_shows_nothing_of_another_customer(client: Client) -> None:
    billed_january()
    page = page_of(client, cast.customer("fabrikam"))
    assert "There is nothing here yet" in page
    assert "INV-" not in page


def test_a_forged_link_shows_nothing(client: Client) -> None:
    customer = cast.contoso()
    pk = str(customer.pk)
    for token in (pk, signing.dumps(pk), signing.dumps(pk, salt="invoicing.portal"), token_of(customer)[:-1] + "x"):
        answer = client.get(f"/a/{token}/")
        assert answer.status_code == 404
        assert "Contoso" not in answer.content.decode()


def test_nothing_is_posted_there(client: Client) -> None:
    assert client.post(f"/a/{token_of(cast.contoso())}/").status_code == 405


def test_the_page_takes_as_many_queries_for_three_contracts_as_for_one(client: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            page_of(client, cast.contoso())
        return len(caught)

    billed_january()
    one = queries()
    cast.signed_contract(commit=("80", "72"))
    cast.signed_contract(commit=None)
    assert queries() == one


# ---------------------------------------------------------------- the customer's own cap
def cap(client: Client, customer: Customer, **typed: str) -> str:
    with clock_set_to(BILLING_DAY):
        return str(client.post(f"/a/{token_of(customer)}/cap", typed, follow=True).content.decode())


def test_a_customer_sets_a_cap_and_takes_it_back(client: Client) -> None:
    billed_january()
    contoso = cast.contoso()
    assert "told at $20.00, refused at $50.00" in cap(client, contoso, soft_limit="20", hard_limit="50.00")
    row = UsageCap.objects.get()
    assert (row.customer, row.product, row.soft_limit, row.hard_limit) == (contoso, None, 20, 50)
    assert Change.objects.get(name="usage_cap.set").by_name == "Contoso Ltd"
    assert "refused at" not in cap(client, contoso, soft_limit="", hard_limit="")
    assert not UsageCap.objects.exists()


def test_a_browser_that_sends_no_origin_can_post() -> None:
    billed_january()
    strict = Client(enforce_csrf_checks=True, headers={"Origin": "null"})
    assert "refused at $5.00" in cap(strict, cast.contoso(), hard_limit="5")


def test_what_is_no_cap_is_said_next_to_the_field(client: Client) -> None:
    billed_january()
    contoso = cast.contoso()
    page = cap(client, contoso, soft_limit="lots", hard_limit="5")
    assert '<p class="error" id="soft_limit_error">Write an amount in plain digits, like 250.00.</p>' in page
    assert 'value="lots"' in page
    assert "The hard limit is not below the soft one." in cap(client, contoso, soft_limit="9", hard_limit="5")
    assert not UsageCap.objects.exists()


def test_the_page_says_what_they_may_use(client: Client) -> None:
    billed_january()
    catalog.grant_feature(
        cast.product("input-tokens"),
        catalog.create_feature(
            key="tokens", name="Included", kind="metered", meter=cast.meter("input-tokens", ""), act=cast.act("ann")
        ),
        value="5000000",
        act=cast.act("ann"),
    )
    use("february", 3_000_000, 0, BILLING_DAY.replace(hour=1))
    page = page_of(client, cast.contoso())
    for said in ("<td>Included</td>", "5,000,000 a billing cycle", '<td class="figure">2,000,000</td>', "1 Mar 2026"):
        assert said in page, said


def test_nobody_sets_a_cap_without_the_link(client: Client) -> None:
    assert client.post("/a/forged/cap", {"hard_limit": "5"}).status_code == 404
    assert client.get(f"/a/{token_of(cast.contoso())}/cap").status_code == 405
    assert not UsageCap.objects.exists()
