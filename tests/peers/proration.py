"""Proration: what our kernel answers to a vector of `proration.json`. Every figure comes from `pricing`.

A peer's day that is still covered becomes the day after; a peer's first billing date becomes the anchor of a term.
"""

from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import groupby

from pricing.adjustments import Adjustment, AmountOff, Minimum, PercentOff, Waterfall, adjust, prorated
from pricing.charges import Flat, PerUnit
from pricing.money import EXACT, ONE, ZERO, Money, exactly, share_of
from pricing.periods import Period, add_months, anchored, days_long, midnight, zone_named
from pricing.rating import Price, Proration, Term, rate
from pricing.taxes import tax
from tests.peers.rounding import Answer, Rounding
from tests.peers.vectors import Given, UnknownToAdapter, Vector

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
NEVER = datetime(2100, 1, 1, tzinfo=UTC)
_MONTHS = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}


class NotOurs(Exception):
    """We have nothing to be asked that; the text says why not."""


def answer(vector: Vector) -> Answer:
    """By the names the vector expects. UnknownToAdapter if it says what is not understood here, NotOurs."""
    if vector.what not in _ANSWERS:
        raise UnknownToAdapter(f"kind: the adapter does not know {vector.what!r}")
    with vector.given() as given, given.inner("inputs") as inputs:
        given.get("currency")
        given.get("rounding")
        inputs.get("peer_quirk")
        return _ANSWERS[vector.what](inputs, vector)


def differs_on_purpose(vector: Vector) -> str:
    """Why we answer something else, where we do; empty for all that we should answer alike."""
    inputs = vector.data["inputs"]
    if vector.what in _OTHERWISE:
        return _OTHERWISE[vector.what]
    if inputs.get("alignment") == "anniversary" and vector.what == "next_date" and not _is_midnight(inputs):
        return "a cycle ends at a local midnight, whatever the hour it began"
    if vector.what == "credit_cap" and Decimal(inputs["potential_credit"]) > _left(Given(inputs)):
        return "more than is left to credit is refused, not cut down to it"
    if vector.what == "termination_credit_note" and Decimal(vector.expected.get("refund", "0")):
        return "a credit settles what is owed; that a part of it is paid back is for a person to decide"
    if inputs.get("factor_scale"):
        return "a part of a cycle is an exact fraction, never one of nine decimals"
    return ""


_OTHERWISE = {
    "fixed_month_factor": "a month has the days it has, never thirty by agreement",
    "timezone_change": "a contract's zone is frozen: when the customer moves, its windows stay",
}


def _is_midnight(inputs: dict[str, str]) -> bool:
    local = datetime.fromisoformat(inputs["anchor"]).astimezone(zone_named(inputs["timezone"]))
    return midnight(local.date(), inputs["timezone"]) == local


# ---------------------------------------------------------------- parts of a cycle


def _prorated_amount(inputs: Given, vector: Vector) -> Answer:
    basis = inputs.one_of("basis", "day_end_exclusive", "day_inclusive", "second", "none")
    inputs.get("price_inferred")  # of weaker evidence, and asked all the same
    inputs.get("factor_scale")
    inputs.get("started_at")  # its local date is the first active day
    zone = inputs.get("timezone", "UTC")
    sign = inputs.number_or("sign", ONE)
    for name in ("period_start", "period_end", "active_from", "active_to"):
        inputs.get(name)
    if inputs.has("units_used"):
        share = Fraction(inputs.number("units_used")) / Fraction(inputs.number("units_in_period"))
        exact = share_of(EXACT.multiply(inputs.number("price"), inputs.number("quantity")), share)
    else:
        part = _period(inputs, "active_from", "active_to", basis, zone)
        cycle = _period(inputs, "period_start", "period_end", basis, zone)
        exact = _comes_to(inputs, part, cycle, basis, zone)
    return {"amount": _rounded(vector, EXACT.multiply(exact, sign))}


def _plan_change(inputs: Given, vector: Vector) -> Answer:
    """Billing is a difference: of the old plan the whole cycle was billed, and less of it is owed."""
    basis = inputs.one_of("basis", "day_end_exclusive", "day_inclusive", "second", "none")
    cycle = _period(inputs, "period_start", "period_end", basis, "UTC")
    change_at = _instant(inputs.need("change_at"), "UTC")
    before, after = Period(cycle.start, change_at), Period(change_at, cycle.end)
    currency = _currency(vector)
    credit, charge = Money.zero(currency), Money.zero(currency)
    for item in inputs.each("old"):
        credit += _billed(item, before, cycle, basis, currency) - _billed(item, cycle, cycle, basis, currency)
    for item in inputs.each("new"):
        is_whole = item.one_of("full_new_period", False, True)
        charge += _billed(item, cycle if is_whole else after, cycle, basis, currency)
    return {"credit": credit.amount, "charge": charge.amount, "net": (credit + charge).amount}


