"""The journey's seller, customer, prices and contract, and the days on which things happen to them."""

import itertools
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User

from catalog import operations as catalog
from catalog.models import Product, RateCardVersion
from contracts import operations as contracts
from contracts.models import Commit, Contract, Customer, LegalEntity
from contracts.terms import AgreedCommit, AgreedLine, SignedTerms
from governance.acts import Act
from invoicing import operations
from invoicing.models import Invoice
from metering import operations as metering
from metering.meters.defining import define_meter
from metering.wire.events import Event
from pricing.charges import Flat, Graduated, PerUnit, Tier

JAN, FEB, MAR, APR = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3, 4))
FEB_2, MAR_2 = datetime(2026, 2, 2, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
MILLION = Decimal(1_000_000)
_numbers = itertools.count(1)


def act(because: str = "Billing day", at: datetime = FEB_2, by: User | None = None) -> Act:
    return Act.of_user(by, because, at) if by else Act.of_system("timetable", because, at)


def seller(key: str = "quoin", **fields: Any) -> LegalEntity:
    given = {
        "name": "Quoin GmbH",
        "address": "Torstraße 1\n10119 Berlin",
        "country": "DE",
        "tax_number": "DE123456789",
        "email": "billing@quoin.example",
        "bank_details": "Example Bank\nIBAN DE02 1203 0000 0000 2020 51\nBIC BYLADEM1001",
    }
    return contracts.create_legal_entity(key=key, act=act(at=JAN), **(given | fields))


def customer(key: str = "contoso", **fields: Any) -> Customer:
    given = {
        "name": "Contoso Ltd",
        "email": "dan@contoso.example",
        "billing_address": "1 Main Street\nSpringfield",
        "country": "US",
    }
    return contracts.create_customer(key=key, act=act(at=JAN), **(given | fields))


def products() -> dict[str, Product]:
    made = {}
    for key, name in (("input-tokens", "Input tokens"), ("output-tokens", "Output tokens")):
        meter = define_meter(key=key, name=name, event_type="llm", aggregation="sum", property=key, act=act(at=JAN))
        made[key] = catalog.create_product(
            key=key, name=name, kind="usage", meter=meter, unit="token", revenue_account="4000", act=act(at=JAN)
        )
    made["platform-fee"] = catalog.create_product(
        key="platform-fee", name="Platform fee", kind="recurring", unit="month", revenue_account="4100", act=act(at=JAN)
    )
    return made


def standard_card(ann: User, *, fee_in_advance: bool = False) -> RateCardVersion:
    """Published from January: the prices of the journey."""
    by_ann = act("New prices", JAN, ann)
    sold = products()
    card = catalog.create_rate_card(key="standard-usd", name="Standard USD", currency="USD", act=by_ann)
    draft = catalog.draft_version(card, act=by_ann)
    tiers = (Tier(MILLION * 10, Decimal("2.50")), Tier(None, Decimal("2.00")))
    catalog.set_rate(draft, sold["input-tokens"], Graduated(tiers, MILLION), act=by_ann)
    catalog.set_rate(draft, sold["output-tokens"], PerUnit(Decimal("10.00"), MILLION), act=by_ann)
    catalog.set_rate(draft, sold["platform-fee"], Flat(Decimal(20)), in_advance=fee_in_advance, act=by_ann)
    submitted = catalog.submit_version(draft, warnings_accepted="Meant so", act=by_ann)
    return catalog.publish_version(submitted, effective_from=JAN, act=by_ann)


def dearer_fee(ann: User, version: RateCardVersion, fee: str, effective_from: datetime) -> RateCardVersion:
    """The next version of the card, scheduled: another platform fee, all else as it is."""
    by_ann = act("Dearer", JAN, ann)
    draft = catalog.draft_version(version.card, act=by_ann)
    rate = draft.rates.get(product__key="platform-fee")
    catalog.set_rate(draft, rate.product, Flat(Decimal(fee)), in_advance=rate.in_advance, act=by_ann)
    return catalog.publish_version(
        catalog.submit_version(draft, warnings_accepted="Meant so", act=by_ann),
        effective_from=effective_from,
        act=by_ann,
    )


def sign(
    version: RateCardVersion,
    buyer: Customer,
    legal_entity: LegalEntity,
    *,
    commit: bool = True,
    months: int = 12,
    follows: bool = False,
    payer: Customer | None = None,
    commits: Sequence[AgreedCommit] = (),
) -> Contract:
    """The journey's deal: 15 % off usage, the fee, and access to $40 of usage for $36, or other commits."""
    rates = version.rates.select_related("product").order_by("product__key")
    by_key = {rate.product.key: rate.product for rate in rates}
    off = Decimal(15)
    terms = SignedTerms(
        customer=buyer,
        payer=payer,
        legal_entity=legal_entity,
        rate_card_version=version,
        follows_card=follows,
        currency="USD",
        start_on=date(2026, 1, 1),
        months=months,
        lines=[
            AgreedLine(by_key["input-tokens"], discount_percent=off),
            AgreedLine(by_key["output-tokens"], discount_percent=off),
            AgreedLine(by_key["platform-fee"]),
        ],
        signed_by="Dan Contoso",
        commits=commits or ([AgreedCommit("Prepaid usage", Decimal(40), Decimal(36))] if commit else []),
    )
    return contracts.sign_contract(terms, act=act("Signed", JAN))


def use(buyer: Customer, input_tokens: int = 20_000_000, output_tokens: int = 4_000_000, at: datetime = NOON) -> None:
    event = Event(
        id=f"event-{next(_numbers)}",
        type="llm",
        time=at,
        customer_key=buyer.key,
        properties={"input-tokens": input_tokens, "output-tokens": output_tokens},
    )
    (verdict,) = metering.ingest([event], source="gateway", at=at)
    assert verdict.outcome == "accepted", verdict


def bill(through: datetime = FEB_2, **kwargs: Any) -> list[Invoice]:
    """Run billing; the invoices that came of it."""
    run = operations.bill_due(through=through, act=act(at=through), **kwargs)
    failures = [outcome.reason for outcome in run.outcomes.filter(result="failed")]
    assert failures == []
    return [outcome.invoice for outcome in run.outcomes.exclude(invoice=None).select_related("invoice")]


def month_invoice(contract: Contract) -> Invoice:
    return Invoice.objects.exclude(status="void").get(contract=contract, kind="period")


def balance(contract: Contract) -> Decimal:
    return Commit.objects.get(contract=contract).balance
