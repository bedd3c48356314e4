"""What a customer may use at an instant, from everything that gives it something: pure, values in, values out.

- What lines in force grant and what trials add is put together: numbers are summed, on or off is on if one says so, of
  settings the one given last counts. "Unlimited" is more than any number.
- An override says what is instead: one of a contract instead of what that contract grants, one of the customer instead
  of everything granted. Of several the one that began last acts. Trials are added to it.
- Each window of a feature is put together by itself, and all of them must have room. Beyond a window the answer is
  no, unless one of its sources is soft: then it is overage.

Every answer names the sources it was made of.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from pricing.money import ZERO, parse
from pricing.periods import Period, add_months, cycles, local_day, midnight

UNLIMITED = "unlimited"
OFF = "off"
FIVE_HOURS = timedelta(hours=5)
_SKEW = timedelta(minutes=5)  # events may be so far ahead of our clock; a rolling window counts them
_MOMENT = timedelta(microseconds=1)

Reason = Literal["granted", "overage", "not_granted", "limit_reached", "cap_reached", "payment_overdue"]


@dataclass(frozen=True, slots=True)
class Feature:
    key: str
    name: str
    kind: str
    meter: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Something that gives a feature for a time: a product of a contract, an override, or a trial.

    `seats` is what its number is times (None: it is not for each seat). Cycles count from `anchor` in `zone`.
    """

    kind: Literal["product", "override", "trial"]
    name: str
    value: str
    window: str
    is_hard: bool
    since: datetime
    until: datetime | None
    zone: str
    anchor: datetime
    contract: str = ""
    seats: Decimal | None = None

    @property
    def amount(self) -> Decimal | None:
        """The number it gives; None is unlimited."""
        if self.value == UNLIMITED:
            return None
        return parse(self.value) * (1 if self.seats is None else self.seats)


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much of a feature there is in one window, and how much of it is used. No limit: as much as one likes.

    `period` is what usage is counted over: None for a limit, which the one who asks counts.
    """

    window: str
    limit: Decimal | None
    is_hard: bool
    sources: Sequence[Source]
    period: Period | None = None
    used: Decimal = ZERO

    @property
    def remaining(self) -> Decimal | None:
        return None if self.limit is None else max(self.limit - self.used, ZERO)

    @property
    def resets_at(self) -> datetime | None:
        """When it starts anew; None where it never does, or little by little."""
        return None if self.period is None or self.window == "rolling_five_hours" else self.period.end

    def left_after(self, quantity: Decimal) -> Decimal | None:
        """What would be left (below zero: how much too much); None is no end of it."""
        return None if self.limit is None else self.limit - self.used - quantity


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A feature as a customer has it. `value` is the setting of a configured one."""

    feature: Feature
    is_granted: bool
    is_hard: bool
    sources: Sequence[Source]
    value: str = ""
    allowances: Sequence[Allowance] = ()


