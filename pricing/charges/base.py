"""The base of every charge: what all can do, built on what each says of itself.

A charge says what a whole cycle comes to, from its first unit on (`whole`). All else follows: `cost` is the difference
of two such totals, so however a cycle is cut, the parts come to what the whole comes to.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, ClassVar, Literal, Self

from pricing.fields import Scale
from pricing.measures import WHOLE, Measured, Part, Split, parts_of, together, viewed
from pricing.shapes import scaled_fields, slots_of
from pricing.steps import ChargeError, Step, less, netted

MAX_GROUPS = 50
_NESTING: dict[type, list[str]] = {}

Basis = Literal["none", "quantity", "lines"]
"""What a charge is reckoned on: nothing, a quantity, or what other lines come to."""


@dataclass(frozen=True, slots=True)
class Charge:
    """How what was measured becomes an amount. Built only if it can be priced; ChargeError names the field.

    `split` says how it wants its usage told apart; a plain number will do as well and is priced as not told apart.
    """

    kind: ClassVar[str]
    split: Split = field(init=False, repr=False, compare=False)
    basis: Basis = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, slot in slots_of(type(self)).items():
            slot.kind.check(getattr(self, name), name)
        bases = set()
        for where, child in self.children:
            bases.add(child.basis)
            if child.basis == "lines" and not self.may_hold_lines:
                raise ChargeError(f"{where}: a share of other lines must be the outermost charge; put this inside it")
        self._set("basis", next((each for each in ("lines", "quantity", "none") if each in bases), "quantity"))
        try:
            self._set("split", self._split())
        except ValueError as error:
            raise ChargeError(str(error)) from None
        self._prepare()

    may_hold_lines: ClassVar[bool] = False

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _prepare(self) -> None:
        """Check what concerns several fields, and derive what pricing needs."""

    def _split(self) -> Split:
        """What its own charges need."""
        split = WHOLE
        for _, child in self.children:
            split = split.joined(child.split)
        return split

    def whole(self, measured: Measured) -> tuple[Step, ...]:
        """What all that was measured in a cycle comes to; of less than nothing, as much given back."""
        raise NotImplementedError

    def sentence(self, currency: str) -> str:
        """One plain sentence: `$10.00 per million`."""
        raise NotImplementedError

    def cost(self, quantity: Measured, after: Measured | None = None) -> tuple[Step, ...]:
        """What this part of a cycle comes to, given what the parts before it held; None: this is the first part.

        Exact. Units given back (a negative quantity) come back at what they cost.
        """
        if self.split.by:
            return _shortened(self._cost(self._covered(quantity), after if after is None else self._covered(after)))
        return self._cost(quantity, after)

    def _cost(self, quantity: Measured, after: Measured | None) -> tuple[Step, ...]:
        if after is None:
            return self.whole(quantity)
        return less(self.whole(together(after, quantity, self.split)), self.whole(after))

    def _covered(self, measured: Measured) -> Measured:
        left_out = set(self.unpriced(measured))
        return measured if not left_out else tuple(part for part in parts_of(measured) if part not in left_out)

    def _of(self, child: "Charge", measured: Measured) -> tuple[Step, ...]:
        """What a charge inside this one comes to on what this one was given."""
        return child.whole(viewed(measured, self.split, child.split))

    def unpriced(self, quantity: Measured) -> tuple[Part, ...]:
        """Those parts for which it, or a charge inside it, has no price; `cost` leaves them out altogether."""
        if not self.split.by or isinstance(quantity, Decimal):
            return ()
        names = self.split.by
        return tuple(p for p in quantity if p.values and not self.prices(dict(zip(names, p.values, strict=True))))

    def prices(self, properties: Mapping[str, str | None]) -> bool:
        """Whether there is a price for what has these properties."""
        return all(child.prices(properties) for _, child in self.children)

    def scaled(self, factor: Decimal) -> Self:
        """Every price, fee and percentage times `factor`; quantities stay. ChargeError if a number gets too long."""
        return self.moved(Scale(factor))

    def exchanged(self, factor: Decimal) -> Self:
        """The same at another level of prices, or in another currency: as `scaled`, but a share of money stays what it
        is, for the money it is a share of has moved already."""
        return self.moved(Scale(factor, also_shares=False))

    def moved(self, scale: Scale) -> Self:
        return replace(self, **scaled_fields(self, scale))

    def edges(self) -> set[Decimal]:
        """Quantities, as measured, at which the price of the next unit may change."""
        return {edge for _, child in self.children for edge in child.edges()}

    @property
    def children(self) -> Iterator[tuple[str, "Charge"]]:
        """The charges this one is built on, each with the path of its field."""
        for name in _nesting(type(self)):
            yield from _charges_in(getattr(self, name), name)


def _nesting(cls: type[Charge]) -> list[str]:
    """The fields in which this class may hold charges."""
    found = _NESTING.get(cls)
    if found is None:
        found = _NESTING[cls] = [name for name, slot in slots_of(cls).items() if slot.kind.nests]
    return found


def _shortened(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Beyond so many groups nobody reads them: steps alike but for the group are one."""
    if len({step.group for step in steps}) <= MAX_GROUPS:
        return steps
    return netted(step._replace(group="") for step in steps)


def _charges_in(value: Any, where: str) -> Iterator[tuple[str, Charge]]:
    if isinstance(value, Charge):
        yield where, value
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        for name in value._fields:
            yield from _charges_in(getattr(value, name), f"{where}.{name}")
    elif isinstance(value, tuple):
        for index, each in enumerate(value):
            yield from _charges_in(each, f"{where}[{index}]")
