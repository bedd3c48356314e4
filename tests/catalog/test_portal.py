"""The public price page: what is in force, for anybody, as page, frame and JSON; nothing else of ours."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client

from catalog import operations
from catalog.models import Product, RateCard
from governance.clock import clock_set_to
from pricing.charges import Composite, Flat, Graduated, Matrix, Percent, PerUnit, Tier
from pricing.charges.restarts import Cell
from tests.catalog.cards import APRIL, DEARER, MARCH, MILLION, TIERED, TIERED_SENTENCE, agree, by

pytestmark = pytest.mark.django_db
PAGE = "/prices/standard-usd"


@pytest.fixture(autouse=True)
def in_march() -> Iterator[None]:
    with clock_set_to(MARCH):
        yield


@pytest.fixture
def public(card: RateCard, tokens: Product, fee: Product, ann: User, cara: User) -> RateCard:
    """Tokens in tiers and a monthly fee, public, since March; the internal note and the costs are nobody's business."""
    operations.update_rate_card(card, name="Our prices", is_public=True, act=by(ann))
    operations.set_cost(tokens, unit_cost=Decimal("0.77"), per=MILLION, currency="USD", since=MARCH, act=by(ann))
    publish(card, {tokens: TIERED, fee: Flat(Decimal(20))}, ann, cara)
    return card


def publish(card: RateCard, charges: dict, ann: User, cara: User, at: datetime = MARCH) -> None:
    draft = operations.draft_version(card, note="Secret plan", act=by(ann))
    for product, charge in charges.items():
        months = 0 if product.kind == "one_time" else 1
        operations.set_rate(draft, product, charge, cycle_months=months, act=by(ann))
    draft = operations.submit_version(draft, warnings_accepted="Fine", act=by(ann))
    agree(draft, cara)
    operations.publish_version(draft, effective_from=at, act=by(ann))


def text(client: Client, address: str = PAGE) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_anybody_reads_the_prices_in_force(client: Client, public: RateCard) -> None:
    page = text(client)
    for words in ("Our prices", "valid since 1 March 2026", "Input tokens", "First 10,000,000", "$2.50 per million",
                  "Above 10,000,000", "$20.00 a month", "tokens a month"):  # fmt: skip
        assert words in page
    assert '<svg class="curve"' in page
    assert "sessionid" not in client.cookies


def test_nothing_secret_is_on_it(client: Client, public: RateCard, tokens: Product, ann: User) -> None:
    draft = operations.draft_version(public, note="Secret draft", act=by(ann))
    operations.set_rate(draft, tokens, PerUnit(Decimal("9.99"), MILLION), act=by(ann))
    for answer in (client.get(PAGE), client.get(f"{PAGE}.json"), client.get(f"{PAGE}/estimate?q-input-tokens=1000")):
        told = answer.content.decode()
        assert [word for word in ("Secret", "0.77", "9.99", "New prices") if word in told] == []


def test_what_is_not_public_is_not_there(client: Client, public: RateCard, ann: User) -> None:
    addresses = (PAGE, f"{PAGE}?embed=1", f"{PAGE}.json", f"{PAGE}/estimate")
    assert {client.get(each).status_code for each in addresses} == {200}
    operations.update_rate_card(public, name="Ours", is_public=False, act=by(ann))
    assert {client.get(each).status_code for each in addresses} == {404}
    operations.create_rate_card(key="empty", name="Empty", currency="USD", is_public=True, act=by(ann))
    assert client.get("/prices/empty").status_code == client.get("/prices/nowhere.json").status_code == 404


