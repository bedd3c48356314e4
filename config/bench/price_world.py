"""A card with a thousand products, and any number of contracts of five lines that follow it and used it last month.

Written in bulk, because what is measured is what is done with them, not how they came about. The same in every run.
"""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
from django.contrib.auth.models import User

from catalog.editions import Offer
from catalog.models import CostRate, Product, Rate, RateCard, RateCardVersion
from catalog.operations import create_rate_card, draft_version, publish_version, submit_version
from contracts.models import Contract, ContractLine, Customer, LegalEntity, Override
from contracts.operations import create_legal_entity
from governance.acts import Act
from governance.change import change
from metering.models import Meter
from metering.store import Identity, Row, event_store
from pricing.charges import Charge, Flat, Graduated, Package, PerUnit, Tier, Volume

PRODUCTS, METERED, SEATS, FAMILIES = 1_000, 700, 850, 50  # the first are metered, then come seats, then fees
SIGNED = datetime(2025, 12, 1, tzinfo=UTC)
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 2, 10, 12, tzinfo=UTC)
USED_AT = datetime(2026, 1, 15, tzinfo=UTC), NOW - timedelta(days=1)
TIERS = (Tier(Decimal(1_000), Decimal(2)), Tier(Decimal(10_000), Decimal("1.5")), Tier(None, Decimal(1)))
METERED_PRICES: tuple[Charge, ...] = (
    PerUnit(Decimal("0.75"), Decimal(1_000)),
    Graduated(TIERS, Decimal(1_000)),
    Volume((Tier(None, Decimal("1.25")),), Decimal(1_000)),
    Package(Decimal(3), Decimal(1_000)),
)


class World(NamedTuple):
    """The card, a draft that makes every second price dearer by a tenth, and what contracts are made of."""

    card: RateCard
    draft: RateCardVersion
    seller: LegalEntity
    products: list[Product]


def built() -> World:
    """Products, meters, costs, the published card and the draft."""
    seller = create_legal_entity(
        key="bench", name="Bench Inc.", address="1 Road", country="US", email="bench@example.com", act=_act(SIGNED)
    )
    card = create_rate_card(key="bench", name="Bench", currency="USD", act=_act(SIGNED))
    products = _products(card)
    prices = {product: Offer(_price(number), 1, False) for number, product in enumerate(products)}
    first = _priced(draft_version(card, act=_act(SIGNED)), prices)
    ann = Act.of_user(User.objects.create_user("bench"), "A world to measure", SIGNED)  # only a person asks for review
    first = submit_version(first, warnings_accepted="A bench", act=ann)
    publish_version(first, effective_from=SIGNED, act=_act(SIGNED))
    dearer = {
        product: prices[product]._replace(charge=prices[product].charge.scaled(Decimal("1.1")))
        for product in products[::2]
    }
    draft = draft_version(card, act=_act(NOW))
    return World(card, _priced(draft, prices | dearer), seller, products)


def signed(world: World, numbers: range) -> None:
    """Contracts with these numbers: three metered lines, seats, a fee; some with a discount, some with an override."""
    chance = random.Random(numbers.start)  # noqa: S311 - not for secrets
    customers = [Customer(key=f"c{number:06}", name=f"Customer {number}", email="c@example.com") for number in numbers]
    contracts = [_contract(world, customer) for customer in customers]
    lines = [line for contract in contracts for line in _lines(world, contract, chance)]
    overrides = [_override(line) for line in lines if line.product.meter_id and chance.random() < 0.05]
    with change("bench.filled", world.card, _act(SIGNED)):
        Customer.objects.bulk_create(customers)
        Contract.objects.bulk_create(contracts)
        ContractLine.objects.bulk_create(lines, batch_size=5_000)
        Override.objects.bulk_create(overrides)
    event_store().append([_event(line, at, chance) for line in lines if line.product.meter_id for at in USED_AT])


def _act(at: datetime) -> Act:
    return Act.of_system("bench", "A world to measure", at)


def _priced(draft: RateCardVersion, prices: dict[Product, Offer]) -> RateCardVersion:
    """The draft with these rates."""
    with change("bench.filled", draft, _act(SIGNED)):
        draft.rates.all().delete()
        Rate.objects.bulk_create(
            Rate(version=draft, product=product, **offer._asdict()) for product, offer in prices.items()
        )
    return draft


def _products(card: RateCard) -> list[Product]:
    meters = [
        Meter(
            key=f"meter-{number:03}",
            name=f"Meter {number:03}",
            event_type=f"family.{number % FAMILIES}",
            aggregation="sum",
            property="units",
            filters={"sku": [str(number)]},
        )
        for number in range(METERED)
    ]
    products = [Product(key=f"sku-{each:03}", name=f"SKU {each:03}", **_kind(each, meters)) for each in range(PRODUCTS)]
    costs = [
        CostRate(product=product, since=SIGNED, unit_cost=Decimal("0.2"), per=Decimal(1_000), currency="USD")
        for product in products[: METERED // 2]
    ]
    with change("bench.filled", card, _act(SIGNED)):
        Meter.objects.bulk_create(meters)
        Product.objects.bulk_create(products)
        CostRate.objects.bulk_create(costs)
    return products


def _kind(number: int, meters: list[Meter]) -> dict[str, Any]:
    if number < METERED:
        return {"kind": Product.Kind.USAGE, "meter": meters[number]}
    return {"kind": Product.Kind.RECURRING}


def _price(number: int) -> Charge:
    if number < METERED:
        return METERED_PRICES[number % len(METERED_PRICES)]
    return PerUnit(Decimal(30)) if number < SEATS else Flat(Decimal(250))


def _contract(world: World, customer: Customer) -> Contract:
    return Contract(
        number=f"B-{customer.key}",
        customer=customer,
        legal_entity=world.seller,
        rate_card=world.card,
        currency="USD",
        time_zone="UTC",
        start_at=START,
        end_at=END,
        grace_hours=24,
        payment_terms_days=30,
        signed_at=SIGNED + timedelta(days=1),
        signed_by="Dan",
    )


def _lines(world: World, contract: Contract, chance: random.Random) -> list[ContractLine]:
    metered = chance.sample(range(METERED), 3)
    agreed = [*metered, chance.randrange(METERED, SEATS), chance.randrange(SEATS, PRODUCTS)]
    return [
        ContractLine(
            contract=contract,
            product=world.products[number],
            position=position,
            quantity=Decimal(chance.randrange(1, 50)) if METERED <= number < SEATS else None,
            discount_percent=Decimal(chance.choice((0, 0, 0, 10))),
            start_at=START,
            end_at=END,
        )
        for position, number in enumerate(agreed, 1)
    ]


def _override(line: ContractLine) -> Override:
    return Override(
        contract=line.contract, product=line.product, multiplier=Decimal("0.9"), start_at=START, agreed_at=SIGNED
    )


def _event(line: ContractLine, at: datetime, chance: random.Random) -> Row:
    meter = line.product.meter
    assert meter is not None
    (sku,) = meter.filters["sku"]
    name = f"{line.pk}/{at:%m%d}"
    return Row(
        Identity("bench", name),
        meter.event_type,
        line.contract.customer.key,
        at,
        at,
        msgspec.json.encode({"sku": sku, "units": chance.randrange(1, 20_000)}),
        sha256(name.encode()).digest(),
    )
