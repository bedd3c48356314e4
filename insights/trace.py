"""Tracing an event: from its id to the invoice line that bills it, or the reason why none does.

Everything is read at once, in a number of queries that does not depend on how many meters, products or contracts there
are; then each step is reckoned with the same definitions, terms and prices as billing uses.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from catalog.models import Product
from contracts.models import Contract, Customer
from contracts.queries import terms_of
from contracts.terms import ContractTerm
from governance.acts import Refused
from governance.doors import may, visible
from insights.billed import Billed, Placed, billed_for, placed
from metering.meters.counting import Counted, counted
from metering.meters.definitions import Timeline, timelines
from metering.models import (
    EventType,
    Meter,
    QuarantinedEvent,
    UsageBatch,
    UsageEvent,
    UsageIdentity,
    UsageVoid,
)
from metering.postgres.arrivals import numbers_of
from metering.store import event_store


@dataclass(frozen=True, slots=True)
class Sight:
    """What whoever asks may see beside usage."""

    contracts: bool
    invoices: bool
    user: Any = None  # None: a system, which sees every customer


def sight_of(user: Any) -> Sight:
    """What this person may see beside usage."""
    return Sight(may(user, "contracts.view_contract"), may(user, "invoicing.view_invoice"), user)


@dataclass(frozen=True, slots=True)
class InContract:
    """The event under one contract line: the price in force for it, and where it is billed; or `why_not`."""

    contract: Contract
    placed: Placed | None = None
    billed: Billed | None = None
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class OfProduct:
    product: Product
    contracts: Sequence[InContract] = ()
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class OfMeter:
    """What the event adds to a meter, and what is sold by that meter."""

    meter: Meter
    counted: Counted
    products: Sequence[OfProduct] = ()
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything about one event id of one source. Without an event it was never counted, or is retired."""

    source: str
    event_id: str
    event: UsageEvent | None
    batch: UsageBatch | None = None
    void: UsageVoid | None = None
    type: EventType | None = None
    customer: Customer | None = None
    quarantined: Sequence[QuarantinedEvent] = ()
    meters: Sequence[OfMeter] = ()
    is_retired: bool = False

    @property
    def verdict(self) -> str:
        if self.event is not None:
            return "void" if self.void is not None else "counted" if self.event.is_billable else "not_billable"
        if self.is_retired:
            return "retired"
        return "quarantined" if self.is_waiting else "dismissed" if self.quarantined else "unknown"

    @property
    def is_waiting(self) -> bool:
        return any(each.resolved_at is None for each in self.quarantined)


def sources_of(event_id: str) -> list[str]:
    """Everybody who reported an event under this id, counted or not. Two queries."""
    waiting = QuarantinedEvent.objects.filter(event_id=event_id).order_by().values_list("source", flat=True)
    return sorted({*numbers_of(event_id), *waiting.distinct()[:100]})


def trace(source: str, event_id: str, sight: Sight, *, at: datetime) -> Trace:
    """Everything about the event that this source reported under this id, as of now."""
    quarantined = list(QuarantinedEvent.objects.filter(source=source, event_id=event_id).order_by("pk")[:20])
    number = UsageIdentity.objects.filter(source=source, event_id=event_id).values_list("event", flat=True).first()
    event = next(iter(event_store().numbered([number])), None) if number is not None else None
    if event is None:
        return Trace(source, event_id, None, quarantined=quarantined, is_retired=number is not None)
    customer = _customer(event, sight)
    return Trace(
        source,
        event_id,
        event,
        batch=UsageBatch.objects.filter(pk=event.batch_id).first(),
        void=UsageVoid.objects.filter(event=event.pk, restored_in=None).select_related("correction").first(),
        type=EventType.objects.filter(key=event.type).first(),
        customer=customer,
        quarantined=quarantined,
        meters=_meters(event, customer, sight, at),
    )


def _customer(event: UsageEvent, sight: Sight) -> Customer | None:
    found = Customer.objects.filter(key=event.customer_key)
    return (found if sight.user is None else visible(found, sight.user)).first()