def test_it_changes_at_the_effective_date_with_nothing_running(
    client: Client, public: RateCard, tokens: Product, fee: Product, ann: User, cara: User
) -> None:
    assert "From 1 April 2026" not in text(client)
    publish(public, {tokens: DEARER, fee: Flat(Decimal(25))}, ann, cara, at=APRIL)
    before = text(client)
    assert "From 1 April 2026" in before
    assert f"{TIERED_SENTENCE}</span> → $3.00 per million" in before
    assert "$20.00 a month</span> → $25.00 a month" in before
    found = client.get(f"{PAGE}.json").json()
    assert (found["valid_until"], found["prices"][0]["price"]) == ("2026-04-01T00:00:00Z", TIERED_SENTENCE)
    assert [(each["from"], [change["product"] for change in each["changes"]]) for each in found["announced"]] == [
        ("2026-04-01T00:00:00Z", ["input-tokens", "platform-fee"])
    ]
    with clock_set_to(APRIL):
        after = client.get(f"{PAGE}.json").json()
        assert (after["valid_since"], after["announced"]) == ("2026-04-01T00:00:00Z", [])
        assert [each["price"] for each in after["prices"]] == ["$3.00 per million", "$25.00 flat"]
        assert "$25.00 a month" in text(client)


def test_of_tiers_only_those_that_change_are_announced(
    client: Client, public: RateCard, tokens: Product, ann: User, cara: User
) -> None:
    cheaper = Graduated((Tier(10 * MILLION, Decimal("2.50")), Tier(None, Decimal("1.50"))), MILLION)
    publish(public, {tokens: cheaper}, ann, cara, at=APRIL)
    page = text(client)
    assert 'above 10,000,000: <span class="was">$2.00 per million</span> → $1.50 per million' in page
    assert "up to 10,000,000: <span" not in page


def test_caches_never_keep_it_beyond_the_next_change(
    client: Client, public: RateCard, tokens: Product, ann: User, cara: User
) -> None:
    assert client.get(PAGE).headers["Cache-Control"] == "public, max-age=300"
    publish(public, {tokens: DEARER}, ann, cara, at=APRIL)
    for address in (PAGE, f"{PAGE}.json", f"{PAGE}/estimate"):
        with clock_set_to(APRIL - timedelta(seconds=42)):
            assert client.get(address).headers["Cache-Control"] == "public, max-age=42"