@dataclass(frozen=True, slots=True)
class Cap:
    """How far the customer wants to go in a month, and how far it went when that was read last.

    On a meter only what that one counts; without, everything that is metered.
    """

    name: str
    meter: str
    amount: Decimal
    soft_limit: Decimal | None
    hard_limit: Decimal | None

    def is_on(self, feature: Feature) -> bool:
        return bool(feature.meter) and self.meter in ("", feature.meter)

    @property
    def is_reached(self) -> bool:
        return self.hard_limit is not None and self.amount >= self.hard_limit

    @property
    def is_near(self) -> bool:
        return self.soft_limit is not None and self.amount >= self.soft_limit


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether so much of a feature may be used now, why, and what decides it (the tightest window, if any).

    `soft_caps` are the customer's own that are reached: it is allowed, but they wanted to know.
    """

    allowed: bool
    reason: Reason
    detail: str
    is_overage: bool = False
    allowance: Allowance | None = None
    soft_caps: Sequence[str] = ()


def resolved(feature: Feature, sources: Iterable[Source], at: datetime, zone: str) -> Entitlement:
    """What these sources, all in force at the instant, come to. Windows of the calendar are those of `zone`."""
    if feature.kind in ("limit", "metered"):
        by_window: dict[str, list[Source]] = defaultdict(list)
        for each in sources:
            by_window[each.window].append(each)
        allowances = [_allowance(feature, window, by_window[window], at, zone) for window in sorted(by_window)]
        acting = [each for allowance in allowances for each in allowance.sources]
        is_hard = any(each.is_hard for each in allowances)
        return Entitlement(feature, bool(allowances), is_hard, acting, allowances=allowances)
    acting = _acting(sources)
    is_hard = bool(acting) and all(each.is_hard for each in acting)
    if feature.kind == "boolean":
        return Entitlement(feature, any(each.value != OFF for each in acting), is_hard, acting)
    last = max(acting, key=lambda each: each.since, default=None)
    if last is None:
        return Entitlement(feature, False, True, ())
    return Entitlement(feature, True, last.is_hard, [last], last.value)


def checked(
    entitlement: Entitlement,
    quantity: Decimal,
    at: datetime,
    *,
    access_until: datetime | None = None,
    caps: Iterable[Cap] = (),
) -> Answer:
    """Whether so much more may be used; of a limit, so much in all. `access_until`: an invoice is overdue, and hard
    features are refused from then on. A hard cap of the customer's own that is reached refuses, too."""
    name = entitlement.feature.name
    mine = [each for each in caps if each.is_on(entitlement.feature)]
    soft = tuple(each.name for each in mine if each.is_near)
    if not entitlement.is_granted:
        return Answer(False, "not_granted", f"Nothing gives access to {name}.")
    if access_until is not None and access_until <= at and entitlement.is_hard:
        return Answer(False, "payment_overdue", f"{name} is closed until what is overdue is paid.")
    if (reached := next((each for each in mine if each.is_reached), None)) is not None:
        detail = f"The customer's own cap on {reached.name} is reached for this month."
        return Answer(False, "cap_reached", detail, soft_caps=soft)
    if not entitlement.allowances:
        return Answer(True, "granted", f"{name} is granted.")
    # The hard ones first: what is refused is refused, whatever else is overage.
    tight = sorted(entitlement.allowances, key=lambda each: (not each.is_hard, _room(each, quantity)))
    for each in tight:
        left = each.left_after(quantity)
        if left is not None and left < 0:
            if each.is_hard:
                detail = f"There is not so much left of {name}."
                return Answer(False, "limit_reached", detail, allowance=each, soft_caps=soft)
            detail = f"{name} is beyond what is included."
            return Answer(True, "overage", detail, is_overage=True, allowance=each, soft_caps=soft)
    least = min(tight, key=lambda each: _room(each, quantity))
    return Answer(True, "granted", f"{name} is granted.", allowance=least, soft_caps=soft)


def counted(entitlement: Entitlement, used: Mapping[Period, Decimal]) -> Entitlement:
    """The same with what was used in each period."""
    return replace(
        entitlement,
        allowances=[
            each if each.period is None else replace(each, used=used[each.period]) for each in entitlement.allowances
        ],
    )


def window_at(window: str, at: datetime, zone: str, source: Source) -> Period:
    """The window that an instant lies in. Cycles and blocks of five hours count from the source; days, weeks and months
    are those of the calendar in `zone`."""
    day = local_day(at, zone)
    match window:
        case "cycle":
            return next(cycles(at, source.zone, 1, at + _MOMENT, min(source.anchor, at)))
        case "month":
            return month_at(at, zone)
        case "week":
            monday = day - timedelta(days=day.weekday())
            return Period(midnight(monday, zone), midnight(monday + timedelta(days=7), zone))
        case "day":
            return Period(midnight(day, zone), midnight(day + timedelta(days=1), zone))
        case "five_hours":
            start = source.since + (at - source.since) // FIVE_HOURS * FIVE_HOURS
            return Period(start, start + FIVE_HOURS)
        case "rolling_five_hours":
            return Period(at - FIVE_HOURS, at + _SKEW)
    raise ValueError(f"there is no window {window!r}")


def month_at(at: datetime, zone: str) -> Period:
    """The calendar month of the zone that an instant lies in."""
    first = local_day(at, zone).replace(day=1)
    return Period(midnight(first, zone), midnight(add_months(first, 1), zone))


def _allowance(feature: Feature, window: str, sources: Collection[Source], at: datetime, zone: str) -> Allowance:
    acting = _acting(sources)
    amounts = [each.amount for each in acting]
    limit = None if None in amounts else sum((each for each in amounts if each is not None), ZERO)
    first = min(acting, key=lambda each: each.since)
    period = window_at(window, at, zone, first) if feature.kind == "metered" else None
    return Allowance(window, limit, all(each.is_hard for each in acting), acting, period)


def _acting(sources: Iterable[Source]) -> list[Source]:
    """Those that count: an override instead of what is granted where it holds, and every trial."""
    found = sorted(sources, key=lambda each: each.since)
    of_customer = [each for each in found if each.kind == "override" and not each.contract]
    trials = [each for each in found if each.kind == "trial"]
    if of_customer:
        return [of_customer[-1], *trials]
    of_contract = {each.contract: each for each in found if each.kind == "override"}  # the last one stays
    granted = [each for each in found if each.kind == "product" and each.contract not in of_contract]
    return [*granted, *of_contract.values(), *trials]


def _room(allowance: Allowance, quantity: Decimal) -> Decimal:
    left = allowance.left_after(quantity)
    return Decimal("Infinity") if left is None else left