def _billed(item: Given, part: Period, cycle: Period, basis: str, currency: str) -> Money:
    off: tuple[Adjustment, ...] = ()
    if item.has("discount_kind"):
        item.one_of("discount_kind", "percent")
        off = (PercentOff(item.number("discount_value"), "peer"),)
    return Money(_comes_to(item, part, cycle, basis, "UTC", off), currency).rounded()


def _comes_to(
    item: Given, part: Period, cycle: Period, basis: str, zone: str, off: tuple[Adjustment, ...] = ()
) -> Decimal:
    """What a price comes to in a part of a cycle; where that is no number of months, its share of what is due once."""
    months = _length(cycle, zone)
    prorations: dict[str, Proration] = {"second": "second", "none": "none"}
    term = Term(
        key="line",
        product="product",
        prices=(Price(cycle.start, PerUnit(item.number("price")), "peer"),),
        currency="USD",
        start=part.start if months else cycle.start,
        end=part.end if months else cycle.end,
        zone=zone,
        cycle_months=months,
        in_advance=True,
        quantity=item.number("quantity"),
        adjustments=off,
        proration=prorations.get(basis, "day"),
        anchor=cycle.start if months else None,
    )
    exact = sum((line.exact for line in rate([term], _no_usage, cycle.end)), ZERO)
    return exact if months else share_of(exact, term.share(part, cycle)[0])


def _true_up(inputs: Given, vector: Vector) -> Answer:
    """What the fees, which are rounded lines, leave of a cycle's minimum in proportion."""
    inputs.one_of("round_minimum_before_subtracting", True, False)  # the same, as the fees are in whole cents
    fees = sum(inputs.numbers("fees"), ZERO)
    share = Fraction(inputs.number("units_used")) / Fraction(inputs.number("units_in_period"))
    with exactly():
        fall = Waterfall(_currency(vector))
        fall.to(fees, "list", "fees", "peer")
        adjust(fall, prorated([Minimum(inputs.number("minimum"), "peer")], share))
    return {"true_up": _rounded(vector, fall.total - fees)}


def _termination(inputs: Given, vector: Vector) -> Answer:
    """The fee was billed less its coupon; what is owed now is the used part, less what was credited of it before."""
    for name in ("invoice_paid", "invoice_total", "paid_share", "timezone", "tax_asserted"):
        inputs.get(name)
    inputs.one_of("total_is_sum_of_rounded_parts", True, False)  # always so
    currency, units = _currency(vector), inputs.number("units_in_period")
    if inputs.has("units_used") and not inputs.has("paid_share"):
        used = inputs.number("units_used")
    else:
        inputs.get("units_used")
        used = units - inputs.number("units_unused")
    inputs.get("units_unused")
    with exactly():
        fee = inputs.number("fee_amount")
        fall = Waterfall(currency)
        fall.to(fee, "list", "fee", "peer")
        adjust(fall, [AmountOff(inputs.number_or("coupon_on_fee", ZERO), "peer")])
        billed = fall.total
        owed = Money(share_of(billed, Fraction(used) / Fraction(units)), currency).rounded()
        before = share_of(inputs.number_or("already_credited_excl_tax", ZERO), Fraction(billed) / Fraction(fee))
        credit = Money(billed, currency) - owed - Money(before, currency).rounded()
    (taxed,) = tax([(credit.amount, inputs.number("tax_rate_percent"))], currency)
    whole = credit.amount + taxed
    return {"total": whole, "tax": taxed, "credit": whole, "refund": ZERO}


def _credit_cap(inputs: Given, vector: Vector) -> Answer:
    left = _left(inputs)
    return {"credit": credit if (credit := inputs.number("potential_credit")) <= left else "refused"}


def _left(inputs: Given) -> Decimal:
    return inputs.number("original_amount_paid") - inputs.number("previously_credited")


def _fixed_month(inputs: Given, vector: Vector) -> Answer:
    """By the days that the month of the first day has."""
    inputs.get("fixed_days_in_month")
    first = date.fromisoformat(inputs.need("from"))
    part = Period(midnight(first, "UTC"), _instant(inputs.need("to"), "UTC"))
    days = days_long(part, "UTC")
    factor = days / days_long(Period(midnight(first, "UTC"), midnight(add_months(first, 1), "UTC")), "UTC")
    return {"days": Decimal(int(days)), "factor": share_of(ONE, factor)}


# ---------------------------------------------------------------- cycles


