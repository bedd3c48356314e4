"""What the quantities of a month cost us: each at the most particular cost that is known for it in the currency."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from catalog.margins import Costs
from catalog.models import CostRate
from pricing.measures import WHOLE, Measured, Part, Split, parts_of
from pricing.money import EXACT, ZERO, share_of
from pricing.periods import Period
from pricing.rating import Term, Usage

Slot = tuple[str, Period, Split]


@dataclass(frozen=True, slots=True)
class Costing:
    """The costs of some products at an instant, those in one currency."""

    currency: str
    costs: Mapping[UUID, Sequence[CostRate]]

    @classmethod
    def of(cls, costs: Costs, currency: str) -> "Costing":
        ours = {pk: [each for each in some if each.currency == currency] for pk, some in costs.items()}
        return cls(currency, {pk: some for pk, some in ours.items() if some})

    def knows(self, product: UUID) -> bool:
        return product in self.costs

    def slots(self, product: UUID, term: Term) -> Iterable[Slot]:
        """What must be measured to know the cost of a month's term of a product."""
        if term.meter and product in self.costs and term.start < term.end:
            yield term.meter, Period(term.start, term.end), self._split(product)

    def cost(self, product: UUID, term: Term, usage: Usage) -> Decimal:
        """What the month's quantity costs us, exact; 0 where nothing is known. What is not measured costs its share."""
        if product not in self.costs or not term.start < term.end:
            return ZERO
        if term.meter:
            split = self._split(product)
            measured = usage(term.meter, Period(term.start, term.end), split)
            return self._of_parts(product, split.by, measured)
        cycle, billed = next(term.cycles(term.end))
        of_cycle = self._of_parts(product, (), term.quantity if term.quantity is not None else Decimal(1))
        share, _ = term.share(billed, cycle)
        return of_cycle if share == 1 else share_of(of_cycle, share)

    def _split(self, product: UUID) -> Split:
        names = sorted({name for each in self.costs[product] for name in each.dimensions})
        return Split(by=tuple(names)) if names else WHOLE

    def _of_parts(self, product: UUID, by: tuple[str, ...], measured: Measured) -> Decimal:
        total = ZERO
        for part in parts_of(measured):
            cost = self._cost_of(product, by, part)
            if cost is not None and part.quantity > 0:
                spent = EXACT.divide(EXACT.multiply(part.quantity, cost.unit_cost), cost.per)
                total = EXACT.add(total, spent)
        return total

    def _cost_of(self, product: UUID, by: tuple[str, ...], part: Part) -> CostRate | None:
        has = dict(zip(by, part.values, strict=False)).items()
        return next((each for each in self.costs[product] if each.dimensions.items() <= has), None)
