"""A contract's prices of its own, as people read them: what each is for, where it acts, and why not elsewhere."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.models import Contract, Override
from contracts.overrides import AgreedOverride, decisions
from contracts.queries import agreed_override
from contracts.words import day_text, period_text
from pricing.money import ZERO, grouped, plain
from pricing.periods import Period, local_day


@dataclass(frozen=True, slots=True)
class ShownOverride:
    """A price of the contract alone: what it is for, and where it acts or, with the reason, does not."""

    target: str
    price: str
    days: str
    priority: int
    acts_on: str
    losses: Sequence[str]


def shown_overrides(contract: Contract) -> list[ShownOverride]:
    """The contract's overrides, those that act somewhere first. Two queries."""
    overrides = [
        (row, agreed_override(row)) for row in contract.overrides.select_related("product").order_by("agreed_at", "pk")
    ]
    acts: dict[str, list[str]] = defaultdict(list)
    losses: dict[str, list[str]] = defaultdict(list)
    for line in contract.lines.select_related("product") if overrides else ():
        covering = [price for _, price in overrides if price.covers(line.product)]
        acting, lost = decisions(covering, line.start_at, line.end_at)
        for key in acting:
            acts[key].append(line.product.name)
        for key, each in lost.items():
            losses[key].append(f"Not used for {line.product.name}: {each.why} ({each.winner.words}).")
    shown = [
        ShownOverride(
            target=", ".join(filter(None, [str(row.product or ""), price.target.strip()])),
            price=override_text(price, contract.currency),
            days=_override_days(row, contract),
            priority=row.priority,
            acts_on=", ".join(dict.fromkeys(acts[price.key])),
            losses=list(dict.fromkeys(losses[price.key])),
        )
        for row, price in overrides
    ]
    return sorted(shown, key=lambda each: (not each.acts_on, each.target, each.priority))


def override_text(price: AgreedOverride, currency: str) -> str:
    """`$0.90 each`, `0.8 × the list price`, `the list price × 1 up to 1,000, × 0.8 beyond`."""
    if price.charge is not None:
        return price.charge.sentence(currency)
    if not price.tiers:
        return f"{plain(price.multiplier or ZERO)} × the list price"
    steps = [
        f"× {plain(each.multiplier)} {f'up to {grouped(each.up_to)}' if each.up_to is not None else 'beyond'}"
        for each in price.tiers
    ]
    return f"the list price {', '.join(steps)}"


def _override_days(row: Override, contract: Contract) -> str:
    """From its first day to its last, as long as the contract where it has no end."""
    end = min(row.end_at or contract.end_at, contract.end_at)
    if end <= row.start_at:
        return f"from {day_text(local_day(row.start_at, contract.time_zone))}"
    return period_text(Period(row.start_at, end), contract.time_zone)