def _cycles_in_advance(inputs: Given, vector: Vector) -> Answer:
    """The shares of the cycles that fell due, whole ones counted together.

    The peer begins its cycles with the first billing day that comes in the month of the start or after it.
    """
    _, months = _interval(inputs)
    start, day = date.fromisoformat(inputs.need("start")), int(inputs.number("billing_day"))
    first = anchored(midnight(start, "UTC"), "UTC", day)
    if months > 1 and day > start.day:
        first = midnight(_back(date(start.year, start.month, 1), day, months, start), "UTC")
    end = _instant(inputs.get("end"), "UTC") if inputs.has("end") else NEVER
    term = _counting(midnight(start, "UTC"), end, "UTC", months, first)
    shares = [term.share(billed, cycle) for cycle, billed in term.cycles(_instant(inputs.need("target"), "UTC"))]
    terms: list[str] = []
    for share, alike in groupby(shares):
        whole = share[0] == 1
        terms += [str(len(list(alike)))] if whole else [share[1].removesuffix(" days").replace(" of ", "/")]
    return {"cycles_terms": terms}


def _billing_period(inputs: Given, vector: Vector) -> Answer:
    zone, (unit, months) = inputs.need("timezone"), _interval(inputs)
    begins = date.fromisoformat(inputs.need("subscription_at"))
    if inputs.one_of("alignment", "anniversary", "calendar") == "calendar":
        begins = _unit_start(begins, unit)
    at = datetime.fromisoformat(inputs.need("billing_at"))
    billed = inputs.one_of("billed", "in_arrears", "in_advance", "current")
    term = _counting(midnight(begins, zone), NEVER, zone, months)
    period = term.cycle_at(at)
    if period is not None and billed == "in_arrears":
        period = term.cycle_at(period.start - SECOND)
    return {} if period is None else {"from": _said(period.start), "to": _said(period.end - SECOND)}


def _timezone_change(inputs: Given, vector: Vector) -> Answer:
    """In the zone that was agreed."""
    inputs.one_of("alignment", "calendar")
    inputs.one_of("interval", "month")
    inputs.one_of("billed", "in_arrears")
    inputs.need("new_timezone")
    inputs.need("billing_at_local")
    start = datetime.fromisoformat(inputs.need("previous_period_end")) + SECOND
    period = _counting(start, NEVER, inputs.need("previous_timezone"), 1).cycle_at(start)
    return {} if period is None else {"from": _said(period.start), "to": _said(period.end - SECOND)}


def _next_date(inputs: Given, vector: Vector) -> Answer:
    zone, (unit, months) = inputs.need("timezone"), _interval(inputs)
    start = datetime.fromisoformat(inputs.need("current_period_start"))
    end = datetime.fromisoformat(inputs.get("subscription_end")) if inputs.has("subscription_end") else NEVER
    local = start.astimezone(zone_named(zone)).date()
    if inputs.one_of("alignment", "anniversary", "calendar") == "calendar":
        anchor = midnight(_unit_start(local, unit), zone)
    else:
        anchor = _anchor(inputs, start, months)
    return {"next": _said(_cycle(start, start, end, anchor, months, zone).end)}


def _next_reset(inputs: Given, vector: Vector) -> Answer:
    zone, months = inputs.need("timezone"), _unit(inputs.need("reset"))
    inputs.get("subscription_end")
    start, now = (datetime.fromisoformat(inputs.need(name)) for name in ("subscription_start", "now"))
    return {"next": _said(_cycle(now, start, NEVER, _anchor(inputs, start, months), months, zone).end)}


def _anchor(inputs: Given, start: datetime, months: int) -> datetime:
    """Ours is never after the start: then the same day some cycles before it."""
    zone, anchor = inputs.need("timezone"), datetime.fromisoformat(inputs.need("anchor"))
    day, first = (each.astimezone(zone_named(zone)).date() for each in (anchor, start))
    return anchor if anchor <= start else midnight(_back(day.replace(day=1), day.day, months, first), zone)


def _cycle(at: datetime, start: datetime, end: datetime, anchor: datetime, months: int, zone: str) -> Period:
    period = _counting(start, end, zone, months, anchor).cycle_at(at)
    assert period is not None
    return period


def _period_containing(inputs: Given, vector: Vector) -> Answer:
    zone, (_, months) = inputs.need("timezone"), _interval(inputs)
    start, at = (datetime.fromisoformat(inputs.need(name)) for name in ("subscription_start", "event_at"))
    period = _cycle(at, start, NEVER, _anchor(inputs, start, months), months, zone)
    return {"period_start": _said(period.start), "period_end": _said(period.end)}


