"""A card with a thousand products, and any number of contracts of five lines that follow it and used it last month.

Written in bulk, because what is measured is what is done with them, not how they came about. The same in every run.
"""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import NamedTuple

import msgspec
from django.contrib.auth.models import User

from catalog.editions import Offer
from catalog.models import CostRate, Product, Rate, RateCard, RateCardVersion
from catalog.operations import create_rate_card, draft_version, publish_version, submit_version
from contracts.models import Contract, ContractLine, Customer, LegalEntity, Override
from contracts.operations import create_legal_entity
from governance.acts import Act
from governance.change import change
from metering.identities import Identity
from metering.intake import Batch
from metering.models import Meter
from metering.store import Row
from metering.wire.events import HASH_BYTES, MAX_EVENTS
from pricing.charges import Charge, Flat, Graduated, Package, PerUnit, Tier, Volume

FAMILIES = 50  # of meters, each counting its own type of events
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
    metered: list[Product]
    seats: list[Product]
    fees: list[Product]


def built(size: int) -> World:
    """So many products (seven in ten of them metered, the others seats and fees), their published card, the draft."""
    seller = create_legal_entity(
        key="bench", name="Bench Inc.", address="1 Road", country="US", email="bench@example.com", act=_act(SIGNED)
    )
    card = create_rate_card(key="bench", name="Bench", currency="USD", act=_act(SIGNED))
    metered, seats, fees = _products(card, size)
    products = [*metered, *seats, *fees]
    prices = {product: Offer(METERED_PRICES[place % 4], 1, False) for place, product in enumerate(metered)}
    prices |= {product: Offer(PerUnit(Decimal(30)), 1, False) for product in seats}
    prices |= {product: Offer(Flat(Decimal(250)), 1, False) for product in fees}
    first = _priced(draft_version(card, act=_act(SIGNED)), prices)
    ann = Act.of_user(User.objects.create_user("bench"), "A world to measure", SIGNED)  # only a person asks for review
    first = submit_version(first, warnings_accepted="A bench", act=ann)
    publish_version(first, effective_from=SIGNED, act=_act(SIGNED))
    dearer = {
        product: prices[product]._replace(charge=prices[product].charge.scaled(Decimal("1.1")))
        for product in products[::2]
    }
    draft = draft_version(card, act=_act(NOW))
    return World(card, _priced(draft, prices | dearer), seller, metered, seats, fees)


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
    used = [_event(line, at, chance) for line in lines if line.product.meter_id for at in USED_AT]
    for start in range(0, len(used), MAX_EVENTS):
        batch = Batch("bench", SIGNED)
        batch.take(used[start : start + MAX_EVENTS])
        batch.close()


def large(world: World, size: int) -> Contract:
    """A contract of so many lines, a third of them agreed quantities and the others measured."""
    customer = Customer(key="large", name="Large", email="c@example.com")
    contract = _contract(world, customer)
    agreed = [*world.metered[: size - size // 3], *world.seats[: size // 3]]
    lines = [
        ContractLine(
            contract=contract,
            product=product,
            position=position,
            quantity=None if product.meter_id else Decimal(20),
            start_at=START,
            end_at=END,
        )
        for position, product in enumerate(agreed, 1)
    ]
    with change("bench.filled", world.card, _act(SIGNED)):
        Customer.objects.bulk_create([customer])
        Contract.objects.bulk_create([contract])
        ContractLine.objects.bulk_create(lines)
    return contract


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


def _products(card: RateCard, size: int) -> tuple[list[Product], list[Product], list[Product]]:
    """Metered ones, half of them with a cost, then seats, then fees."""
    meters = [
        Meter(
            key=f"meter-{number:03}",
            name=f"Meter {number:03}",
            event_type=f"family.{number % FAMILIES}",
            aggregation="sum",
            property="units",
            filters={"sku": [str(number)]},
        )
        for number in range(size * 7 // 10)
    ]
    metered = [_product(number, Product.Kind.USAGE, meter) for number, meter in enumerate(meters)]
    others = [_product(number, Product.Kind.RECURRING) for number in range(len(metered), size)]
    costs = [
        CostRate(product=product, since=SIGNED, unit_cost=Decimal("0.2"), per=Decimal(1_000), currency="USD")
        for product in metered[::2]
    ]
    with change("bench.filled", card, _act(SIGNED)):
        Meter.objects.bulk_create(meters)
        Product.objects.bulk_create([*metered, *others])
        CostRate.objects.bulk_create(costs)
    return metered, others[::2], others[1::2]


def _product(number: int, kind: str, meter: Meter | None = None) -> Product:
    return Product(key=f"sku-{number:03}", name=f"SKU {number:03}", kind=kind, meter=meter)


def _contract(world: World, customer: Customer) -> Contract:
    return Contract(
        number=f"B-{customer.key}",
        customer=customer,
        payer=customer,
        usage_key=customer.key,
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
    seats = chance.choice(world.seats)
    agreed = [*chance.sample(world.metered, 3), seats, chance.choice(world.fees)]
    return [
        ContractLine(
            contract=contract,
            product=product,
            position=position,
            quantity=Decimal(chance.randrange(1, 50)) if product is seats else None,
            discount_percent=Decimal(chance.choice((0, 0, 0, 10))),
            start_at=START,
            end_at=END,
        )
        for position, product in enumerate(agreed, 1)
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
        msgspec.json.encode({"sku": sku, "units": chance.randrange(1, 20_000)}),
        sha256(name.encode()).digest()[:HASH_BYTES],
    )
