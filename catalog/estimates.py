"""What a customer would pay a month at a price list, for quantities they say: rated as an invoice is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from math import lcm

from catalog.models import Product
from catalog.prices import PriceRow
from pricing.measures import Split
from pricing.money import ONE, ZERO, Money, round_amount, total
from pricing.periods import Period, add_months
from pricing.rating import RatedLine, rate
from pricing.terms import Price, Term

MOST_MONTHS = 120


@dataclass(frozen=True, slots=True)
class Estimate:
    """One product's share: `monthly` is a month's, taken over a year; of what is sold once, `once` is the whole.

    `workings` are the steps of one cycle, in words.
    """

    product: Product
    quantity: Decimal
    monthly: Money
    once: Money
    workings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Estimates:
    lines: tuple[Estimate, ...]
    monthly: Money
    once: Money


def can_be_estimated(row: PriceRow) -> bool:
    """Whether a quantity says what it costs: not so where every single event has a price of its own."""
    return not row.offer.charge.split.each


def takes_quantity(row: PriceRow) -> bool:
    """Whether one says how much of it; else it is taken or left."""
    return row.offer.charge.basis == "quantity"


def estimate(rows: Sequence[PriceRow], quantities: Mapping[str, Decimal], currency: str, *, at: datetime) -> Estimates:
    """What these quantities (by product key; of usage, a month's) come to, at the prices of these rows."""
    taken = [row for row in rows if quantities.get(row.product.key) and can_be_estimated(row)]
    months = min(lcm(12, *(row.offer.cycle_months for row in taken if row.offer.cycle_months)), MOST_MONTHS)
    start = at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = _later(start, months)
    terms = [_term(row, quantities[row.product.key], currency, start, end) for row in taken]
    by_product: dict[str, list[RatedLine]] = {}
    for line in rate(terms, _usage(quantities), end):
        by_product.setdefault(line.product, []).append(line)
    lines = tuple(
        _estimate(row, quantities[row.product.key], by_product.get(row.product.key, []), months, currency)
        for row in taken
    )
    monthly, once = (each.monthly for each in lines), (each.once for each in lines)
    return Estimates(lines, total(monthly, currency), total(once, currency))


def _term(row: PriceRow, quantity: Decimal, currency: str, start: datetime, end: datetime) -> Term:
    is_usage = row.product.kind == Product.Kind.USAGE
    fixed = None if is_usage else quantity if takes_quantity(row) else ONE
    return Term(
        key=row.product.key,
        product=row.product.key,
        prices=(Price(start, row.offer.charge, ""),),
        currency=currency,
        start=start,
        end=end,
        zone="UTC",
        cycle_months=row.offer.cycle_months,
        in_advance=row.offer.in_advance,
        quantity=fixed,
        meter=row.product.key if is_usage else "",
    )


def _usage(quantities: Mapping[str, Decimal]) -> Callable[[str, Period, Split], Decimal]:
    """The same quantity every month, told apart by nothing."""

    def usage(key: str, period: Period, split: Split) -> Decimal:
        months = (period.end.year - period.start.year) * 12 + period.end.month - period.start.month
        return quantities[key] * months

    return usage


def _estimate(row: PriceRow, quantity: Decimal, lines: Sequence[RatedLine], months: int, currency: str) -> Estimate:
    amount = total((line.amount for line in lines), currency)
    is_once = row.product.kind == Product.Kind.ONE_TIME
    monthly = ZERO if is_once else round_amount(amount.amount / months, currency)
    workings = tuple(step.label for step in lines[0].waterfall if step.kind != "rounding") if lines else ()
    return Estimate(
        row.product, quantity, Money(monthly, currency), amount if is_once else Money.zero(currency), workings
    )


def _later(start: datetime, months: int) -> datetime:
    day = add_months(start.date(), months)
    return start.replace(year=day.year, month=day.month)
