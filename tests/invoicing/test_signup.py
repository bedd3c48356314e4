"""The public page of a package, and that what it makes is billed as a quote with the same terms is."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from contracts import operations as contracts
from contracts.models import Contract, Customer, SignUp
from contracts.operations.packages import Request
from contracts.package_queries import offer_of
from contracts.packages import PackagedLine
from contracts.terms import AgreedCommit
from governance.acts import Act
from governance.clock import clock_set_to
from invoicing import operations as invoicing
from invoicing.models import Invoice
from invoicing.signup import _estimate
from metering.operations import ingest
from metering.wire.events import Event
from pricing.money import ZERO
from tests import cast
from tests.invoicing.test_concurrency import at_once
from tests.refusals import everything

pytestmark = pytest.mark.django_db
TYPED = {
    "company": "Northwind Traders", "email": "ap@northwind.test", "country": "DE", "time_zone": "Europe/Berlin",
    "name": "Nora North", "consent": "on", "decision": "sign",
}  # fmt: skip
JANUARY = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _at_the_time_of_the_cast() -> Iterator[None]:
    with clock_set_to(cast.NOW):
        yield


def typed(version: Any, **fields: str) -> dict[str, str]:
    """The page's form as somebody fills it in who read this version."""
    stamp = offer_of(version, at=cast.NOW).stamp
    return TYPED | {"request_key": str(uuid4()), "stamp": stamp} | fields


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_the_page_says_what_it_holds_at_what_price_and_what_is_due_first() -> None:
    cast.package()
    said = text_of(Client().get("/signup/starter/"))
    for words in (
        "First 10,000,000 at $2.50 per million, then $2.00 per million",
        "10 % off",
        "Welcome credit: $5.00 of usage free",
        "The contract lasts 12 months.",
        "These prices are fixed for the whole term.",
        "Due from 15 Jan 2026, before taxes $20.00",
    ):
        assert words in said


def test_the_estimate_reckons_with_what_is_expected_and_writes_nothing() -> None:
    version = cast.package()
    before = everything("governance", "contracts", "invoicing")
    answer = Client().post(
        "/signup/starter/", typed(version, decision="estimate", name="", **{"u-input-tokens": "20,000,000"})
    )
    # 45 less a tenth is 40.50, and 20 for the platform, less the credit of 5
    assert (answer.status_code, "Due from 15 Jan 2026, before taxes $55.50" in text_of(answer)) == (200, True)
    assert "Please type your name" not in text_of(answer)
    assert everything("governance", "contracts", "invoicing") == before


def test_signing_makes_the_contract_and_says_so() -> None:
    version = cast.package()
    answer = Client().post("/signup/starter/", typed(version), follow=True)
    contract = Contract.objects.get()
    assert contract.number in text_of(answer)
    assert (contract.customer.name, contract.customer.country, contract.time_zone) == (
        "Northwind Traders",
        "DE",
        "Europe/Berlin",
    )
    assert contract.customer.key.startswith("northwind-traders-")
    assert SignUp.objects.get().from_ip == "127.0.0.1"


def test_a_form_sent_twice_makes_one_contract() -> None:
    form = typed(cast.package())
    first, second = (Client().post("/signup/starter/", form) for _ in range(2))
    assert (first.status_code, second.status_code) == (302, 302)
    assert Contract.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"company": ""}, "Please type the name of your company."),
        ({"email": "nobody"}, "Enter a valid email address."),
        ({"name": ""}, "Please type your name."),
        ({"consent": ""}, "Please confirm that you may sign for your company."),
        ({"u-input-tokens": "a lot"}, "Please type a number, like 1,000 or 2.5."),
        ({"u-input-tokens": "-1"}, "Please type at least 0."),
        ({"country": "ZZZ"}, "Select a valid choice."),
        ({"time_zone": "Mars/Olympus"}, "Select a valid choice."),
    ],
)
def test_what_is_wrong_is_said_next_to_the_field(fields: dict[str, str], words: str) -> None:
    version = cast.package()
    before = everything()
    answer = Client().post("/signup/starter/", typed(version, **fields))
    assert (answer.status_code, words in text_of(answer)) == (400, True)
    assert everything() == before


def test_terms_that_changed_since_they_were_read_are_read_again() -> None:
    form = typed(cast.package())
    cast.package(cast.starter(months=24))
    answer = Client().post("/signup/starter/", form)
    assert (answer.status_code, Contract.objects.count()) == (409, 0)
    assert "have changed meanwhile; please read them again" in text_of(answer)
    assert "The contract lasts 24 months." in text_of(answer)


def test_what_is_not_on_offer_is_not_found() -> None:
    package = cast.package().package
    assert Client().get("/signup/nothing/").status_code == 404
    contracts.update_package(package, is_open=False, act=cast.act("ann"))
    assert Client().get("/signup/starter/").status_code == 404


def test_the_form_wants_its_token() -> None:
    version = cast.package()
    assert Client(enforce_csrf_checks=True).post("/signup/starter/", typed(version)).status_code == 403


