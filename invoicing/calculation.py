"""What is owed, and the invoices it makes: differences, draws on commits, tax, totals. Pure: values in, values out."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from pricing.drawdown import Drawable, Instrument, draw_down
from pricing.money import ZERO, exactly, plain, round_amount
from pricing.periods import Period
from pricing.rating import RatedLine, Term
from pricing.taxes import tax

CHARGE, COMMIT, DRAWDOWN = "charge", "commit", "drawdown"
PERIOD_INVOICE, COMMIT_INVOICE = "period", "commit"

Slot = tuple[str, Period]
Waterfall = tuple[dict[str, str], ...]

# Quantities are kept with nine decimals; what lies below would come back as dust in every difference.
FINEST = Decimal(1).scaleb(-9)


class Agreed(Protocol):
    """What this file reads of a contract's term (see contracts.terms)."""

    @property
    def term(self) -> Term: ...
    @property
    def name(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def revenue_account(self) -> str: ...
    @property
    def commit_id(self) -> Any: ...
    @property
    def tax_percent(self) -> Decimal: ...
    @property
    def earned_on_invoice(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an invoice to be: what it is for, how much, and why. `is_late` says that its slot was billed before."""

    term: str
    kind: str
    product_key: str
    description: str
    unit: str
    period: Period
    due_at: datetime
    quantity: Decimal
    amount: Decimal
    exact: str
    waterfall: Waterfall = ()
    price_source: str = ""
    in_advance: bool = False
    earned_on_invoice: bool = False
    tax_percent: Decimal = ZERO
    tax: Decimal = ZERO
    revenue_account: str = ""
    commit_id: Any = None
    is_metered: bool = False
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """One invoice to be. `closes_at`: until then the draft stays open for what still comes in."""

    kind: str
    lines: tuple[Line, ...]
    subtotal: Decimal
    tax: Decimal
    drawn: Decimal
    total: Decimal
    period: Period
    closes_at: datetime


def horizon(billed: Iterable[Line], through: datetime) -> datetime:
    """How far to rate. Never less far than was billed, or a run for an earlier day would take back what was right."""
    return max([through, *(line.due_at for line in billed)])


def still_owed(agreed: Iterable[Agreed], rated: Iterable[RatedLine], billed: Iterable[Line]) -> list[Line]:
    """What the terms come to, less what was billed, slot by slot; by start of the period, then in the order of terms.

    A slot (term and period) that was billed before gives a difference with its original period, at the tax it was
    billed with. What differs neither in quantity nor in amount is left out.
    """
    been: dict[Slot, Line] = {(line.term, line.period): line for line in billed}
    known = {each.term.key: each for each in agreed}
    lines = []
    for rating in rated:
        line = _line(rating, known[rating.key])
        earlier = been.pop((rating.key, rating.period), None)
        lines.append(line if earlier is None else _difference(line, earlier))
    lines += [_taken_back(earlier) for earlier in been.values()]
    lines.sort(key=lambda line: line.period.start)
    return [line for line in lines if line.amount or line.quantity]


def invoice_parts(
    owed: Sequence[Line],
    instruments: Iterable[Instrument],
    names: Mapping[str, str],
    *,
    currency: str,
    ends_at: datetime,
    grace: timedelta,
    through: datetime,
) -> list[Parts]:
    """The invoices that what is owed makes: commit purchases on one, everything else on another.

    Lines whose grace is over are not held up by lines that fell due since: those wait for the next draft. A kind
    whose lines all come to nothing makes no invoice. `names` are the commits' names by the key of their instrument.
    """
    made = []
    purchases = [line for line in owed if line.kind == COMMIT]
    if any(line.amount for line in purchases):
        closes_at = max(line.due_at for line in purchases)
        made.append(_parts(COMMIT_INVOICE, purchases, currency, closes_at))
    charges = _of_one_closing([line for line in owed if line.kind != COMMIT], through, grace)
    if any(line.amount for line in charges):
        first_time = [line.due_at for line in charges if not line.is_late]
        closes_at = (min(first_time) if first_time else ends_at) + grace
        draws = _draws(charges, instruments, names, currency)
        made.append(_parts(PERIOD_INVOICE, [*charges, *draws], currency, closes_at))
    return made


def credited_tax(tax: Decimal, total: Decimal, before: Decimal, amount: Decimal, currency: str) -> Decimal:
    """The tax in a credit of `amount` after `before` was credited. All credits' taxes add up to the invoice's."""
    with exactly():
        return round_amount(tax * (before + amount) / total, currency) - round_amount(tax * before / total, currency)


def _line(rating: RatedLine, agreed: Agreed) -> Line:
    return Line(
        term=rating.key,
        kind=agreed.kind,
        product_key=rating.product,
        description=agreed.name,
        unit=agreed.unit,
        period=rating.period,
        due_at=rating.due_at,
        quantity=rating.quantity.quantize(FINEST),
        amount=rating.amount.amount,
        exact=plain(rating.exact),
        waterfall=tuple(step.as_json() for step in rating.waterfall),
        price_source=rating.source,
        in_advance=agreed.term.in_advance,
        earned_on_invoice=agreed.earned_on_invoice,
        tax_percent=agreed.tax_percent,
        revenue_account=agreed.revenue_account,
        commit_id=agreed.commit_id,
        is_metered=bool(agreed.term.meter),
    )


def _difference(line: Line, earlier: Line) -> Line:
    amount = line.amount - earlier.amount
    return replace(
        line,
        quantity=line.quantity - earlier.quantity,
        amount=amount,
        exact=plain(Decimal(line.exact) - earlier.amount),
        waterfall=(*line.waterfall, _step("billed", "billed before", -earlier.amount, amount, "earlier invoices")),
        tax_percent=earlier.tax_percent,
        is_late=True,
    )


def _taken_back(earlier: Line) -> Line:
    """Billed, but no longer due at all: the term was ended or its price now cuts the period elsewhere."""
    return replace(
        earlier,
        quantity=-earlier.quantity,
        amount=-earlier.amount,
        exact=plain(-earlier.amount),
        waterfall=(_step("billed", "billed before", -earlier.amount, -earlier.amount, "earlier invoices"),),
        is_late=True,
    )


def _of_one_closing(lines: list[Line], through: datetime, grace: timedelta) -> list[Line]:
    ripe = {line.due_at for line in lines if not line.is_late and line.due_at + grace <= through}
    return [line for line in lines if line.is_late or line.due_at in ripe] if ripe else lines


def _draws(
    lines: Sequence[Line], instruments: Iterable[Instrument], names: Mapping[str, str], currency: str
) -> list[Line]:
    """One line for each commit and period it pays usage of; its steps name what was paid."""
    paid: dict[tuple[str, Period], list[tuple[Line, Decimal]]] = defaultdict(list)
    for draw in draw_down(_drawables(lines), instruments):
        line = lines[int(draw.line)]
        paid[draw.instrument, line.period].append((line, draw.amount))
    made = []
    for (key, period), shares in paid.items():
        drawn = sum((amount for _, amount in shares), ZERO)
        steps, running = [], ZERO
        for line, amount in shares:
            running -= amount
            steps.append(_step("drawn", line.description, -amount, running, names[key]))
        made.append(
            Line(
                term=f"commit:{key}",
                kind=DRAWDOWN,
                product_key="commit",
                description=f"Drawn from {names[key]}",
                unit=currency,
                period=period,
                due_at=max(line.due_at for line, _ in shares),
                quantity=drawn,
                amount=-drawn,
                exact=plain(-drawn),
                waterfall=tuple(steps),
                commit_id=UUID(key),
            )
        )
    return sorted(made, key=lambda line: line.period.start)


def _drawables(lines: Sequence[Line]) -> list[Drawable]:
    """Usage, keyed by its place; and what is taken back, of whatever, for that pays before a commit does."""
    return [
        Drawable.of(f"{place:06d}", line.product_key, line.period, line.quantity, line.amount)
        for place, line in enumerate(lines)
        if line.is_metered or line.amount < 0
    ]


def _parts(kind: str, lines: Sequence[Line], currency: str, closes_at: datetime) -> Parts:
    """Tax falls on charges, before commits pay; a purchase is not taxed, or the usage it pays for would be twice."""
    taxed = [line for line in lines if line.kind == CHARGE]
    shares = iter(tax([(line.amount, line.tax_percent) for line in taxed], currency))
    lines = [
        replace(line, tax=next(shares)) if line.kind == CHARGE else replace(line, tax_percent=ZERO) for line in lines
    ]
    subtotal = sum((line.amount for line in lines if line.kind != DRAWDOWN), ZERO)
    taxes = sum((line.tax for line in lines), ZERO)
    drawn = sum((line.amount for line in lines if line.kind == DRAWDOWN), ZERO)
    period = Period(min(line.period.start for line in lines), max(line.period.end for line in lines))
    return Parts(kind, tuple(lines), subtotal, taxes, drawn, subtotal + taxes + drawn, period, closes_at)


def _step(kind: str, label: str, amount: Decimal, total: Decimal, source: str) -> dict[str, str]:
    return {"kind": kind, "label": label, "amount": plain(amount), "total": plain(total), "source": source}
