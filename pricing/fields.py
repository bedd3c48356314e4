"""What the fields of a charge may hold, said once: to check it, to read and write it as JSON, to scale and describe it.

A field is declared as `Annotated[type, kind]`. Errors are ChargeError and name the field by its whole path.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, ClassVar, NamedTuple, Protocol

from pricing.money import EXACT, parse
from pricing.steps import ChargeError, check

_NUMBER_PATTERN = r"^[0-9]{1,28}(\.[0-9]{1,28})?$"


class Scale(NamedTuple):
    """How prices move: times a factor, and whether shares of money do as well."""

    factor: Decimal
    also_shares: bool = True


class Kind(Protocol):
    """What one field may hold; `nests`: also charges."""

    @property
    def nests(self) -> bool: ...

    def check(self, value: Any, where: str) -> None:
        """ChargeError unless a charge may hold it."""

    def read(self, data: Any, where: str, depth: int) -> Any:
        """The value this JSON means; ChargeError if none. What it comes to is checked when the charge is built."""

    def write(self, value: Any) -> Any:
        """The JSON it is stored and sent as."""

    def scaled(self, value: Any, scale: Scale) -> Any:
        """The value when prices are times a factor."""

    def schema(self) -> dict[str, Any]:
        """JSON Schema of what `write` gives."""


class Simple:
    """A kind that is its own JSON and stays what it is when prices change."""

    nests: ClassVar[bool] = False

    def read(self, data: Any, where: str, depth: int) -> Any:
        return data

    def write(self, value: Any) -> Any:
        return value

    def scaled(self, value: Any, scale: Scale) -> Any:
        return value


@dataclass(frozen=True, slots=True)
class Number(Simple):
    """A Decimal, never negative; text in JSON. `is_price`: it grows with the price; `is_share`: of money, like 10 %."""

    is_price: bool = False
    is_share: bool = False
    is_positive: bool = False
    at_most: Decimal | None = None

    def check(self, value: Any, where: str) -> None:
        check(value, where, positive=self.is_positive)
        if self.at_most is not None and value > self.at_most:
            raise ChargeError(f"{where}: must not be more than {self.at_most}")

    def read(self, data: Any, where: str, depth: int) -> Decimal:
        try:
            return parse(data)
        except ValueError as error:
            raise ChargeError(f"{where}: {error}") from None

    def write(self, value: Decimal) -> str:
        return format(value, "f")

    def scaled(self, value: Decimal, scale: Scale) -> Decimal:
        moves = self.is_price and (scale.also_shares or not self.is_share)
        return EXACT.multiply(value, scale.factor) if moves else value

    def schema(self) -> dict[str, Any]:
        bound = f", not more than {self.at_most}" if self.at_most is not None else ""
        least = "greater than 0" if self.is_positive else "not negative"
        return {"type": "string", "pattern": _NUMBER_PATTERN, "description": f"A number as text, {least}{bound}."}


@dataclass(frozen=True, slots=True)
class Whole(Simple):
    """An int from `least` to `most`; text in JSON like every number."""

    least: int
    most: int

    def check(self, value: Any, where: str) -> None:
        if type(value) is not int or not self.least <= value <= self.most:
            raise ChargeError(f"{where}: must be a whole number from {self.least} to {self.most}")

    def read(self, data: Any, where: str, depth: int) -> int:
        number = Number().read(data, where, depth)
        if number != int(number):
            raise ChargeError(f"{where}: must be a whole number from {self.least} to {self.most}")
        return int(number)

    def write(self, value: int) -> str:
        return str(value)

    def schema(self) -> dict[str, Any]:
        return {
            "type": "string",
            "pattern": "^[0-9]{1,2}$",
            "description": f"A whole number as text, from {self.least} to {self.most}.",
        }


@dataclass(frozen=True, slots=True)
class Text(Simple):
    """Words of at most 200 characters; with `choices`, one of them."""

    choices: tuple[str, ...] = ()
    may_be_empty: bool = False

    def check(self, value: Any, where: str) -> None:
        if self.choices and value not in self.choices:
            raise ChargeError(f"{where}: must be one of {', '.join(self.choices)}")
        if not isinstance(value, str) or len(value) > 200 or "\0" in value:
            raise ChargeError(f"{where}: must be text of at most 200 characters")
        if not value and not self.may_be_empty:
            raise ChargeError(f"{where}: must not be empty")

    def schema(self) -> dict[str, Any]:
        if self.choices:
            return {"enum": list(self.choices)}
        return {"type": "string", "minLength": 0 if self.may_be_empty else 1, "maxLength": 200}


@dataclass(frozen=True, slots=True)
class Flag(Simple):
    """True or false."""

    def check(self, value: Any, where: str) -> None:
        if not isinstance(value, bool):
            raise ChargeError(f"{where}: must be true or false")

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Maybe:
    """The same, or None where that means something of its own."""

    kind: Kind

    @property
    def nests(self) -> bool:
        return self.kind.nests

    def check(self, value: Any, where: str) -> None:
        if value is not None:
            self.kind.check(value, where)

    def read(self, data: Any, where: str, depth: int) -> Any:
        return None if data is None else self.kind.read(data, where, depth)

    def write(self, value: Any) -> Any:
        return None if value is None else self.kind.write(value)

    def scaled(self, value: Any, scale: Scale) -> Any:
        return None if value is None else self.kind.scaled(value, scale)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.kind.schema(), {"type": "null"}]}


Price = Annotated[Decimal, Number(is_price=True)]
Share = Annotated[Decimal, Number(is_price=True, is_share=True)]
Amount = Annotated[Decimal, Number()]
Size = Annotated[Decimal, Number(is_positive=True)]
MaybePrice = Annotated[Decimal | None, Maybe(Number(is_price=True))]
MaybeAmount = Annotated[Decimal | None, Maybe(Number())]
MaybeSize = Annotated[Decimal | None, Maybe(Number(is_positive=True))]
Switch = Annotated[bool, Flag()]
