"""What customers may use, on their account page, and the cap they set there for themselves."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from contracts.account import Section
from contracts.entitled import entitlements_of
from contracts.entitlement_words import shown, shown_caps
from contracts.models import Customer, UsageCap
from contracts.operations import remove_cap, set_cap
from contracts.operations.caps import cap_problems
from governance.acts import Act
from pricing.money import parse, plain

LIMITS = ("soft_limit", "hard_limit")


def use_section(customer: Customer, at: datetime) -> Section | None:
    """Features with what is left of them, the customer's caps, and the form for one on everything."""
    holder = entitlements_of(customer.key, at)
    if not holder.entitlements and not customer.contracts.filter(end_at__gt=at).exists():
        return None
    own = _own_cap(customer)
    about = {
        "entitlements": [shown(each, customer.time_zone) for each in holder.entitlements],
        "caps": shown_caps(customer),
        "currency": customer.currency,
        "set": {name: plain(limit) for name in LIMITS if own and (limit := getattr(own, name)) is not None},
    }
    return Section("What you may use", "account/use.html", about)


def cap_from(customer: Customer, typed: Mapping[str, str], at: datetime) -> dict[str, str]:
    """Set the customer's cap on everything to what was typed, or remove it where nothing was.

    Answers with what is wrong, by the name of the field; then nothing is changed.
    """
    act = Act(None, customer.name, "Set on the account page", at)
    limits: dict[str, Decimal | None] = {}
    wrong = {}
    for name in LIMITS:
        text = typed.get(name, "").strip()
        try:
            limits[name] = parse(text) if text else None
        except ValueError:
            wrong[name] = "Write an amount in plain digits, like 250.00."
    if wrong:
        return wrong
    if not any(limit is not None for limit in limits.values()):
        if own := _own_cap(customer):
            remove_cap(own, act=act)
        return {}
    if problems := cap_problems(customer, None, UsageCap.Measure.MONEY, limits["soft_limit"], limits["hard_limit"]):
        return problems
    set_cap(customer, soft_limit=limits["soft_limit"], hard_limit=limits["hard_limit"], act=act)
    return {}


def _own_cap(customer: Customer) -> UsageCap | None:
    return customer.usage_caps.filter(product=None, measure=UsageCap.Measure.MONEY).first()
