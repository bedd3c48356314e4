"""Where an event is billed: its place in a term's cycles and prices, and the invoice lines of that place."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from contracts.models import Contract
from contracts.queries import invoiced_at
from contracts.terms import ContractTerm
from contracts.words import amount_text, quantity_text
from invoicing.holds import held
from invoicing.models import Invoice, InvoiceLine, UnpricedUsage
from metering.models import UsageEvent
from metering.wire.scalars import text_of
from pricing.periods import Period
from pricing.rating import Price
from pricing.terms import Term

Status = Invoice.Status
LIVE = (Status.DRAFT, Status.FINALIZED, Status.PAID)


@dataclass(frozen=True, slots=True)
class Placed:
    """A term's cycle that an instant lies in, the part of it with one price, that price, and when the cycle is due."""

    cycle: Period
    period: Period
    price: Price
    currency: str
    due_at: datetime

    @property
    def sentence(self) -> str:
        """The price in words."""
        words: str = self.price.charge.sentence(self.currency)
        return words

    @property
    def listed(self) -> str:
        """The list price in words, where an override acts on it."""
        return "" if self.price.list_charge is None else self.price.list_charge.sentence(self.currency)


@dataclass(frozen=True, slots=True)
class BilledLine:
    """An invoice line that bills an event, with its figures as people read them."""

    line: InvoiceLine

    @property
    def invoice(self) -> Invoice:
        return self.line.invoice

    @property
    def quantity(self) -> str:
        return quantity_text(self.line.quantity, self.line.unit)

    @property
    def amount(self) -> str:
        return amount_text(self.line.amount, self.line.invoice.currency)


@dataclass(frozen=True, slots=True)
class Billed:
    """The lines that bill an event, oldest invoice first; `why_not` says what else is true, or why there are none."""

    lines: Sequence[BilledLine]
    why_not: str = ""


def placed(term: Term, instant: datetime) -> Placed | None:
    """Where an instant lies among a term's cycles; None if the term does not cover it."""
    billed = term.cycle_at(instant)
    if billed is None:
        return None
    period, price = next(each for each in term.editions(billed) if each[0].contains(instant))
    return Placed(billed, period, price, term.currency, term.due_at(billed))


def billed_for(
    event: UsageEvent, terms: Iterable[ContractTerm], contracts: Sequence[Contract], *, at: datetime
) -> dict[str, Billed]:
    """For each term that covers the event, the lines that bill it or why there are none. At most five queries."""
    places = {each.term.key: where for each in terms if (where := placed(each.term, event.occurred_at))}
    lines: dict[str, list[InvoiceLine]] = defaultdict(list)
    found = InvoiceLine.objects.filter(
        term__in=list(places),
        invoice__status__in=LIVE,
        period_start__lte=event.occurred_at,
        period_end__gt=event.occurred_at,
    )
    found = found.select_related("invoice__customer", "invoice__contract__customer")
    for line in found.order_by("invoice__issued_at", "pk"):
        lines[line.term].append(line)
    drafts = {line.invoice for some in lines.values() for line in some if line.invoice.status == Status.DRAFT}
    holding = held(drafts)
    unpriced = _unpriced(event, places)
    whose = {str(line.pk): contract for contract in contracts for line in contract.lines.all()}
    return {
        key: _billed(event, where, lines[key], holding, unpriced.get(key, ""), whose.get(key), at)
        for key, where in places.items()
    }


def _billed(
    event: UsageEvent,
    where: Placed,
    lines: list[InvoiceLine],
    holding: Mapping[Any, Sequence[Any]],
    unpriced: str,
    contract: Contract | None,
    at: datetime,
) -> Billed:
    """Only lines measured when the event was there already; the difference it makes comes on the next invoice."""
    knowing = [BilledLine(line) for line in lines if knows(line.invoice, event)]
    if unpriced:
        return Billed(knowing, unpriced)
    if not knowing and lines:
        numbers = ", ".join(line.invoice.number or "a draft" for line in lines)
        return Billed([], f"It came after {numbers} was measured; the difference goes on the next invoice.")
    if knowing:
        return Billed(knowing, _still(knowing[-1].invoice, holding, at))
    if where.due_at > at:
        return Billed([], f"Not due yet: its period ends on {_instant(where.due_at)}.")
    invoiced = invoiced_at(contract, where.due_at) if contract else where.due_at
    if invoiced > at:
        return Billed([], f"Its period is over; it is invoiced with others on {_instant(invoiced)}.")
    closes_at = invoiced + timedelta(hours=contract.grace_hours if contract else 0)
    if closes_at > at:
        return Billed([], f"Due, and open for late usage until {_instant(closes_at)}; the next run drafts the invoice.")
    return Billed([], "Nothing is owed for its period, or billing has not run since it fell due.")


def knows(invoice: Invoice, event: UsageEvent) -> bool:
    """Whether the event was stored when the invoice was measured; one from before that was noted knew all."""
    return invoice.measured_through is None or event.batch_id <= invoice.measured_through


def _still(invoice: Invoice, holding: Mapping[Any, Sequence[Any]], at: datetime) -> str:
    if invoice.status != Status.DRAFT:
        return ""
    if invoice.pk in holding:
        return f"A draft, held for review: {holding[invoice.pk][0].detail}"
    if invoice.closes_at and invoice.closes_at > at:
        return f"A draft, open for late usage until {_instant(invoice.closes_at)}."
    return "A draft that the next billing run finalizes."


def _unpriced(event: UsageEvent, places: Mapping[str, Placed]) -> dict[str, str]:
    """By term, where no cell of the price covers the event's values."""
    rows = UnpricedUsage.objects.filter(
        term__in=list(places),
        resolved_at=None,
        period_start__lte=event.occurred_at,
        period_end__gt=event.occurred_at,
    )
    return {
        row.term: f"No cell of the price covers {_values(row)}: it is kept as unpriced usage."
        for row in rows
        if all(text_of(event.properties.get(name)) == value for name, value in row.values.items())
    }


def _values(row: UnpricedUsage) -> str:
    return ", ".join(f"{name} {'missing' if value is None else value}" for name, value in row.values.items())


def _instant(at: datetime) -> str:
    return f"{at:%-d %B %Y, %H:%M} UTC"
