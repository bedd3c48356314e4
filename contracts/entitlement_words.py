"""Entitlements as people read them: what there is, how far it is used, when it starts anew, and where it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.urls import reverse

from catalog import uses
from catalog.grants import UNLIMITED, amount_words
from catalog.models import Feature
from contracts.entitled import customers_with, holders_of
from contracts.entitlements import Allowance, Entitlement, Source
from contracts.models import CapReading, Customer, UsageCap
from contracts.presentation import percent_of
from contracts.words import amount_text, quantity_text
from governance import clock
from governance.doors import may, visible
from pricing.figures import grouped
from pricing.money import ZERO
from pricing.periods import zone_named

SHOWN = 50  # customers on the page of a feature


@dataclass(frozen=True, slots=True)
class ShownAllowance:
    """One window: `has` is all of it; `percent` of it is used, None where nothing is counted."""

    has: str
    used: str
    left: str
    percent: int | None
    is_full: bool
    resets: str


@dataclass(frozen=True, slots=True)
class ShownCap:
    """A customer's own cap; `soft` and `hard` are empty where there is none, `percent` is of the last of them."""

    of: str
    used: str
    soft: str
    hard: str
    percent: int
    is_reached: bool


@dataclass(frozen=True, slots=True)
class ShownEntitlement:
    name: str
    has: str
    allowances: Sequence[ShownAllowance]
    sources: Sequence[str]


def shown(entitlement: Entitlement, zone: str) -> ShownEntitlement:
    """With instants of the zone."""
    return ShownEntitlement(
        entitlement.feature.name,
        "" if entitlement.allowances else entitlement.value or ("yes" if entitlement.is_granted else "no"),
        [_allowance(each, zone) for each in entitlement.allowances],
        [_source(each, zone) for each in entitlement.sources],
    )


def shown_caps(customer: Customer) -> list[ShownCap]:
    """Its own caps, with what the month came to when it was read last."""
    return [_cap(cap, customer) for cap in customer.usage_caps.select_related("product", "reading")]


def register() -> None:
    """Tell the catalog who has its features."""
    uses.register_of_feature(_customers)
    uses.register_of_feature(_overrides)


def _cap(cap: UsageCap, customer: Customer) -> ShownCap:
    def text(amount: Decimal | None) -> str:
        if amount is None:
            return ""
        if cap.measure == UsageCap.Measure.MONEY:
            return amount_text(amount, customer.currency)
        return quantity_text(amount, cap.product.unit if cap.product else "")

    reading: CapReading | None = getattr(cap, "reading", None)
    used = reading.amount if reading else ZERO
    end = cap.hard_limit if cap.hard_limit is not None else cap.soft_limit
    return ShownCap(
        str(cap.product or "Everything metered"),
        text(used),
        text(cap.soft_limit),
        text(cap.hard_limit),
        percent_of(used, end or ZERO),
        cap.hard_limit is not None and used >= cap.hard_limit,
    )


def _allowance(each: Allowance, zone: str) -> ShownAllowance:
    is_counted = each.period is not None
    amount = UNLIMITED if each.limit is None else grouped(each.limit)
    resets = each.resets_at
    return ShownAllowance(
        has=amount_words(amount, each.window if is_counted else "", each.is_hard or each.limit is None),
        used=grouped(each.used) if is_counted else "",
        left=grouped(each.remaining) if is_counted and each.remaining is not None else "",
        percent=percent_of(each.used, each.limit) if is_counted and each.limit is not None else None,
        is_full=each.limit is not None and is_counted and each.used >= each.limit,
        resets=_instant_text(resets, zone) if resets else "",
    )


def _source(each: Source, zone: str) -> str:
    if each.kind == "product":
        return f"{each.name} in {each.contract}"
    where = f" for {each.contract}" if each.contract else ""
    until = f", until {_instant_text(each.until, zone)}" if each.until else ""
    return f"{each.kind}{where}{until}: {each.name}"


def _instant_text(at: datetime, zone: str) -> str:
    local = at.astimezone(zone_named(zone))
    return f"{local.day} {local:%b %Y, %H:%M}"


def _customers(feature: Feature, user: Any) -> uses.Kind:
    """Who has it now and why, for nobody everybody."""
    at = clock.now()
    found = customers_with(feature, at)
    if user is not None:
        found = visible(found, user) if may(user, "contracts.view_customer") else found.none()
    holders = holders_of(feature, found.order_by("name", "key")[:SHOWN], at)
    return uses.Kind("Customers who have it", [_holder(each) for each in holders])


def _holder(holder: Any) -> uses.Use:
    (entitlement,) = holder.entitlements
    said = shown(entitlement, "UTC")
    has = said.has or " and ".join(each.has for each in said.allowances)
    return uses.Use(
        f"{holder.name}: {has} ({'; '.join(said.sources)})",
        reverse("admin:contracts_customer_change", args=[holder.pk]),
    )


def _overrides(feature: Feature, user: Any) -> uses.Kind:
    """Ever given to anybody."""
    found = feature.overrides.select_related("customer", "feature")
    if user is not None:
        allowed = may(user, "contracts.view_entitlementoverride")
        found = visible(found, user) if allowed else found.none()
    rows = [
        uses.Use(f"{each}: {each.reason}", reverse("admin:contracts_entitlementoverride_change", args=[each.pk]))
        for each in found
    ]
    url = reverse("admin:contracts_entitlementoverride_changelist")
    return uses.Kind("Overrides and trials", rows, f"{url}?feature__id__exact={feature.pk}")