def _month_sequence(inputs: Given, vector: Vector) -> Answer:
    start = midnight(date.fromisoformat(inputs.need("start")), "UTC")
    term = _counting(start, NEVER, "UTC", 1, anchored(start, "UTC", int(inputs.number("anchor_day"))))
    begins = [f"{billed.start.date()}" for _, billed in term.cycles(start + 31 * DAY * int(inputs.number("count")))]
    return {"dates": begins[: int(inputs.number("count"))]}


# ---------------------------------------------------------------- days and instants


def _day_count(inputs: Given, vector: Vector) -> Answer:
    zone = inputs.need("timezone")
    first, last = (datetime.fromisoformat(inputs.need(name)).date() for name in ("from_local", "to_local"))
    return {"days": Decimal(int(days_long(Period(midnight(first, zone), midnight(last, zone)), zone)))}


def _floor_time(inputs: Given, vector: Vector) -> Answer:
    zone = inputs.need("timezone")
    at = datetime.fromisoformat(inputs.need("at"))
    if (unit := inputs.need("unit")) != "day":
        raise NotOurs(f"no period of ours begins with the {unit}")
    return {"at": _said(midnight(at.astimezone(zone_named(zone)).date(), zone))}


def _add_days(inputs: Given, vector: Vector) -> Answer:
    raise NotOurs("nothing is billed so many days after an instant")


# ---------------------------------------------------------------- words of the peers as ours


def _length(cycle: Period, zone: str) -> int:
    """How many months it has; 0 where it is no number of them."""
    first, after = (edge.astimezone(zone_named(zone)).date() for edge in (cycle.start, cycle.end))
    months = (after.year - first.year) * 12 + after.month - first.month
    return months if months > 0 and midnight(add_months(first, months), zone) == cycle.end else 0


def _counting(start: datetime, end: datetime, zone: str, months: int, anchor: datetime | None = None) -> Term:
    """A term of which only the cycles are asked."""
    return Term(
        key="line",
        product="product",
        prices=(Price(start, Flat(ZERO), "peer"),),
        currency="USD",
        start=start,
        end=end,
        zone=zone,
        cycle_months=months,
        in_advance=True,
        anchor=anchor,
    )


def _back(month: date, day: int, months: int, start: date) -> date:
    """The day in a month some cycles before this one: not after the start, in a month that has it."""
    for count in range(1, 49):
        found = add_months(month, -months * count)
        if monthrange(found.year, found.month)[1] >= day and found.replace(day=day) <= start:
            return found.replace(day=day)
    raise UnknownToAdapter(f"no cycle of {months} months begins on a day {day}")


def _unit_start(local: date, months: int) -> date:
    """The first day of the month, quarter, half year or year."""
    return date(local.year, (local.month - 1) // months * months + 1, 1)


def _interval(inputs: Given) -> tuple[int, int]:
    """The months of its unit, and how many of them a cycle has."""
    if not isinstance(inputs.need("interval"), dict):
        unit, count = inputs.need("interval"), 1
    else:
        with inputs.inner("interval") as interval:
            unit, count = interval.need("unit"), int(interval.number("count"))
    return _unit(unit), _unit(unit) * count


def _unit(name: str) -> int:
    if name in ("day", "week"):
        raise NotOurs(f"cycles are counted in months, none is a {name}")
    return _MONTHS[name]


def _period(inputs: Given, start: str, end: str, basis: str, zone: str) -> Period:
    """Half-open; where the peer's last day is covered, until the next."""
    after = _instant(inputs.need(end), zone)
    if basis == "day_inclusive":
        after = midnight(date.fromisoformat(inputs.need(end)) + DAY, zone)
    return Period(_instant(inputs.need(start), zone), after)


def _instant(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text) if "T" in text else midnight(date.fromisoformat(text), zone)


def _said(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _currency(vector: Vector) -> str:
    return str(vector.data.get("currency") or "USD")


def _rounded(vector: Vector, value: Decimal) -> Decimal:
    rounding = vector.data.get("rounding")
    scale = int(rounding["scale"]) if rounding else None
    return Rounding(scale).of_amount(value, _currency(vector))


def _no_usage(*asked: object) -> Decimal:
    return ZERO


_ANSWERS: dict[str, Callable[[Given, Vector], Answer]] = {
    "prorated_amount": _prorated_amount,
    "plan_change": _plan_change,
    "prorated_minimum_true_up": _true_up,
    "termination_credit_note": _termination,
    "credit_cap": _credit_cap,
    "fixed_month_factor": _fixed_month,
    "billing_cycles_in_advance": _cycles_in_advance,
    "billing_period": _billing_period,
    "timezone_change": _timezone_change,
    "next_date": _next_date,
    "next_usage_reset": _next_reset,
    "period_containing": _period_containing,
    "month_sequence": _month_sequence,
    "day_count": _day_count,
    "floor_time": _floor_time,
    "add_days": _add_days,
}
