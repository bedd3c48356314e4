"""What a product manager does to prices, and what that does to contracts, drafts and history: the whole way down."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from catalog import operations as catalog
from catalog.models import Product, RateCard, RateCardVersion
from catalog.prices import price_list, rate_at
from catalog.selection import select_card
from contracts.models import Contract
from contracts.operations import sign_contract
from contracts.queries import attributes_of
from contracts.terms import AgreedLine, AgreedPrice, SignedTerms
from governance.acts import Refused
from governance.clock import clock_set_to
from invoicing import operations as invoicing
from invoicing.models import Invoice
from metering.operations import ingest
from metering.wire.events import Event
from pricing.charges import Charge, Flat, PerUnit
from quoting.queries import newer_prices
from tests import cast
from tests.cast import MILLION, NOW, act

Reach = RateCardVersion.Reach
JAN, FEB, MAR = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3))
MIDDAY = datetime(2026, 1, 16, 12, tzinfo=UTC)


def following(key: str, *, card: RateCardVersion | None = None, override: str = "", **fields: Any) -> Contract:
    """A contract of January's that follows the standard card: input tokens and the fee."""
    version = card or cast.standard_card()
    tokens, fee = cast.product("input-tokens"), cast.product("platform-fee")
    terms = SignedTerms(
        customer=cast.customer(key),
        legal_entity=cast.seller(),
        rate_card_version=version,
        currency=version.card.currency,
        start_on=fields.pop("start_on", date(2026, 1, 1)),
        months=fields.pop("months", 12),
        lines=[AgreedLine(tokens), AgreedLine(fee)],
        signed_by="Dan",
        follows_card=True,
        overrides=[AgreedPrice(tokens, charge=PerUnit(Decimal(override), MILLION))] if override else [],
        **fields,
    )
    return sign_contract(terms, act=act(at=fields.get("at", NOW)))


def use(key: str, millions: int, day: datetime) -> None:
    tokens = {"ContextTokens": millions * 1_000_000, "GeneratedTokens": 0}
    event = Event(f"{key}-{day}", "llm.request", day, key, tokens)
    (verdict,) = ingest([event], source="gateway", at=day)
    assert verdict.outcome == "accepted"


def publish(
    charges: dict[str, Charge],
    *,
    effective_from: datetime,
    at: datetime = NOW,
    card: RateCard | None = None,
    **plan: Any,
) -> RateCardVersion:
    """A next version, reviewed and agreed, with these prices and this reach."""
    cast.policies()
    draft = catalog.draft_version(card or cast.card(), act=act("ann", "Spring prices", at))
    if plan:
        draft = catalog.plan_version(draft, **plan, act=act("ann", "Who gets it", at))
    for key, charge in charges.items():
        catalog.set_rate(draft, cast.product(key), charge, act=act("ann", "Spring prices", at))
    draft = catalog.submit_version(draft, warnings_accepted="Meant", act=act("ann", "Please check", at))
    cast.approve_all(draft, "cara", at)
    return catalog.publish_version(draft, effective_from=effective_from, act=act("ann", "Agreed", at))


def drafted(contract: Contract, through: datetime = FEB) -> list[tuple[str, datetime, datetime, Decimal]]:
    """The charges of a contract's draft, by product and period."""
    invoicing.bill_contracts([contract.pk], through=through, act=act(at=through))
    draft = Invoice.objects.get(contract=contract, status="draft")
    return [(line.product_key, line.period_start, line.period_end, line.amount) for line in draft.lines.all()]


def tokens_of(contract: Contract, through: datetime = FEB) -> list[Decimal]:
    return [amount for product, *_, amount in drafted(contract, through) if product == "input-tokens"]


@pytest.mark.django_db
def test_a_new_price_reaches_drafts_at_its_instant_and_leaves_overrides_alone() -> None:
    one, two = following("one"), following("two")
    overridden = following("three", override="1.00")
    for key in ("one", "two", "three"):
        use(key, 4, JAN + timedelta(days=1))
        use(key, 4, MIDDAY + timedelta(days=1))
    publish({"input-tokens": PerUnit(Decimal("5.00"), MILLION)}, effective_from=MIDDAY, at=JAN)
    for contract in (one, two):
        first, second = (line for line in drafted(contract) if line[0] == "input-tokens")
        assert first == ("input-tokens", JAN, MIDDAY, Decimal("10.00"))
        assert second == ("input-tokens", MIDDAY, FEB, Decimal("20.00"))
    assert sum(tokens_of(overridden)) == Decimal("8.00")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("reach", "dearer", "cheaper"),
    [
        (Reach.NEW_ONLY, "10.00", "10.00"),
        (Reach.AT_RENEWAL, "10.00", "10.00"),
        (Reach.FROM_DATE, "20.00", "4.00"),
        (Reach.WHERE_CHEAPER, "10.00", "4.00"),
    ],
)
def test_existing_contracts_pay_as_the_reach_of_a_version_says(reach: str, dearer: str, cheaper: str) -> None:
    dear = following("dear")
    use("dear", 4, JAN + timedelta(days=20))
    publish({"input-tokens": PerUnit(Decimal("5.00"), MILLION)}, effective_from=JAN, reach=reach)
    assert tokens_of(dear) == [Decimal(dearer)]
    publish({"input-tokens": PerUnit(Decimal("1.00"), MILLION)}, effective_from=JAN + timedelta(seconds=1), reach=reach)
    assert sum(tokens_of(dear)) == Decimal(cheaper)


