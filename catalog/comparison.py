"""Two prices of a product side by side: tier by tier, cell by cell, and by how much."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from catalog.margins import whole
from catalog.prices import RateDifference
from pricing.changes import change_percent
from pricing.charges import Charge, Graduated, Matrix, Tier, Volume
from pricing.money import grouped


@dataclass(frozen=True, slots=True)
class PartChange:
    """One tier or cell: what it covers, and its price before and after ("" where there was none)."""

    where: str
    before: str
    after: str

    @property
    def is_changed(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class ShownDifference:
    """A product priced differently, with its parts where both prices have such, and the change of its unit price."""

    row: RateDifference
    parts: list[PartChange]
    percent: str
    is_rise: bool


def shown_differences(rows: Iterable[RateDifference], currency: str) -> list[ShownDifference]:
    """Each difference with what the eye looks for."""
    return [_shown(row, currency) for row in rows]


def part_changes(before: Charge, after: Charge, currency: str) -> list[PartChange]:
    """Tier by tier or cell by cell where both prices are of one kind that has them; else nothing."""
    if isinstance(before, (Graduated, Volume)) and type(before) is type(after):
        return _tier_changes(before, after, currency)
    if isinstance(before, Matrix) and isinstance(after, Matrix) and before.by == after.by:
        return _cell_changes(before, after, currency)
    return []


def _shown(row: RateDifference, currency: str) -> ShownDifference:
    if row.before is None or row.after is None:
        return ShownDifference(row, [], "", False)
    percent = change_percent(row.before.charge, row.after.charge)
    parts = part_changes(row.before.charge, row.after.charge, currency)
    return ShownDifference(row, parts, signed_percent(percent) if percent else "", percent > 0)


def signed_percent(percent: Decimal) -> str:
    """+12 %, −4 %."""
    return f"{'+' if percent > 0 else '−'}{whole(abs(percent))} %"


def _tier_changes(before: Graduated | Volume, after: Graduated | Volume, currency: str) -> list[PartChange]:
    edges = sorted({tier.up_to for tier in (*before.tiers, *after.tiers) if tier.up_to is not None})
    changes: list[PartChange] = []
    floor: Decimal | None = None
    for edge in (*edges, None):
        where = (
            f"up to {grouped(edge)}"
            if floor is None and edge is not None
            else f"{grouped(floor)} to {grouped(edge)}"
            if floor is not None and edge is not None
            else f"above {grouped(floor)}"
            if floor is not None
            else "all"
        )
        old, new = _tier_for(before.tiers, edge), _tier_for(after.tiers, edge)
        changes.append(PartChange(where, old.sentence(before.per, currency), new.sentence(after.per, currency)))
        floor = edge
    return changes


def _tier_for(tiers: Iterable[Tier], edge: Decimal | None) -> Tier:
    """The tier in which the units just below this edge lie."""
    return next(tier for tier in tiers if tier.up_to is None or (edge is not None and edge <= tier.up_to))


def _cell_changes(before: Matrix, after: Matrix, currency: str) -> list[PartChange]:
    old, new = _cells(before, currency), _cells(after, currency)
    return [PartChange(where, old.get(where, ""), new.get(where, "")) for where in {**old, **new}]


def _cells(matrix: Matrix, currency: str) -> dict[str, str]:
    cells = {
        ", ".join(value or f"any {name}" for name, value in zip(matrix.by, cell.values, strict=True)): (
            cell.charge.sentence(currency)
        )
        for cell in matrix.cells
    }
    return cells | {"everything else": matrix.default.sentence(currency)} if matrix.default else cells
