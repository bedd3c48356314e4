"""The blast radius of a price change: what the contracts that follow a card would pay, in money, and who else waits.

Each contract's last full calendar month is rated twice, by the same arithmetic as its bill: under the prices that hold
without the candidate and under those that hold with it. Nothing is written. The catalog knows neither contracts nor
quotes; the apps that keep them register a source when they start.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from catalog.candidates import Candidate, candidate_of, candidate_of_sheet
from catalog.editions import Sheet
from catalog.lint.walk import counted
from catalog.models import RateCard, RateCardVersion
from pricing.money import EXACT, ZERO, Money, shown

TOP = 10


@dataclass(frozen=True, slots=True)
class Rerated:
    """One contract's last full month, in its currency.

    `cost` is what the month's quantities cost us, `uncosted_before` and `uncosted_after` the revenue for which no cost
    in this currency is known.
    """

    contract: UUID
    number: str
    customer: str
    before: Money
    after: Money
    cost: Decimal = ZERO
    uncosted_before: Decimal = ZERO
    uncosted_after: Decimal = ZERO

    @property
    def difference(self) -> Decimal:
        return EXACT.subtract(self.after.amount, self.before.amount)


@dataclass(frozen=True, slots=True)
class NotReached:
    """A contract that follows the card and keeps its prices, or has no month to rate, and why."""

    contract: UUID
    number: str
    customer: str
    why: str


@dataclass(frozen=True, slots=True)
class OpenQuote:
    """An offer that is not decided yet and names this card; one that pins its prices keeps them."""

    version: UUID
    text: str
    customer: str
    status: str
    is_pinned: bool


@dataclass(frozen=True, slots=True)
class InCurrency:
    """All contracts reached in one currency, added up. Winners pay less, losers more."""

    currency: str
    contracts: int
    winners: int
    losers: int
    before: Decimal
    after: Decimal
    cost: Decimal
    uncosted_before: Decimal
    uncosted_after: Decimal

    @property
    def unchanged(self) -> int:
        return self.contracts - self.winners - self.losers

    @property
    def difference(self) -> Decimal:
        return EXACT.subtract(self.after, self.before)

    @property
    def margin_before(self) -> Decimal | None:
        """In percent of the revenue whose cost is known; None where none is."""
        return _margin(EXACT.subtract(self.before, self.uncosted_before), self.cost)

    @property
    def margin_after(self) -> Decimal | None:
        return _margin(EXACT.subtract(self.after, self.uncosted_after), self.cost)


@dataclass(frozen=True, slots=True)
class Impact:
    """What a candidate would change; `top` has the ten contracts with the largest differences, the largest first."""

    candidate: Candidate
    by_currency: Sequence[InCurrency]
    top: Sequence[Rerated]
    not_reached: Sequence[NotReached]
    quotes: Sequence[OpenQuote]

    @property
    def contracts(self) -> int:
        return sum(each.contracts for each in self.by_currency)

    @property
    def winners(self) -> int:
        return sum(each.winners for each in self.by_currency)

    @property
    def losers(self) -> int:
        return sum(each.losers for each in self.by_currency)

    @property
    def unchanged(self) -> int:
        return self.contracts - self.winners - self.losers

    @property
    def not_reached_because(self) -> dict[str, int]:
        """How many contracts are not reached, by reason."""
        counted: dict[str, int] = {}
        for each in self.not_reached:
            counted[each.why] = counted.get(each.why, 0) + 1
        return counted


ContractsSource = Callable[[Candidate], tuple[Iterable[Rerated], Iterable[NotReached]]]
QuotesSource = Callable[[Candidate], Iterable[OpenQuote]]
_contracts: list[ContractsSource] = []
_quotes: list[QuotesSource] = []


def register_contracts(source: ContractsSource) -> None:
    """Say who re-rates contracts; called once, when the app that keeps them starts."""
    _contracts[:] = [source]


def register_quotes(source: QuotesSource) -> None:
    """Say who knows the open quotes; called once, when the app that keeps them starts."""
    _quotes[:] = [source]


def impact_of(version: RateCardVersion, *, at: datetime) -> Impact:
    """What publishing a version would change for those who follow its card, or a card based on it.

    The number of queries does not depend on how many contracts there are. `Refused` if prices cannot be reckoned.
    """
    return impact_in(candidate_of(version, at=at))


def impact_of_sheet(sheet: Sheet, card: RateCard, *, at: datetime) -> Impact:
    """The same of a proposal that is not stored."""
    return impact_in(candidate_of_sheet(sheet, card, at=at))


def impact_in(candidate: Candidate) -> Impact:
    """The same of a candidate already gathered."""
    rerated: list[Rerated] = []
    not_reached: list[NotReached] = []
    for source in _contracts:
        reached, spared = source(candidate)
        rerated += reached
        not_reached += spared
    return Impact(
        candidate,
        [_added_up(currency, rerated) for currency in sorted({each.before.currency for each in rerated})],
        sorted((each for each in rerated if each.difference), key=lambda each: (-abs(each.difference), each.number))[
            :TOP
        ],
        not_reached,
        [quote for source in _quotes for quote in source(candidate)],
    )


def impact_lines(impact: Impact) -> list[str]:
    """The blast radius as a terminal shows it."""
    lines = [_line(each) for each in impact.by_currency]
    lines += [f"{counted(count, 'contract')} not reached: {why}" for why, count in impact.not_reached_because.items()]
    lines += [
        f"{each.number} ({each.customer}): {_shown(each.before.amount, each.before.currency)} → "
        f"{_shown(each.after.amount, each.after.currency)}"
        for each in impact.top
    ]
    if impact.quotes:
        lines.append(
            f"{counted(len(impact.quotes), 'open quote')}: " + ", ".join(each.text for each in impact.quotes[:TOP])
        )
    return lines or ["No contract follows this card, and no open quote names it."]


def _line(each: InCurrency) -> str:
    difference = _shown(each.difference, each.currency, signed=True)
    words = (
        f"last full month of {counted(each.contracts, 'contract')} in {each.currency}: "
        f"{_shown(each.before, each.currency)} → {_shown(each.after, each.currency)} ({difference}); "
        f"{each.winners:,} pay less, {each.losers:,} more, {each.unchanged:,} the same"
    )
    if each.margin_before is not None and each.margin_after is not None:
        words += f"; margin {each.margin_before} % → {each.margin_after} %"
    return words


def _shown(amount: Decimal, currency: str, *, signed: bool = False) -> str:
    return f"{'+' if signed and amount > 0 else ''}{shown(amount, currency)}"


def _added_up(currency: str, rerated: Iterable[Rerated]) -> InCurrency:
    of_it = [each for each in rerated if each.before.currency == currency]
    return InCurrency(
        currency,
        contracts=len(of_it),
        winners=sum(each.difference < 0 for each in of_it),
        losers=sum(each.difference > 0 for each in of_it),
        before=_sum(each.before.amount for each in of_it),
        after=_sum(each.after.amount for each in of_it),
        cost=_sum(each.cost for each in of_it),
        uncosted_before=_sum(each.uncosted_before for each in of_it),
        uncosted_after=_sum(each.uncosted_after for each in of_it),
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total


def _margin(revenue: Decimal, cost: Decimal) -> Decimal | None:
    if not revenue:
        return None
    share = EXACT.divide(EXACT.subtract(revenue, cost), revenue)
    return EXACT.multiply(share, Decimal(100)).quantize(Decimal("0.1"))
