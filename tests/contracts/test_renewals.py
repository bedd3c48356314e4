"""Renewing: when it may be declined, what the next contract says to the cent, and that it happens once."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from contracts import operations, tasks
from contracts.models import Contract
from contracts.overrides import factors_of
from contracts.queries import terms_of
from contracts.renewals import ahead, due_renewals, last_day_to_decline, next_terms
from contracts.sentences import renewal_sentences
from contracts.terms import (
    AgreedCommit,
    AgreedInstalment,
    AgreedLine,
    AgreedPrice,
    RenewalRule,
    SignedTerms,
)
from governance.change import change
from governance.clock import clock_set_to
from governance.models import Change
from invoicing.models import InvoiceLine
from invoicing.operations import bill_due
from pricing.charges import Flat, Graduated, PerUnit, Tier
from pricing.money import ZERO
from pricing.overriding import Factor
from pricing.rating import rate
from tests import cast
from tests.chaos.world import at_once
from tests.refusals import refused

pytestmark = pytest.mark.django_db
ITSELF = RenewalRule("automatic", notice_days=30)
FIVE_MORE = replace(ITSELF, uplift_percent=Decimal(5))
NOTICE_OVER = datetime(2026, 12, 2, tzinfo=UTC)
ENDS = datetime(2027, 1, 1, tzinfo=UTC)
TIERS = Graduated((Tier(Decimal(10), Decimal("1.37")), Tier(None, Decimal("0.99"))))


@pytest.fixture
def terms() -> SignedTerms:
    """A year of seats at $30 and tokens by tiers, that renews itself unless declined by 1 December."""
    version = cast.publish({"seats": PerUnit(Decimal(30)), "input-tokens": TIERS, "setup": Flat(Decimal(500))})
    return SignedTerms(
        customer=cast.contoso(),
        legal_entity=cast.seller(),
        rate_card_version=version,
        currency="USD",
        start_on=date(2026, 1, 1),
        months=12,
        lines=[
            AgreedLine(cast.product("seats"), quantity=Decimal(10)),
            AgreedLine(cast.product("input-tokens"), minimum=Decimal("10.01"), discount_percent=Decimal(10)),
        ],
        signed_by="Dan",
        renewal=ITSELF,
    )


def signed(terms: SignedTerms, **fields: Any) -> Contract:
    return operations.sign_contract(replace(terms, **fields), act=cast.act("ben", "Agreed"))


def act(at: datetime = ENDS, because: str = "As agreed") -> Any:
    return cast.act("cara", because, at)


def renewed(contract: Contract, at: datetime = ENDS) -> Contract:
    return operations.renew_contract(contract, act=act(at))


def amounts(contract: Contract, used: Decimal = ZERO) -> list[Decimal]:
    """What the lines of its first month come to."""
    terms = [each.term for each in terms_of([contract])[contract.pk]]
    return [each.amount.amount for each in rate(terms, lambda *asked: used, contract.start_at + timedelta(days=31))]


# ---------------------------------------------------------------- what the next contract says
def test_the_next_contract_is_the_same_and_begins_where_the_other_ends(terms: SignedTerms) -> None:
    first = signed(terms, purchase_order="PO-1", opportunity_key="OPP-1")
    second = renewed(first)
    assert (second.start_at, second.end_at, second.renews) == (ENDS, datetime(2028, 1, 1, tzinfo=UTC), first)
    same = (
        "customer_id", "legal_entity_id", "rate_card_id", "pinned_version_id", "currency", "time_zone", "proration",
        "grace_hours", "payment_terms_days", "purchase_order", "signed_by", "renewal", "renewal_months", "notice_days",
        "uplift_percent", "renewal_prices",
    )  # fmt: skip
    assert {name: getattr(second, name) for name in same} == {name: getattr(first, name) for name in same}
    assert second.first_agreed_at == first.signed_at
    assert second.opportunity_key == "", "the opportunity was won by the first"
    assert amounts(second, Decimal(20)) == amounts(first, Decimal(20))


def test_terms_kept_are_those_of_the_contract_not_of_today(terms: SignedTerms) -> None:
    first = signed(terms)
    cara = cast.act("cara", "New policy")
    operations.update_legal_entity(first.legal_entity, key="quoin", payment_terms_days=14, grace_hours=1, act=cara)
    operations.update_customer(first.customer, key="contoso", time_zone="America/New_York", act=cara)
    second = renewed(Contract.objects.get(pk=first.pk))
    assert (second.payment_terms_days, second.grace_hours, second.time_zone) == (30, 24, "UTC")
    assert second.start_at == first.end_at


def test_an_uplift_is_exact_in_tiers_minimums_and_commits(terms: SignedTerms) -> None:
    parts = (AgreedInstalment(Decimal("18.01"), date(2026, 1, 1)), AgreedInstalment(Decimal("18.00"), date(2026, 7, 1)))
    commit = AgreedCommit("Prepaid usage", Decimal("40.01"), Decimal("36.01"), instalments=parts)
    first = signed(terms, renewal=FIVE_MORE, commits=[commit])
    second = renewed(first)
    # 10 × 30 × 1.05; (10 × 1.37 + 10 × 0.99) × 1.05 × 0.9 = 22.302
    assert amounts(second, Decimal(20)) == [Decimal("315.00"), Decimal("22.30"), Decimal("18.91")]
    assert amounts(second, Decimal(1))[1] == Decimal("10.51"), "10.01 × 1.05 = 10.5105"
    again = second.commits.get()
    assert (again.access_amount, again.price) == (Decimal("42.01"), Decimal("37.81"))
    assert [(each.amount, each.invoice_at) for each in again.instalments.order_by("number")] == [
        (Decimal("18.91"), ENDS),
        (Decimal("18.90"), datetime(2027, 7, 1, tzinfo=UTC)),
    ]
    third = renewed(second, second.end_at)
    assert third.lines.get(product__key="seats").price_factor == Decimal("1.1025")
    assert amounts(third)[0] == Decimal("330.75"), "10 × 30 × 1.05 × 1.05, not rounded in between"


def test_the_waterfall_shows_the_uplift_and_where_it_comes_from(terms: SignedTerms) -> None:
    second = renewed(signed(terms, renewal=FIVE_MORE))
    found = [each.term for each in terms_of([second])[second.pk]]
    (line, *_) = rate(found, lambda *asked: ZERO, second.start_at + timedelta(days=31))
    assert [(step.kind, step.amount, step.source) for step in line.waterfall] == [
        ("list", Decimal(300), "Standard USD v1"),
        ("override", Decimal(15), "Standard USD v1, 5 % more since renewed"),
    ]


def test_prices_of_the_contract_alone_rise_too_and_keep_their_rank(terms: SignedTerms) -> None:
    seats = cast.product("seats")
    prices = [AgreedPrice(seats, PerUnit(Decimal(20))), AgreedPrice(seats, multiplier=Decimal("0.5"), priority=1)]
    first = signed(terms, renewal=FIVE_MORE, overrides=prices)
    second = renewed(first)
    assert amounts(second)[0] == Decimal("210.00")
    kept = [
        (each.charge, each.multiplier, each.priority, each.agreed_at) for each in second.overrides.order_by("priority")
    ]
    assert kept == [
        (None, Decimal("0.5"), 1, cast.NOW),
        (PerUnit(Decimal(20)), None, 100, cast.NOW),
    ]


def test_prices_for_tags_and_by_tiers_are_kept_as_they_are(terms: SignedTerms) -> None:
    tiers = (Factor(Decimal(5), Decimal(1)), Factor(None, Decimal("0.9")))
    price = AgreedPrice(product_tags=("eu", "llm"), tiers=tiers)
    kept = renewed(signed(terms, renewal=FIVE_MORE, overrides=[price])).overrides.get()
    assert (kept.product, kept.product_tags, factors_of(kept.tiers)) == (None, ["eu", "llm"], tiers)


def test_the_rate_card_at_renewal_replaces_what_was_agreed(terms: SignedTerms) -> None:
    prices = [AgreedPrice(cast.product("seats"), PerUnit(Decimal(20)))]
    first = signed(terms, renewal=replace(ITSELF, prices="card"), overrides=prices)
    assert amounts(first)[0] == Decimal("200.00")
    later = cast.publish({"seats": PerUnit(Decimal(44))}, effective_from=datetime(2026, 11, 1, tzinfo=UTC))
    second = renewed(first)
    assert (second.pinned_version, second.overrides.count(), amounts(second)[0]) == (later, 0, Decimal("440.00"))


def test_a_ramp_goes_on_in_its_last_phase_and_what_is_sold_once_is_not_sold_again(terms: SignedTerms) -> None:
    seats, july = cast.product("seats"), date(2026, 7, 1)
    first = signed(
        terms,
        lines=[
            AgreedLine(cast.product("setup"), quantity=Decimal(1)),
            AgreedLine(seats, quantity=Decimal(5), label="Start", end_on=july),
            AgreedLine(seats, quantity=Decimal(25), label="Growth", start_on=july),
        ],
    )
    second = renewed(first)
    assert [(line.product.key, line.quantity, line.label) for line in second.lines.all()] == [("seats", 25, "")]


def test_the_next_term_may_have_another_length_and_keeps_the_anchor(terms: SignedTerms) -> None:
    rule = replace(ITSELF, months=3)
    first = signed(terms, start_on=date(2026, 1, 31), months=1, renewal=rule)
    second = renewed(first)
    assert (second.start_at, second.end_at) == (datetime(2026, 2, 28, tzinfo=UTC), datetime(2026, 5, 28, tzinfo=UTC))
    assert second.anchor_day == 31
    seats, _ = terms_of([second])[second.pk]
    assert [f"{billed.start:%m-%d}" for _, billed in seats.term.cycles(second.end_at)] == ["02-28", "03-31", "04-30"]


def test_every_word_that_is_signed_is_renewed(terms: SignedTerms) -> None:
    """Whoever adds a word to an agreement decides what a renewal does with it."""
    contract = signed(terms, commits=[AgreedCommit("Prepaid", Decimal(40), Decimal(36))])
    again = next_terms(contract)
    assert replace(again.lines[1], product=terms.lines[1].product) == terms.lines[1]
    given = replace(again, renews=None, legal_entity=terms.legal_entity, customer=terms.customer)
    assert (given.start_on, given.renewal) == (date(2027, 1, 1), terms.renewal)
    assert again.commits == [
        AgreedCommit(
            "Prepaid", Decimal(40), Decimal(36), instalments=(AgreedInstalment(Decimal("36.00"), date(2027, 1, 1)),)
        )
    ]


def test_billing_goes_on_without_a_gap(terms: SignedTerms) -> None:
    first = signed(terms, lines=[AgreedLine(cast.product("seats"), quantity=Decimal(10))])
    operations.renew_due(act=act(ENDS - timedelta(hours=1)))
    bill_due(through=datetime(2027, 2, 2, tzinfo=UTC), act=act(datetime(2027, 2, 2, tzinfo=UTC)))
    lines = InvoiceLine.objects.filter(kind="charge").order_by("period_start")
    periods = [(each.period_start, each.period_end) for each in lines]
    assert len(periods) == 13
    assert [end for _, end in periods[:-1]] == [start for start, _ in periods[1:]]
    assert first.renewed_by.count() == 1


# ---------------------------------------------------------------- declining
def test_it_can_be_declined_until_the_last_day_and_then_only_with_a_reason(terms: SignedTerms) -> None:
    contract = signed(terms)
    assert last_day_to_decline(contract) == date(2026, 12, 1)
    with refused("The last day to decline was 1 Dec 2026. Say why"):
        operations.decline_renewal(contract, by="Dan", act=act(NOTICE_OVER))
    with refused("Say who declined"):
        operations.decline_renewal(contract, by=" ", act=act(cast.NOW))
    late = operations.decline_renewal(
        contract, by="Dan", late_because="We lost their letter.", act=act(NOTICE_OVER, "Too dear.")
    )
    assert (late.declined_by, late.declined_because) == ("Dan", "Too dear. We lost their letter.")
    with refused("Dan declined to renew"):
        operations.decline_renewal(contract, by="Dan", act=act(cast.NOW))
    with refused("Dan declined to renew"):
        operations.renew_contract(contract, act=act())


def test_who_declines_in_time_needs_no_other_reason(terms: SignedTerms) -> None:
    contract = signed(terms)
    operations.decline_renewal(contract, by="Dan", act=act(NOTICE_OVER - timedelta(microseconds=1)))
    assert operations.renew_due(act=act()) == []
    assert Change.objects.get(name="contract.renewal_declined").because == "As agreed"


def test_a_decline_can_be_taken_back(terms: SignedTerms) -> None:
    contract = signed(terms)
    with refused("Nobody declined"):
        operations.reopen_renewal(contract, act=act())
    operations.decline_renewal(contract, by="Dan", act=act(cast.NOW))
    operations.reopen_renewal(contract, act=act(cast.NOW))
    assert len(operations.renew_due(act=act())) == 1
    with refused("was renewed by"):
        operations.decline_renewal(contract, by="Dan", act=act(cast.NOW))


def test_what_ends_has_no_renewal_to_decline(terms: SignedTerms) -> None:
    contract = signed(terms, renewal=RenewalRule())
    with refused("there is no renewal to decline"):
        operations.decline_renewal(contract, by="Dan", act=act(cast.NOW))


# ---------------------------------------------------------------- once
def test_a_contract_is_renewed_once(terms: SignedTerms) -> None:
    first = signed(terms)
    second = renewed(first)
    with refused(f"{first} was renewed by {second} already"):
        renewed(first)
    with refused(f"{first} was renewed by {second} already"):
        signed(terms, start_on=date(2027, 1, 1), renews=first)
    copy = Contract.objects.get(pk=second.pk)
    copy.pk, copy.number, copy._state.adding = uuid4(), "C-X", True
    with pytest.raises(DatabaseError, match="a_contract_is_renewed_once"), change("x.done", first, act()):
        copy.save()


def test_a_renewal_does_not_begin_before_the_other_ends(terms: SignedTerms) -> None:
    first = signed(terms)
    with refused(f"{first} lasts until 31 Dec 2026; what renews it begins after that"):
        signed(terms, start_on=date(2026, 12, 1), renews=first)


def test_what_was_ended_before_its_time_is_not_renewed(terms: SignedTerms) -> None:
    contract = signed(terms)
    operations.end_contract(contract, end_on=date(2026, 6, 1), act=act(cast.NOW))
    with refused("was ended before its time"):
        renewed(contract)
    assert operations.renew_due(act=act()) == []


@pytest.mark.parametrize(
    ("notice_days", "at", "is_due"),
    [
        (30, ENDS - timedelta(days=1, microseconds=1), False),
        (30, ENDS - timedelta(days=1), True),
        (0, ENDS - timedelta(microseconds=1), False),
        (0, ENDS, True),
        (30, ENDS + timedelta(days=300), True),
    ],
)
def test_it_is_renewed_a_day_ahead_but_never_while_it_can_be_declined(
    terms: SignedTerms, notice_days: int, at: datetime, is_due: bool
) -> None:
    contract = signed(terms, renewal=replace(ITSELF, notice_days=notice_days))
    found = operations.renew_due(act=act(at))
    assert [each.renews for each in found] == ([contract] if is_due else [])
    assert [each.start_at for each in found] == ([ENDS] if is_due else []), "however late it is done"
    assert operations.renew_due(act=act(at)) == []


@pytest.mark.parametrize("rule", [RenewalRule(), RenewalRule("manual")])
def test_nothing_else_renews_itself(terms: SignedTerms, rule: RenewalRule) -> None:
    contract = signed(terms, renewal=rule)
    assert operations.renew_due(act=act()) == []
    assert renewed(contract).renews == contract, "but people may renew it"


def test_what_cannot_be_renewed_says_why_stops_no_other_and_is_tried_again(terms: SignedTerms) -> None:
    parts = (AgreedInstalment(Decimal(36), date(2026, 12, 1)),)
    commit = AgreedCommit("Prepaid", Decimal(40), Decimal(36), instalments=parts)
    stuck = signed(terms, commits=[commit], renewal=replace(ITSELF, months=3))
    fine = signed(terms, customer=cast.customer("fabrikam"))
    assert [each.renews for each in operations.renew_due(act=act())] == [fine]
    stuck.refresh_from_db()
    assert stuck.renewal_problem == "The instalments of Prepaid are invoiced within the contract."
    assert operations.renew_due(act=act(ENDS + timedelta(days=1))) == []
    assert Change.objects.filter(name="contract.not_renewed").count() == 1, "said once"
    assert "could not be renewed: The instalments" in renewal_sentences(stuck)[-1]


@pytest.mark.django_db(transaction=True)
def test_eight_at_once_renew_once(terms: SignedTerms) -> None:
    first = signed(terms)
    found = at_once(8, lambda _: operations.renew_due(act=act()))
    assert sorted(len(each) for each in found) == [0] * 7 + [1]
    assert Contract.objects.filter(renews=first).count() == 1
    assert Contract.objects.get(pk=first.pk).renewal_problem == ""


def test_the_timetable_renews(terms: SignedTerms) -> None:
    contract = signed(terms)
    with clock_set_to(ENDS):
        tasks.renew_due()
        tasks.renew_due()
    assert contract.renewed_by.get().signed_at == ENDS


# ---------------------------------------------------------------- what is ahead
def test_what_is_ahead_is_told_by_its_last_day_with_what_it_comes_to_in_a_year(terms: SignedTerms) -> None:
    first = signed(terms, commits=[AgreedCommit("Prepaid", Decimal(40), Decimal(36))])
    signed(terms, renewal=RenewalRule())
    half = signed(terms, customer=cast.customer("fabrikam"), months=6, renewal=RenewalRule("manual"))
    declined = signed(terms, customer=cast.customer("third"))
    operations.decline_renewal(declined, by="Dan", act=act(cast.NOW))
    found = due_renewals(ahead(Contract.objects.all(), datetime(2026, 10, 1, tzinfo=UTC), 90))
    assert [(each.contract, each.decline_by, each.a_year) for each in found] == [
        # seats 300 a month, a minimum of 10.01, a commit of 36
        (first, date(2026, 12, 1), Decimal("3756.12"))
    ]
    found = due_renewals(ahead(Contract.objects.all(), datetime(2026, 6, 1, tzinfo=UTC), 30))
    assert [(each.contract, each.decline_by, each.a_year) for each in found] == [
        (half, date(2026, 6, 30), Decimal("3720.12"))
    ]


def test_the_list_takes_as_many_queries_for_three_as_for_one(terms: SignedTerms) -> None:
    counts = []
    for name in ("one", "two", "three"):
        signed(terms, customer=cast.customer(name))
        client = Client()
        client.force_login(cast.person("cara"))
        with (
            clock_set_to(NOTICE_OVER),
            CaptureQueriesContext(
                connection,
            ) as queries,
        ):
            page = client.get("/admin/contracts/contract/renewals/")
        assert page.status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[2]
    assert "$11,160.36" in page.content.decode(), "three times 3,720.12"


def test_a_renewal_is_told_in_sentences(terms: SignedTerms) -> None:
    assert renewal_sentences(signed(terms, renewal=FIVE_MORE)) == [
        "From 1 January 2027 it goes on for 12 months, unless it is declined by 1 December 2026.",
        "Then prices, minimums, and commits with what they give access to are 5\u00a0% more.",
    ]
    assert renewal_sentences(signed(terms, renewal=RenewalRule("manual", months=1, prices="card"))) == [
        "It ends on 31 December 2026, unless both agree by 31 December 2026 that it goes on for 1 month.",
        "Then the prices are those of the rate card on that day; discounts stay.",
    ]
    assert renewal_sentences(signed(terms, renewal=RenewalRule())) == ["It ends on 31 December 2026."]


# ---------------------------------------------------------------- by the API
def test_the_api_reads_and_decides_renewals(terms: SignedTerms) -> None:
    contract = signed(terms)
    client = Client(headers=cast.system_key("contracts:read", "contracts:write"))
    address = f"/api/v1/contracts/{contract.number}"
    assert client.get(address).json()["renewal"] == {
        "rule": "automatic", "months": None, "notice_days": 30, "uplift_percent": "0", "prices": "kept",
        "decline_by": "2026-12-01", "declined_at": None, "declined_by": "", "declined_because": "", "problem": "",
        "renews": None, "renewed_by": None,
    }  # fmt: skip

    def post(verb: str, **body: str) -> Any:
        return client.post(f"{address}/{verb}", body, content_type="application/json")

    with clock_set_to(NOTICE_OVER):
        listed = client.get("/api/v1/renewals?days=30").json()["results"]
        assert listed == [
            {
                "contract": contract.number, "customer": "contoso", "rule": "automatic", "decline_by": "2026-12-01",
                "end_on": "2026-12-31", "a_year": {"amount": "3720.12", "currency": "USD"}, "problem": "",
            }
        ]  # fmt: skip
        assert client.get("/api/v1/renewals?days=0").status_code == 400
        assert post("decline-renewal", by="Dan", because="Too dear").status_code == 409
        answer = post("decline-renewal", by="Dan", because="Too dear.", late_because="A favour.")
        assert answer.json()["renewal"]["declined_because"] == "Too dear. A favour."
        assert client.get("/api/v1/renewals").json()["results"] == []
        assert post("renew", because="Now").status_code == 409
        assert post("reopen-renewal", because="They want it after all").json()["renewal"]["declined_at"] is None
        number = post("renew", because="Now").json()["renewal"]["renewed_by"]
    assert Contract.objects.get(number=number).renews == contract


def test_a_contract_signed_elsewhere_brings_its_rule() -> None:
    cast.contoso()
    cast.seller()
    cast.standard_card()
    client = Client(headers=cast.system_key("contracts:write"))
    body = {
        "customer": "contoso", "legal_entity": "quoin", "rate_card": "standard-usd", "start_on": "2026-01-01",
        "months": 6, "signed_by": "Dan", "lines": [{"product": "platform-fee"}],
        "renewal": {"rule": "automatic", "months": 12, "notice_days": 60, "uplift_percent": "3.5"},
    }  # fmt: skip
    answer = client.post("/api/v1/contracts", body, content_type="application/json")
    assert answer.status_code == 201, answer.json()
    told = answer.json()["renewal"]
    assert (told["months"], told["uplift_percent"], told["decline_by"]) == (12, "3.5", "2026-05-01")
    later = {**body, "start_on": "2026-07-01", "renews": answer.json()["number"], "renewal": None}
    again = client.post("/api/v1/contracts", later, content_type="application/json").json()
    assert (again["renewal"]["renews"], again["renewal"]["rule"]) == (answer.json()["number"], "none")
    both = {**body, "renewal": {"rule": "manual", "prices": "card", "uplift_percent": "1"}}
    assert client.post("/api/v1/contracts", both, content_type="application/json").status_code == 409


# ---------------------------------------------------------------- in the admin
def test_the_buttons_decide(terms: SignedTerms) -> None:
    contract = signed(terms)
    client = Client()
    client.force_login(cast.person("cara"))
    page = f"/admin/contracts/contract/{contract.pk}"

    def press(button: str, **said: str) -> None:
        client.post(f"{page}/{button}/", {"because": "As agreed", "_form_submitted": "1", **said})

    with clock_set_to(cast.NOW):
        shown = client.get(f"{page}/change/").content.decode()
        assert "From 1 January 2027 it goes on for 12 months" in shown
        press("decline", by="Dan")
        assert "Dan declined to renew it: As agreed" in client.get(f"{page}/change/").content.decode()
        press("reopen")
        press("renew")
        assert f"It is renewed by {contract.renewed_by.get()}." in client.get(f"{page}/change/").content.decode()