def _meters(event: UsageEvent, customer: Customer | None, sight: Sight, at: datetime) -> list[OfMeter]:
    meters = list(Meter.objects.filter(event_type=event.type).order_by("name"))
    sold: dict[Any, list[Product]] = defaultdict(list)
    for product in Product.objects.filter(meter__in=meters).order_by("name"):
        sold[product.meter_id].append(product)
    wanted = [product for some in sold.values() for product in some]
    agreed = _Agreed.of(event, customer, wanted, sight, at) if customer else None
    defined = timelines(meters)
    return [_of_meter(defined[meter.key], event, sold[meter.pk], agreed) for meter in meters]


def _of_meter(timeline: Timeline, event: UsageEvent, products: Sequence[Product], agreed: "_Agreed | None") -> OfMeter:
    """By the definition that measures the period the event is billed in."""
    found = [_of_product(product, agreed) for product in products]
    starts = [under.placed.cycle.start for of in found for under in of.contracts if under.placed]
    meter = timeline.at(timeline.place(min([*starts, event.occurred_at])))
    adds = counted(meter, event)
    if adds.value is None:
        return OfMeter(meter, adds, why_not=adds.why)
    if not products:
        return OfMeter(meter, adds, why_not="No product is sold by this meter.")
    if agreed is None or not agreed.shown:
        return OfMeter(meter, adds, [OfProduct(product) for product in products])
    return OfMeter(meter, adds, found)


def _of_product(product: Product, agreed: "_Agreed | None") -> OfProduct:
    if agreed is None:
        return OfProduct(product)
    found = agreed.under(product)
    return OfProduct(product, found) if found else OfProduct(product, why_not=agreed.why_none(product))


@dataclass(frozen=True, slots=True)
class _Agreed:
    """The contracts of the event's customer, with their terms and what was billed, read once."""

    event: UsageEvent
    contracts: Sequence[Contract]
    lines: dict[str, tuple[Contract, Product]]
    terms: dict[Any, list[ContractTerm] | str]
    billed: dict[str, Billed]
    shown: bool

    @classmethod
    def of(
        cls, event: UsageEvent, customer: Customer, products: Iterable[Product], sight: Sight, at: datetime
    ) -> "_Agreed":
        contracts = list(
            Contract.objects.filter(usage_key=event.customer_key)
            .select_related("customer", "pinned_version__card", "rate_card")
            .prefetch_related("lines__product")
            .order_by("start_at")
        )
        wanted = {product.pk for product in products}
        lines = {
            str(line.pk): (contract, line.product)
            for contract in contracts
            for line in contract.lines.all()
            if line.product_id in wanted
        }
        running = [each for each in contracts if each.start_at <= event.occurred_at < each.end_at]
        terms = _terms(running)
        found = [term for some in terms.values() if isinstance(some, list) for term in some if term.term.key in lines]
        billed = billed_for(event, found, contracts, at=at) if sight.invoices else {}
        return cls(event, contracts, lines, terms, billed, sight.contracts)

    def under(self, product: Product) -> list[InContract]:
        found = []
        for key, (contract, sold) in self.lines.items():
            terms = self.terms.get(contract.pk)
            if sold.pk != product.pk or terms is None:
                continue
            if isinstance(terms, str):
                found.append(InContract(contract, why_not=terms))
                continue
            term = next(each for each in terms if each.term.key == key)
            where = placed(term.term, self.event.occurred_at)
            if where is not None:
                found.append(InContract(contract, where, self.billed.get(key)))
        return found

    def why_none(self, product: Product) -> str:
        """Why no contract has this product at the time of the event."""
        at = self.event.occurred_at
        if not self.contracts:
            return "The customer has no contract."
        covering = [each for each in self.contracts if each.start_at <= at < each.end_at]
        if covering:
            names = ", ".join(each.number for each in covering)
            return f"{product.name} is not in the customer's contract at that time ({names})."
        ended = [each for each in self.contracts if each.end_at <= at]
        if ended:
            last = max(ended, key=lambda each: each.end_at)
            return f"Contract {last.number} had ended on {last.end_at:%-d %B %Y}, and no other began."
        return f"The customer's first contract begins only on {self.contracts[0].start_at:%-d %B %Y}."


def _terms(contracts: Sequence[Contract]) -> dict[Any, list[ContractTerm] | str]:
    """Each contract's terms; in words, where one has no price."""
    try:
        return dict(terms_of(contracts))
    except Refused as refusal:
        if len(contracts) == 1:
            return {contracts[0].pk: str(refusal)}
    return {pk: terms for contract in contracts for pk, terms in _terms([contract]).items()}
