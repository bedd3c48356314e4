"""Tiers: prices that depend on how many units there are, contiguous from zero and open at the end."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, NamedTuple

from pricing.fields import MaybeAmount, MaybePrice, MaybeSize, Price, Share
from pricing.money import EXACT, ONE, ZERO, grouped, plain, shown
from pricing.shapes import Listed, Record
from pricing.steps import BLOCKS, ChargeError, Step, fee, given_back, percent_of, price_text

_OPEN = Decimal("Infinity")


class Tier(NamedTuple):
    """Prices for units up to and including `up_to`, counted from the first unit; None: for all there are.

    With a `block`, units are rounded up to whole blocks and the unit price is for one of those. A `cap` is the most
    that the tier's units and fee come to.
    """

    up_to: MaybeAmount
    unit_price: Price
    flat_fee: Price = ZERO
    block: MaybeSize = None
    cap: MaybePrice = None

    def step(self, per: Decimal) -> Step:
        """The step of this tier, with nothing in it yet."""
        label = f"{BLOCKS}{grouped(self.block)}" if self.block else ""
        return Step(ZERO, self.unit_price, per, self.flat_fee, label)

    def sentence(self, per: Decimal, currency: str) -> str:
        price = price_text(self.unit_price, per, currency)
        if self.block:
            price = f"{shown(self.unit_price, currency)} per block of {grouped(self.block)}"
        return price + _and(self.flat_fee, self.cap, currency)


class PercentTier(NamedTuple):
    """A share of the money up to and including `up_to`, counted from the first; None: of all there is."""

    up_to: MaybeAmount
    percent: Share
    flat_fee: Price = ZERO

    @property
    def block(self) -> None:
        """Money comes in no blocks."""

    @property
    def cap(self) -> None:
        """A share of money is not capped tier by tier."""

    def step(self, per: Decimal) -> Step:
        """The step of this tier, with nothing in it yet."""
        return percent_of(ZERO, self.percent, self.flat_fee)

    def sentence(self, per: Decimal, currency: str) -> str:
        return f"{plain(self.percent)}%" + _and(self.flat_fee, None, currency)


Tiers = Annotated[tuple[Tier, ...], Listed(Record(Tier), "tiers")]
PercentTiers = Annotated[tuple[PercentTier, ...], Listed(Record(PercentTier), "tiers")]


class Rung(NamedTuple):
    """A tier ready for arithmetic: its bounds, infinity if open, and the steps of a quantity filling it."""

    floor: Decimal
    up_to: Decimal
    full: tuple[Step, ...]
    empty: Step
    block: Decimal | None
    cap: Decimal | None

    def holding(self, units: Decimal) -> tuple[Step, ...]:
        """The steps of so many units at the prices of this tier."""
        if self.block:
            units = round_up(units, self.block)
        step = Step._make((units, *self.empty[1:]))
        if self.cap is None or step.amount <= self.cap:
            return (step,)
        return step, fee(EXACT.subtract(self.cap, step.amount), "at most {}", self.cap)


def ladder(tiers: Sequence[Tier | PercentTier], per: Decimal = ONE) -> tuple[Rung, ...]:
    """The rungs of these tiers; ChargeError, naming the field, unless they rise to an open end."""
    rungs, floor = [], ZERO
    for index, tier in enumerate(tiers):
        up_to = _bound(tier.up_to, floor, f"tiers[{index}].up_to", is_last=index == len(tiers) - 1)
        rung = Rung(floor, up_to, (), tier.step(per), tier.block, tier.cap)
        rungs.append(rung if up_to == _OPEN else rung._replace(full=rung.holding(EXACT.subtract(up_to, floor))))
        floor = up_to
    return tuple(rungs)


def climb(rungs: tuple[Rung, ...], quantity: Decimal, *, fee_at_zero: bool) -> tuple[Step, ...]:
    """Each unit at the price of the tier it lies in; a tier's fee is due on entering it."""
    steps: list[Step] = []
    for rung in rungs:
        if quantity <= rung.floor:
            break
        if rung.up_to <= quantity:
            steps += rung.full
        else:
            steps += rung.holding(EXACT.subtract(quantity, rung.floor))
    if steps:
        return tuple(steps)
    if quantity:
        return given_back(climb(rungs, quantity.copy_negate(), fee_at_zero=False))
    return _at_zero(rungs[0]) if fee_at_zero else ()


def stand(rungs: tuple[Rung, ...], quantity: Decimal, *, fee_at_zero: bool) -> tuple[Step, ...]:
    """All units at the price of the tier the whole quantity lies in."""
    if not quantity:
        return _at_zero(rungs[0]) if fee_at_zero else ()
    if quantity < ZERO:
        return given_back(stand(rungs, quantity.copy_negate(), fee_at_zero=False))
    return next(rung for rung in rungs if quantity <= rung.up_to).holding(quantity)


def round_up(quantity: Decimal, size: Decimal) -> Decimal:
    """How many pieces of this size it takes, away from zero."""
    full, rest = EXACT.divmod(quantity, size)
    return EXACT.add(full, ONE.copy_sign(quantity)) if rest else full


def tiers_sentence(tiers: Sequence[Tier | PercentTier], per: Decimal, currency: str) -> str:
    """`First 1,000 at $0.10 each, up to 10,000 at $0.08 each, then $0.05 each`."""
    prices = [tier.sentence(per, currency) for tier in tiers]
    if len(prices) == 1:
        return prices[0]
    edges = [grouped(tier.up_to) for tier in tiers if tier.up_to is not None]
    words = [f"up to {edge} at {price}" for edge, price in zip(edges, prices, strict=False)]
    return ", ".join([words[0].replace("up to", "First", 1), *words[1:], f"then {prices[-1]}"])


def _at_zero(first: Rung) -> tuple[Step, ...]:
    return first.holding(ZERO) if first.empty.flat_fee else ()


def _bound(up_to: Decimal | None, floor: Decimal, where: str, *, is_last: bool) -> Decimal:
    if up_to is None:
        if not is_last:
            raise ChargeError(f"{where}: only the last tier is open")
        return _OPEN
    if is_last:
        raise ChargeError(f"{where}: the last tier must be open")
    if up_to <= floor:
        raise ChargeError(f"{where}: must be greater than {grouped(floor)}")
    return up_to


def _and(flat_fee: Decimal, cap: Decimal | None, currency: str) -> str:
    plus = f" plus {shown(flat_fee, currency)}" if flat_fee else ""
    return f"{plus}, at most {shown(cap, currency)}" if cap is not None else plus
