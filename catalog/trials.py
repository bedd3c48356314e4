"""Trying a price: what some usage would come to at list, with its workings, before anybody is asked to pay it.

The same `rate` as for an invoice, on one made-up cycle.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from catalog.charts import curves_of
from catalog.editions import Offer
from catalog.models import Product
from catalog.queries import cost_at
from pricing.charges import Charge, ChargeError, Flat, lines_of, load
from pricing.measures import WHOLE, Measured, Part, Split, total, viewed
from pricing.money import EXACT, ONE, ZERO, parse, plain, round_amount
from pricing.periods import Period, add_months, midnight
from pricing.rating import Price, RatedLine, Term, rate

MOST_PARTS = 500
FINEST = 6
METER, LINE, LINES = "tried", "tried", "those-lines"
STRIDE = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "month": timedelta(days=31),
}


class Row(NamedTuple):
    """One row of the workings as it is shown: the rows' amounts add up to the total, to the last digit shown."""

    label: str
    amount: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class Margin:
    """What the usage costs us and what the price leaves over; None where it leaves nothing to divide by."""

    cost: Decimal
    left: Decimal
    percent: Decimal | None


def sample(text: str, currency: str) -> str:
    """A quantity worth trying for this charge: one that reaches all of its tiers."""
    try:
        found = curves_of(load(json.loads(text), currency), currency)
    except ValueError:
        return "1000"
    most = max((quantity for curve in found for quantity, _, _ in curve.points), default=ONE)
    return plain(most)


def measured(asked: Mapping[str, Any], split: Split, at: datetime) -> Measured:
    """What somebody typed into the try-it box, told apart as a charge wants it. ChargeError naming the row."""
    if split == WHOLE:
        return _number(asked.get("quantity"), "trial")
    parts = asked.get("parts")
    if not isinstance(parts, list) or len(parts) > MOST_PARTS:
        raise ChargeError(f"trial: give 1 to {MOST_PARTS} rows")
    start = cycle(1, at).start
    return tuple(_part(row, place, split, start) for place, row in enumerate(parts))


def tried(offer: Offer, currency: str, usage: Measured, held: Split, at: datetime) -> RatedLine:
    """What this usage comes to at this price in one cycle, told apart as `held`."""
    charge = offer.charge
    period = cycle(offer.cycle_months, at)
    terms = [
        Term(
            key=LINE,
            product=LINE,
            prices=(Price(period.start, charge, "list"),),
            currency=currency,
            start=period.start,
            end=period.end,
            zone="UTC",
            cycle_months=offer.cycle_months,
            meter=METER if charge.basis == "quantity" else "",
        )
    ]
    if charge.basis == "lines":
        terms.append(_those_lines(charge, currency, total(usage), period))
    lines = rate(terms, lambda meter, period, split: as_wanted(usage, held, split), period.end)
    return next(line for line in lines if line.key == LINE)


def as_wanted(usage: Measured, held: Split, wanted: Split) -> Measured:
    """The usage seen as another price wants it; as a mere expectation where it was not told apart that far."""
    coarser = set(wanted.by) <= set(held.by) and wanted.window in ("", held.window) and held.each >= wanted.each
    return viewed(usage, held, wanted) if coarser else total(usage)


def rows(line: RatedLine) -> list[Row]:
    """The waterfall with at most six decimals; no row is rounded by itself, so the amounts add up."""
    finest = Decimal(1).scaleb(-FINEST)
    result, before = [], ZERO
    for step in line.waterfall:
        so_far = step.total.quantize(finest, context=EXACT)
        result.append(Row(step.label, so_far - before, so_far))
        before = so_far
    return result


def margin(product: Product, line: RatedLine, usage: Measured, held: Split, at: datetime) -> Margin | None:
    """What this usage costs us at an instant, and what the line leaves; None where a cost is not known."""
    costs = ZERO
    for part in usage if isinstance(usage, tuple) else (Part(usage),):
        given = {name: value for name, value in zip(held.by, part.values, strict=False) if value}
        rate_of_cost = cost_at(product, at, given)
        if rate_of_cost is None or rate_of_cost.currency != line.amount.currency:
            return None
        cost = EXACT.divide(EXACT.multiply(part.quantity, rate_of_cost.unit_cost), rate_of_cost.per)
        costs = EXACT.add(costs, cost)
    cost = round_amount(costs, line.amount.currency)
    left = line.amount.amount - cost
    paid = line.amount.amount
    return Margin(cost, left, EXACT.divide(left * 100, paid) if paid else None)


def cycle(months: int, at: datetime) -> Period:
    """The cycle that a trial is about: whole months from the first of the present one."""
    first = date(at.year, at.month, 1)
    return Period(midnight(first, "UTC"), midnight(add_months(first, months or 1), "UTC"))


def _those_lines(charge: Charge, currency: str, amount: Decimal, period: Period) -> Term:
    """A line of that amount, of a product that the charge is a share of."""
    of = min(lines_of(charge) or {LINES})
    return Term(
        key=LINES,
        product=of,
        prices=(Price(period.start, Flat(amount), "list"),),
        currency=currency,
        start=period.start,
        end=period.end,
        zone="UTC",
        cycle_months=0,
        in_advance=True,
    )


def _part(row: Any, place: int, split: Split, start: datetime) -> Part:
    where = f"trial row {place + 1}"
    if not isinstance(row, Mapping):
        raise ChargeError(f"trial: row {place + 1} must be an object")
    given = row.get("values")
    named = [value if isinstance(value, str) else None for value in given] if isinstance(given, list) else []
    values = (*named, *[None] * len(split.by))[: len(split.by)]
    begins = None
    if split.window or split.each:
        stride = STRIDE.get(split.window, timedelta(minutes=1))
        number = place if split.each else int(_number(row.get("at", str(place)), where))
        if not 0 <= number < 50_000:
            raise ChargeError(f"trial: row {place + 1} lies outside the cycle")
        begins = start + number * stride
    return Part(_number(row.get("quantity"), where), values, begins)


def _number(text: Any, where: str) -> Decimal:
    row = f"row {where.rsplit(maxsplit=1)[-1]}: " if " " in where else ""
    try:
        number = parse(text)
    except ValueError:
        said = f"“{text[:40]}” is not a number" if isinstance(text, str) and text else "type a number"
        raise ChargeError(f"trial: {row}{said}") from None
    if number < 0:
        raise ChargeError(f"trial: {row}must not be negative")
    return number
