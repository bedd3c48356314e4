"""Usage that no price covers: found while rating, kept with its reason, resolved once a price covers it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from contracts.models import Contract
from governance.acts import Act, Refused
from governance.change import change, locked
from invoicing.calculation import Agreed
from invoicing.lines import FINEST
from invoicing.models import UnpricedUsage
from pricing.measures import Part
from pricing.money import EXACT, ZERO
from pricing.periods import Period
from pricing.rating import RatedLine, Term

Resolution = UnpricedUsage.Resolution
News = tuple[str, UnpricedUsage]
"""The name of a change, and the row as it will be."""

Identity = tuple[str, Period, str]


@dataclass(frozen=True, slots=True)
class Unpriced:
    """So much of a term's usage in a period, with these values of event properties, has no price."""

    agreed: Agreed
    period: Period
    due_at: datetime
    values: Mapping[str, str | None]
    quantity: Decimal

    @property
    def identity(self) -> Identity:
        return self.agreed.term.key, self.period, _canonical(self.values)


def unpriced(agreed: Iterable[Agreed], rated: Iterable[RatedLine]) -> list[Unpriced]:
    """What rating left out, one for each line, period and combination of values; what comes to nothing is none."""
    known = {each.term.key: each for each in agreed}
    found = []
    for line in rated:
        names = _names(known[line.key].term, line.period.start) if line.unpriced else ()
        for values, quantity in _by_values(line.unpriced).items():
            if quantity > 0:
                named = dict(zip(names, values, strict=False))
                found.append(Unpriced(known[line.key], line.period, line.due_at, named, quantity))
    return found


def unpriced_changes(
    contract: Contract,
    agreed: Iterable[Agreed],
    rated: Sequence[RatedLine],
    kept: Iterable[UnpricedUsage],
    *,
    through: datetime,
    at: datetime,
) -> list[News]:
    """What must be written so that the contract's rows say what rating through that instant found; often nothing.

    A row that was found no more is resolved. One that was resolved is open again when it is found again; a dismissed
    one when there is another quantity of it now.
    """
    by_identity = {_identity(row): row for row in kept}
    changes = []
    for found in unpriced(agreed, rated):
        changes.append(_kept(contract, found, by_identity.pop(found.identity, None), at))
    slots = {(line.key, line.period) for line in rated}
    for (term, period, _), row in by_identity.items():
        if row.resolved_at is None and row.due_at <= through:
            resolution = Resolution.PRICED if (term, period) in slots else Resolution.REGROUPED
            changes.append(("unpriced_usage.resolved", _resolved(row, resolution, at)))
    return [each for each in changes if each is not None]


def write_unpriced(changes: Iterable[News], act: Act) -> None:
    """Each with its own line in the trail."""
    for name, row in changes:
        with change(name, row, act):
            row.save()


def dismiss_unpriced(usage: UnpricedUsage, *, act: Act) -> UnpricedUsage:
    """Decide not to bill it, `act.because` says why. More usage of the same kind and period opens it again.

    `Refused` when it is resolved already.
    """
    with change("unpriced_usage.dismissed", usage, act):
        Contract.objects.select_for_update(of=("self",)).get(pk=usage.contract_id)
        usage = locked(usage)
        if usage.resolved_at is not None:
            raise Refused(f"This usage is {usage.get_resolution_display().lower()} already.")
        _resolved(usage, Resolution.DISMISSED, act.at).save()
    return usage


def _kept(contract: Contract, found: Unpriced, row: UnpricedUsage | None, at: datetime) -> News | None:
    if row is None:
        return "unpriced_usage.found", _new(contract, found, at)
    is_same = (row.quantity, row.due_at) == (found.quantity, found.due_at)
    if is_same and (row.resolved_at is None or row.resolution == Resolution.DISMISSED):
        return None
    name = "unpriced_usage.measured" if row.resolved_at is None else "unpriced_usage.found"
    row.quantity, row.due_at = found.quantity, found.due_at
    row.resolved_at, row.resolution = None, ""
    return name, row


def _new(contract: Contract, found: Unpriced, at: datetime) -> UnpricedUsage:
    term = found.agreed.term
    return UnpricedUsage(
        contract=contract,
        term=term.key,
        product_key=term.product,
        product_name=found.agreed.name,
        meter=term.meter,
        unit=found.agreed.unit,
        period_start=found.period.start,
        period_end=found.period.end,
        due_at=found.due_at,
        values=found.values,
        quantity=found.quantity,
        reason=UnpricedUsage.Reason.NO_RATE,
        first_seen_at=at,
    )


def _resolved(row: UnpricedUsage, resolution: str, at: datetime) -> UnpricedUsage:
    row.resolved_at, row.resolution = at, resolution
    return row


def _names(term: Term, instant: datetime) -> tuple[str, ...]:
    """The properties that the price in force then is looked up by."""
    price = next(price for price in reversed(term.prices) if price.since <= instant)
    return price.charge.split.by


def _by_values(parts: Iterable[Part]) -> dict[tuple[str | None, ...], Decimal]:
    """Windows and events of the same values are one."""
    sums: dict[tuple[str | None, ...], Decimal] = {}
    for part in parts:
        sums[part.values] = EXACT.add(sums.get(part.values, ZERO), part.quantity)
    return {values: EXACT.quantize(quantity, FINEST) for values, quantity in sums.items()}


def _identity(row: UnpricedUsage) -> Identity:
    return row.term, Period(row.period_start, row.period_end), _canonical(row.values)


def _canonical(values: Mapping[str, str | None]) -> str:
    return json.dumps(values, sort_keys=True)
