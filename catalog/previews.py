"""What a price under somebody's hands means: its sentence, its curve, what is wrong with it, what some usage comes to.

Nothing is written. The charge is read by `pricing.charges.load` and rated by `pricing.rating`, as everywhere.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from catalog import prices, trials
from catalog.charts import Charts, charts
from catalog.editions import Offer
from catalog.models import Product, RateCardVersion
from catalog.operations.rates import check_offer
from catalog.queries import version_at
from governance.acts import Refused
from pricing.charges import Capacity, Charge, ChargeError, Matrix, load
from pricing.curves import cliffs
from pricing.measures import WHOLE, Measured
from pricing.money import EXACT, ONE, grouped, shown
from pricing.rating import RatedLine

_NAMED = re.compile(r"(?P<where>[A-Za-z_][\w.\[\]-]*): (?P<what>.+)", re.DOTALL)
LONGEST = 200_000
MOST_EXAMPLES = 8


@dataclass(frozen=True, slots=True)
class Against:
    """The same usage at the price in force today; without an amount it is not comparable, and `sentence` says why."""

    sentence: str
    amount: Decimal | None = None
    difference: Decimal | None = None
    percent: Decimal | None = None


@dataclass(slots=True)
class Preview:
    """All that the page shows beside the form. `errors` name the field of the charge they are about."""

    errors: list[dict[str, str]] = field(default_factory=list)
    charge: Charge | None = None
    sentence: str = ""
    billed: str = ""
    charts: Charts | None = None
    cliffs: list[str] = field(default_factory=list)
    line: RatedLine | None = None
    rows: list[trials.Row] = field(default_factory=list)
    unpriced: list[str] = field(default_factory=list)
    against: Against | None = None
    margin: trials.Margin | None = None

    @property
    def shape(self) -> dict[str, Any] | None:
        """How the charge wants its usage told apart, for the try-it box."""
        if self.charge is None:
            return None
        split = self.charge.split
        return {"basis": self.charge.basis, "by": list(split.by), "window": split.window, "each": split.each}

    @property
    def examples(self) -> list[dict[str, Any]]:
        """Usage to begin with, for a price that tells it apart by property: a row for each cell or unit."""
        if self.charge is None or not self.charge.split.by:
            return []
        by = self.charge.split.by
        rows = [{"values": [values.get(name) for name in by]} for values in _told_apart(self.charge)]
        return rows[:MOST_EXAMPLES]


def read(text: str, currency: str) -> Charge:
    """The charge that this JSON describes; ChargeError naming what is wrong with it."""
    if len(text) > LONGEST:
        raise ChargeError("charge: this is too long for a price")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        at = f"line {error.lineno}, column {error.colno}: " if isinstance(error, json.JSONDecodeError) else ""
        raise ChargeError(f"charge: {at}this is not JSON") from None
    return load(data, currency)


def named(sentence: str) -> dict[str, str]:
    """An error of the kernel, taken apart into the field it names and what it says."""
    match = _NAMED.fullmatch(sentence)
    return {"where": match["where"], "what": match["what"]} if match else {"where": "", "what": sentence}


def preview(
    draft: RateCardVersion,
    product: Product,
    text: str,
    *,
    cycle_months: int,
    in_advance: bool,
    trial: Mapping[str, Any],
    shows_margin: bool,
    at: datetime,
) -> Preview:
    """What this text means as the price of a product in a draft. A product not saved yet will do."""
    seen, currency = Preview(), draft.card.currency
    try:
        seen.charge = read(text, currency)
    except ChargeError as error:
        seen.errors.append(named(str(error)))
        return seen
    offer = Offer(seen.charge, cycle_months, in_advance)
    seen.sentence, seen.billed = seen.charge.sentence(currency), prices.billed(offer)
    seen.charts = charts(seen.charge, currency, product.unit)
    seen.cliffs = [_cliff(at, after, drop, currency, product.unit) for at, after, drop in cliffs(seen.charge)]
    try:
        check_offer(product, offer)
    except Refused as refusal:
        seen.errors.append({"where": "", "what": str(refusal)})
    _try(seen, draft, product, offer, trial, shows_margin=shows_margin, at=at)
    return seen


def _try(
    seen: Preview,
    draft: RateCardVersion,
    product: Product,
    offer: Offer,
    trial: Mapping[str, Any],
    *,
    shows_margin: bool,
    at: datetime,
) -> None:
    currency, split = draft.card.currency, offer.charge.split
    if split != WHOLE and "parts" not in trial:
        return  # the page learns only now how the usage is to be told apart
    try:
        usage = trials.measured(trial, split, at) if offer.charge.basis != "none" else ONE
        seen.line = trials.tried(offer, currency, usage, split, at)
    except ValueError as error:
        seen.errors.append(named(str(error)))
        return
    except ArithmeticError:
        seen.errors.append({"where": "trial", "what": "this comes to more than can be reckoned"})
        return
    seen.rows = trials.rows(seen.line)
    seen.unpriced = [f"{grouped(part.quantity)} {_valued(split.by, part.values)}" for part in seen.line.unpriced]
    if product._state.adding:
        return
    seen.against = _against(draft, product, offer, usage, seen.line, at)
    if shows_margin and offer.charge.basis == "quantity" and not split.each:
        seen.margin = trials.margin(product, seen.line, usage, split, at)


def _against(
    draft: RateCardVersion, product: Product, offer: Offer, usage: Measured, line: RatedLine, at: datetime
) -> Against | None:
    """The same usage at the price in force; None where there is none."""
    version = version_at(draft.card, at)
    rows = prices.price_list(version, at=at) if version is not None else []
    row = next((row for row in rows if row.product.pk == product.pk), None)
    if row is None:
        return None
    if row.offer.cycle_months != offer.cycle_months or row.offer.charge.basis != offer.charge.basis:
        return Against(f"In force: {row.sentence}, {row.billed}")
    now = trials.tried(row.offer, draft.card.currency, usage, offer.charge.split, at).amount.amount
    difference = line.amount.amount - now
    percent = EXACT.divide(difference * 100, now) if now else None
    return Against(f"In force: {row.sentence}", now, difference, percent)


def _cliff(at: Decimal, after: Decimal, drop: Decimal, currency: str, unit: str) -> str:
    return f"{grouped(after)} {unit}s cost {shown(drop, currency)} less than {grouped(at)}."


def _valued(by: tuple[str, ...], values: tuple[str | None, ...]) -> str:
    return ", ".join(f"{name} {value or '(none)'}" for name, value in zip(by, values, strict=False))


def _told_apart(charge: Charge) -> list[dict[str, str | None]]:
    """The values that a charge, or the first inside it that does, tells usage apart by."""
    if isinstance(charge, Matrix):
        return [dict(zip(charge.by, cell.values, strict=True)) for cell in charge.cells]
    if isinstance(charge, Capacity) and charge.by:
        return [{charge.by: unit} for unit, _ in charge.tiers[0].limits]
    return next((found for _, child in charge.children if (found := _told_apart(child))), [])