def test_one_address_signs_up_so_many_times_an_hour(settings: Any) -> None:
    settings.SIGN_UPS_AN_HOUR = 2
    version = cast.package()
    codes = [Client().post("/signup/starter/", typed(version)).status_code for _ in range(3)]
    assert (codes, Contract.objects.count(), Customer.objects.count()) == ([302, 302, 429], 2, 2)
    with clock_set_to(cast.NOW.replace(hour=11)):
        assert Client().post("/signup/starter/", typed(version)).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_the_same_request_eight_times_at_once_makes_one_contract() -> None:
    package = cast.package().package
    asked = Request("key shop", "order-1", {"key": "northwind", "name": "N", "email": "n@n.test"}, "Nora")
    answers = at_once(8, lambda _: contracts.sign_up(package, asked, act=cast.dans()))
    assert sorted(is_new for _, is_new in answers) == [False] * 7 + [True]
    assert {contract for contract, _ in answers} == {Contract.objects.get()}


@pytest.mark.django_db(transaction=True)
def test_eight_requests_for_one_new_customer_at_once_make_one_contract() -> None:
    """Each under a key of its own: the others would bill the usage twice."""
    package = cast.package().package
    customer = {"key": "northwind", "name": "N", "email": "n@n.test"}
    answers = at_once(
        8, lambda at: contracts.sign_up(package, Request("shop", str(at), customer, "Nora"), act=cast.dans())
    )
    refusals = [str(answer) for answer in answers if isinstance(answer, Exception)]
    assert (len(refusals), len({text[:20] for text in refusals})) == (7, 1)
    assert (Contract.objects.count(), Customer.objects.count()) == (1, 1)


# ---------------------------------------------------------------- the money
def use(customer: str, day: datetime, tokens: int) -> None:
    used = {"ContextTokens": tokens, "GeneratedTokens": tokens // 5}
    ingest([Event(f"{customer}-{day:%m-%d}", "llm.request", day, customer, used)], source="gateway", at=day)


def billed(contract: Contract, *through: datetime) -> list[Any]:
    for day in through:
        invoicing.bill_due(through=day, act=Act.of_system("timetable", "Billing day", day))
    return [
        (invoice.kind, invoice.total, [(line.product_key, line.quantity, line.amount) for line in invoice.lines.all()])
        for invoice in Invoice.objects.filter(contract=contract).order_by("closes_at", "kind")
    ]


def test_a_package_is_billed_to_the_cent_like_a_quote_with_the_same_terms() -> None:
    quoted = cast.signed_contract(discount="15", commit=("40", "36"))
    lines = [
        PackagedLine(cast.product("input-tokens"), discount_percent=Decimal(15)),
        PackagedLine(cast.product("output-tokens"), discount_percent=Decimal(15)),
        PackagedLine(cast.product("platform-fee")),
    ]
    bought = [AgreedCommit("Prepaid usage", Decimal(40), Decimal(36))]
    version = cast.package(cast.starter(lines=lines, commits=bought))
    asked = Request("shop", "1", {"key": "northwind", "name": "N", "email": "n@n.test"}, "N", start_on=cast.START_ON)
    packaged, _ = contracts.sign_up(version.package, asked, act=cast.dans())
    for month in (1, 2, 3):
        for customer in ("contoso", "northwind"):
            use(customer, JANUARY.replace(month=month, day=15), 20_000_000)
    days = [JANUARY.replace(month=month, day=3) for month in (2, 3, 4)]
    said, other = billed(quoted, *days), billed(packaged)
    assert said == other
    assert [total for _, total, _ in said] == [Decimal("36"), Decimal("52.25"), Decimal("92.25"), Decimal("92.25")]


@pytest.mark.parametrize("trial_days", [0, 14])
@pytest.mark.parametrize("bought", [ZERO, Decimal(36)])
def test_the_estimate_is_the_first_invoice(trial_days: int, bought: Decimal) -> None:
    """To the cent, for whoever uses it as evenly as they said."""
    terms = cast.starter(commits=[AgreedCommit("Prepaid", Decimal(40), bought)], trial_days=trial_days)
    version = cast.package(terms)
    asked = Request("shop", "1", {"key": "northwind", "name": "N", "email": "n@n.test"}, "N")
    contract, _ = contracts.sign_up(version.package, asked, act=cast.dans())
    for day in range(31):  # from 15 December to 14 January
        at = cast.NOW.replace(hour=12) + (JANUARY.replace(day=2) - JANUARY) * day
        used = {"ContextTokens": 1_000_000, "GeneratedTokens": 0}
        ingest([Event(f"{day}", "llm.request", at, "northwind", used)], source="x", at=at)
    found = _estimate(offer_of(version, at=cast.NOW), {}, {"input-tokens": Decimal(31_000_000)}, cast.NOW)
    assert found is not None
    invoices = billed(contract, found.due_at + timedelta(days=2))  # when its grace is over
    assert found.total == sum(total for _, total, _ in invoices)
    estimated = [(line.product_key, line.quantity, line.amount) for parts in found.parts for line in parts.lines]
    assert sorted(estimated) == sorted(line for _, _, lines in invoices for line in lines)
