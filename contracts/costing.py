"""What the quantities of a month cost us: each at the most particular cost that is known for it in the currency."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from catalog.margins import Costs
from catalog.models import CostRate, Product
from pricing.measures import WHOLE, Measured, Part, Split, parts_of
from pricing.money import EXACT, ONE, ZERO, share_of
from pricing.periods import Period
from pricing.rating import Term, Usage

Slot = tuple[str, Period, Split]


@dataclass(frozen=True, slots=True)
class Costing:
    """The costs of products, by their key, in one currency."""

    costs: Mapping[str, Sequence[CostRate]]

    @classmethod
    def of(cls, costs: Costs, products: Mapping[UUID, Product], currency: str) -> "Costing":
        ours = {products[pk].key: [each for each in some if each.currency == currency] for pk, some in costs.items()}
        return cls({key: some for key, some in ours.items() if some})

    def slots(self, terms: Iterable[Term]) -> Iterable[Slot]:
        """What must be measured to know the cost of a month's terms."""
        for term in terms:
            if term.meter and term.product in self.costs:
                yield term.meter, Period(term.start, term.end), self._split(term.product)

    def cost(self, terms: Iterable[Term], usage: Usage) -> Decimal:
        """What the month's quantities cost us, exact; nothing where no cost is known."""
        total = ZERO
        for term in terms:
            if term.product in self.costs:
                total = EXACT.add(total, self._measured(term, usage) if term.meter else self._agreed(term))
        return total

    def _measured(self, term: Term, usage: Usage) -> Decimal:
        split = self._split(term.product)
        return self._of_parts(term.product, split.by, usage(term.meter, Period(term.start, term.end), split))

    def _agreed(self, term: Term) -> Decimal:
        """An agreed quantity costs its share of the cycle, as it is priced."""
        cycle, billed = next(term.cycles(term.end))
        of_cycle = self._of_parts(term.product, (), ONE if term.quantity is None else term.quantity)
        share, _ = term.share(billed, cycle)
        return of_cycle if share == 1 else share_of(of_cycle, share)

    def _split(self, product: str) -> Split:
        names = sorted({name for each in self.costs[product] for name in each.dimensions})
        return Split(by=tuple(names)) if names else WHOLE

    def _of_parts(self, product: str, by: tuple[str, ...], measured: Measured) -> Decimal:
        total = ZERO
        for part in parts_of(measured):
            cost = self._cost_of(product, by, part)
            if cost is not None and part.quantity > 0:
                spent = EXACT.divide(EXACT.multiply(part.quantity, cost.unit_cost), cost.per)
                total = EXACT.add(total, spent)
        return total

    def _cost_of(self, product: str, by: tuple[str, ...], part: Part) -> CostRate | None:
        has = dict(zip(by, part.values, strict=False)).items()
        return next((each for each in self.costs[product] if each.dimensions.items() <= has), None)