@pytest.mark.parametrize("address", [PAGE, f"{PAGE}.json"])
def test_what_has_not_changed_is_not_sent_again(client: Client, public: RateCard, address: str) -> None:
    tag = client.get(address).headers["ETag"]
    again = client.get(address, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


def test_only_the_embedded_page_may_be_framed(client: Client, public: RateCard) -> None:
    plain, embedded = client.get(PAGE).headers, client.get(f"{PAGE}?embed=1").headers
    assert (plain["X-Frame-Options"], "frame-ancestors 'none'" in plain["Content-Security-Policy"]) == ("DENY", True)
    assert "X-Frame-Options" not in embedded
    assert "frame-ancestors *" in embedded["Content-Security-Policy"]
    assert "default-src 'self'" in embedded["Content-Security-Policy"]
    assert client.get("/q/nonsense/?embed=1").headers["X-Frame-Options"] == "DENY"


def test_embedded_it_is_without_head_and_as_the_page_around_it(client: Client, public: RateCard) -> None:
    page = text(client, f"{PAGE}?embed=1&theme=dark")
    assert '<header class="top">' not in page
    assert '<html lang="en" data-theme="dark">' in page
    assert "data-theme" not in text(client, f"{PAGE}?embed=1&theme=%22%3E%3Cscript%3E")


def test_programs_anywhere_may_read_it(client: Client, public: RateCard) -> None:
    answer = client.get(f"{PAGE}.json")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.json()["prices"][1] == {
        "product": "platform-fee",
        "name": "Platform fee",
        "description": "",
        "kind": "recurring",
        "unit": "month",
        "price": "$20.00 flat",
        "billed": "monthly, in arrears",
        "cycle_months": 1,
        "in_advance": False,
        "charge": {"kind": "flat", "amount": "20"},
    }


def test_a_delta_shows_its_bases_prices_too(
    client: Client, public: RateCard, fee: Product, tokens: Product, ann: User, cara: User
) -> None:
    eu = operations.create_rate_card(key="eu", name="Europe", currency="USD", base=public, is_public=True, act=by(ann))
    publish(eu, {fee: Flat(Decimal(22))}, ann, cara)
    publish(public, {tokens: DEARER}, ann, cara, at=APRIL)
    found = client.get("/prices/eu.json").json()
    assert [each["price"] for each in found["prices"]] == [TIERED_SENTENCE, "$22.00 flat"]
    assert found["valid_until"] == "2026-04-01T00:00:00Z"
    with clock_set_to(APRIL):
        assert client.get("/prices/eu.json").json()["prices"][0]["price"] == "$3.00 per million"


# ---------------------------------------------------------------- the estimator
def estimated(client: Client, query: str) -> dict:
    answer = client.get(f"{PAGE}/estimate?{query}")
    assert answer.status_code == 200
    return json.loads(answer.content)


def test_quantities_come_to_what_an_invoice_would_say(client: Client, public: RateCard) -> None:
    found = estimated(client, "q-input-tokens=25,000,000&q-platform-fee=1")
    assert found["monthly"] == {"amount": "75.00", "currency": "USD", "text": "$75.00"}
    assert [(line["product"], line["monthly"]["amount"]) for line in found["lines"]] == [
        ("input-tokens", "55.00"),
        ("platform-fee", "20.00"),
    ]
    assert found["lines"][0]["workings"] == [
        "10,000,000 at $2.50 per million",
        "15,000,000 at $2.00 per million",
    ]
    assert estimated(client, "")["lines"] == []


def test_shares_and_what_is_sold_once(
    client: Client, public: RateCard, fee: Product, tokens: Product, ann: User, cara: User
) -> None:
    support = operations.create_product(key="support", name="Support", kind="recurring", act=by(ann))
    setup = operations.create_product(key="setup", name="Setup", kind="one_time", act=by(ann))
    charges = {support: Composite(Percent(Decimal(10))), setup: Flat(Decimal(500))}
    publish(public, charges, ann, cara, at=MARCH + timedelta(hours=1))
    with clock_set_to(MARCH + timedelta(days=1)):
        found = estimated(client, "q-platform-fee=1&q-support=1")
        assert found["monthly"]["amount"] == "22.00"
        once = estimated(client, "q-setup=1")
        assert (once["monthly"]["amount"], once["once"]["amount"], once["has_once"]) == ("0.00", "500.00", True)


def test_without_a_script_the_page_works_it_out(client: Client, public: RateCard) -> None:
    page = text(client, f"{PAGE}?estimate=1&q-input-tokens=25000000")
    assert "<b data-monthly>$55.00</b>" in page
    assert 'name="q-input-tokens" value="25000000"' in page


@pytest.mark.parametrize("typed", ["abc", "-1", "1e9", "9" * 30, "1.000.000", "NaN"])
def test_what_is_no_quantity_is_told_at_its_field(client: Client, public: RateCard, typed: str) -> None:
    answer = client.get(f"{PAGE}/estimate", {"q-input-tokens": typed, "q-platform-fee": "1"})
    assert (answer.status_code, answer.json()) == (
        400,
        {"q-input-tokens": ["Please type a number, like 1,000 or 2.5."]},
    )
    page = client.get(PAGE, {"estimate": "1", "q-input-tokens": typed})
    assert (page.status_code, b'aria-invalid="true"' in page.content) == (400, True)
    assert page.headers["Cache-Control"] == "no-store"


def test_a_price_by_properties_is_shown_cell_by_cell(
    client: Client, public: RateCard, tokens: Product, ann: User, cara: User
) -> None:
    cells = (Cell(("large",), PerUnit(Decimal(3), MILLION)), Cell((None,), PerUnit(Decimal(1), MILLION)))
    publish(public, {tokens: Matrix(("model",), cells)}, ann, cara, at=MARCH + timedelta(hours=1))
    with clock_set_to(MARCH + timedelta(days=1)):
        page = text(client)
        assert '<th scope="row">large</th><td class="figure">$3.00 per million</td>' in page
        assert '<th scope="row">any model</th><td class="figure">$1.00 per million</td>' in page


def test_the_page_only_reads(client: Client, public: RateCard) -> None:
    assert {client.post(each).status_code for each in (PAGE, f"{PAGE}.json", f"{PAGE}/estimate")} == {405}