@pytest.mark.django_db
def test_a_renewal_keeps_old_prices_from_new_customers_only() -> None:
    first = following("loyal", months=1)
    renewals: dict[str, Decimal] = {}
    for reach in (Reach.NEW_ONLY, Reach.AT_RENEWAL):
        with transaction.atomic():
            publish({"input-tokens": PerUnit(Decimal("5.00"), MILLION)}, effective_from=JAN, reach=reach)
            renewed = following("loyal", start_on=date(2026, 2, 1), renews=first)
            use("loyal", 4, FEB + timedelta(days=2))
            renewals[reach] = tokens_of(renewed, MAR)[0]
            transaction.set_rollback(True)
    assert renewals == {Reach.NEW_ONLY: Decimal("10.00"), Reach.AT_RENEWAL: Decimal("20.00")}


@pytest.mark.django_db
def test_a_wrong_price_is_rolled_back_in_one_step_while_somebody_is_drafting() -> None:
    contract = following("one")
    before = cast.standard_card()
    use("one", 4, JAN + timedelta(days=1))
    publish({"input-tokens": PerUnit(Decimal("500.00"), MILLION)}, effective_from=JAN)
    assert tokens_of(contract) == [Decimal("2000.00")]
    catalog.draft_version(cast.card(), act=act("ann", "Working on summer prices", JAN))
    restored = catalog.roll_back(cast.card(), to=before, act=act("ann", "A slip of the pen", JAN + timedelta(hours=1)))
    assert (restored.restores, restored.effective_from) == (before, JAN + timedelta(hours=1))
    assert tokens_of(contract) == [Decimal("10.00")], "nothing was used in its hour"
    assert [row.sentence for row in price_list(restored, at=JAN)] == [
        row.sentence for row in price_list(before, at=JAN)
    ]


@pytest.mark.django_db
def test_prices_go_back_only_to_what_is_still_open() -> None:
    contract = following("one")
    use("one", 4, JAN + timedelta(days=1))
    drafted(contract)
    price = {"input-tokens": PerUnit(Decimal("5.00"), MILLION)}
    publish(price, effective_from=JAN, at=FEB)
    assert tokens_of(contract) == [Decimal("20.00")], "a draft is still open"
    invoicing.bill_due(through=FEB + timedelta(days=2), act=act(at=FEB + timedelta(days=2)))
    assert Invoice.objects.get(contract=contract).status == "finalized"
    with pytest.raises(Refused, match="prices may go back only to what is still open"), transaction.atomic():
        publish(price, effective_from=JAN + timedelta(days=5), at=FEB + timedelta(days=3))
    assert publish(price, effective_from=FEB, at=FEB + timedelta(days=3)).number == 3


@pytest.mark.django_db
def test_a_regional_card_stores_what_differs_and_the_base_flows_through() -> None:
    base = cast.standard_card().card
    europe = catalog.create_rate_card(
        key="europe", name="Europe resellers", currency="USD", base=base, region="EU", act=act("ann")
    )
    for name, conditions in (("EU resellers", {"region": ["EU"], "channel": ["reseller"]}), ("Everybody", {})):
        card = europe if conditions else base
        catalog.create_rule(name=name, card=card, conditions=conditions, act=act("ann"))
    version = publish(
        {"platform-fee": Flat(Decimal("15.00"))}, effective_from=NOW, card=europe, base_factor=Decimal("0.9")
    )
    assert version.rates.count() == 1
    buyer = cast.customer("rhein", region="eu", channel="Reseller")
    chosen = select_card(attributes_of(buyer))
    assert chosen.card == europe
    assert chosen.steps == (
        "1. EU resellers: yes, region is EU and channel is reseller; the card is Europe resellers.",
    )
    other = select_card(attributes_of(cast.contoso()))
    assert other.card == base
    assert other.steps[0] == "1. EU resellers: no, region is not known, not EU."

    contract = following("rhein", card=version)
    use("rhein", 4, JAN + timedelta(days=1))
    use("rhein", 4, MIDDAY + timedelta(days=1))
    publish(
        {"input-tokens": PerUnit(Decimal("5.00"), MILLION), "platform-fee": Flat(Decimal(99))}, effective_from=MIDDAY
    )
    assert [(product, amount) for product, *_, amount in drafted(contract)] == [
        ("input-tokens", Decimal("9.00")),
        ("platform-fee", Decimal("15.00")),
        ("input-tokens", Decimal("18.00")),
    ]


@pytest.mark.django_db
def test_a_quote_on_a_regional_card_is_the_contract_even_after_the_base_changed() -> None:
    base = cast.standard_card().card
    europe = catalog.create_rate_card(key="europe", name="Europe", currency="USD", base=base, act=act("ann"))
    publish({"platform-fee": Flat(Decimal("15.00"))}, effective_from=NOW, card=europe)
    catalog.create_rule(name="Everybody", card=europe, conditions={}, act=act("ann"))
    contract = cast.signed_contract(discount="0", commit=None, rate_card=None)
    assert (contract.pinned_version.card, contract.pinned_base.card) == (europe, base)  # type: ignore[union-attr]
    publish({"input-tokens": PerUnit(Decimal("9.00"), MILLION)}, effective_from=JAN)
    use("contoso", 4, JAN + timedelta(days=1))
    assert tokens_of(contract) == [Decimal("10.00")], "pinned with the offer"


@pytest.mark.django_db
def test_as_of_any_instant_the_rate_names_its_author_and_reason() -> None:
    cast.standard_card()
    publish({"input-tokens": PerUnit(Decimal("5.00"), MILLION)}, effective_from=JAN, at=NOW + timedelta(hours=1))
    tokens = cast.product("input-tokens")
    old, new = (rate_at(cast.card(), tokens, at) for at in (JAN - timedelta(microseconds=1), JAN))
    assert old is not None
    assert new is not None
    assert old.row.sentence == "First 10,000,000 at $2.50 per million, then $2.00 per million"
    assert (new.row.sentence, new.version.number) == ("$5.00 per million", 2)
    assert new.published is not None
    assert (new.published.by_name, new.published.because) == ("Ann Price", "Agreed")
    assert rate_at(cast.card(), tokens, NOW - timedelta(days=1)) is None


@pytest.mark.django_db
def test_nobody_publishes_alone_and_a_key_cannot_either(client: Client) -> None:
    cast.standard_card()
    draft = catalog.draft_version(cast.card(), act=act("ann"))
    catalog.set_rate(draft, cast.product("platform-fee"), Flat(Decimal(30)), act=act("ann"))
    draft = catalog.submit_version(draft, warnings_accepted="Meant", act=act("ann"))
    with pytest.raises(Refused, match="This needs approval first: finance"):
        catalog.publish_version(draft, act=act("ann"))
    answer = client.post(
        "/api/v1/rate-cards/standard-usd/draft/publish",
        {"effective_from": "2027-01-01T00:00:00Z", "because": "Now"},
        "application/json",
        headers=cast.system_key("catalog:write"),
    )
    assert answer.status_code == 409
    assert "needs approval" in answer.json()["detail"]
    draft.refresh_from_db()
    assert draft.status == "in_review"


@pytest.mark.django_db
def test_a_version_that_may_publishes_itself_once_it_is_agreed() -> None:
    cast.standard_card()
    draft = catalog.draft_version(cast.card(), act=act("ann"))
    catalog.plan_version(draft, planned_from=JAN, publish_when_approved=True, act=act("ann"))
    catalog.set_rate(draft, cast.product("platform-fee"), Flat(Decimal(30)), act=act("ann"))
    draft = catalog.submit_version(draft, warnings_accepted="Meant", act=act("ann"))
    assert draft.status == "in_review"
    cast.approve_all(draft, "cara")
    draft.refresh_from_db()
    assert (draft.status, draft.number, draft.effective_from) == ("published", 2, JAN)


@pytest.mark.django_db
def test_what_is_in_use_is_not_deleted_and_its_uses_are_named() -> None:
    following("one")
    tokens = cast.product("input-tokens")
    with pytest.raises(Refused, match="Input tokens is in use: Standard USD v1"):
        catalog.delete_product(tokens, act=act("ann"))
    feature = catalog.create_feature(key="sso", name="Single sign-on", act=act("ann"))
    catalog.grant_feature(tokens, feature, act=act("ann"))
    with pytest.raises(Refused, match="Single sign-on is granted by Input tokens; revoke it there first"):
        catalog.delete_feature(feature, act=act("ann"))
    catalog.revoke_feature(tokens, feature, act=act("ann"))
    catalog.delete_feature(feature, act=act("ann"))
    assert Product.objects.filter(pk=tokens.pk).exists()


@pytest.mark.django_db
def test_an_open_offer_says_that_the_list_has_changed_and_a_draft_can_take_it(client: Client) -> None:
    version = cast.quote_for_contoso(discount="0")
    assert newer_prices(version, NOW) is None
    second = publish({"input-tokens": PerUnit(Decimal("5.00"), MILLION)}, effective_from=NOW + timedelta(seconds=1))
    assert newer_prices(version, NOW) is None, "not yet in force"
    assert newer_prices(version, JAN) == second
    client.force_login(cast.person("ben"), backend="django.contrib.auth.backends.ModelBackend")
    page = f"/admin/quoting/quote/{version.quote_id}"
    with clock_set_to(NOW + timedelta(hours=1)):
        assert "The list has changed" in client.get(f"{page}/change/").content.decode()
        client.post(f"{page}/prices/")
        version.refresh_from_db()
        assert version.rate_card_version == second
        assert "The list has changed" not in client.get(f"{page}/change/").content.decode()
