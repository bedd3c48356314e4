"""What an amendment may change, as typed values and as the JSON they are stored and sent as. Nothing here asks.

Numbers are text, amounts in the contract's currency. A line is named by its id, a product by its key. `last_day` is
inside the time that ends with it, local to the contract.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, ClassVar
from uuid import UUID

from contracts.checks import YEARS
from governance.acts import Refused
from pricing.charges.kinds import MaybeInner
from pricing.fields import Amount, Maybe, MaybeAmount, MaybeSize, Number, Simple, Size, Switch, Text, Whole
from pricing.money import ZERO
from pricing.shapes import Listed, object_schema, read_fields, slots_of, write_fields
from pricing.steps import HUNDRED, ChargeError

POLICY, NOW, NEXT_CYCLE = TIMINGS = ("policy", "now", "next_cycle")
PRICES = ("contract", "followed")
MOST = 500


@dataclass(frozen=True, slots=True)
class Day(Simple):
    """A date; ISO 8601 in JSON."""

    def check(self, value: Any, where: str) -> None:
        if type(value) is not date or value.year not in YEARS:
            raise ChargeError(f"{where}: must be a day of the years {YEARS[0]} to {YEARS[-1]}")

    def read(self, data: Any, where: str, depth: int) -> date:
        try:
            return date.fromisoformat(data)
        except (TypeError, ValueError):
            raise ChargeError(f"{where}: must be a day, as in 2026-01-31") from None

    def write(self, value: date) -> str:
        return value.isoformat()

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date"}


Name = Annotated[str, Text()]
Words = Annotated[str, Text(may_be_empty=True)]
MaybeName = Annotated[str | None, Maybe(Text())]
MaybeWords = Annotated[str | None, Maybe(Text(may_be_empty=True))]
Percent = Annotated[Decimal, Number(at_most=HUNDRED)]
MaybePercent = Annotated[Decimal | None, Maybe(Number(at_most=HUNDRED))]
LastDay = Annotated[date, Day()]
MaybeLastDay = Annotated[date | None, Maybe(Day())]
Timing = Annotated[str, Text(choices=TIMINGS)]
PricesOf = Annotated[str, Text(choices=PRICES)]
Priority = Annotated[int, Whole(0, 999)]
Products = Annotated[tuple[str, ...], Listed(Text(), "products", least=0, most=100)]
VersionNumber = Annotated[int, Whole(1, 1_000_000)]
MaybeRenewal = Annotated[str | None, Maybe(Text(choices=("none", "manual", "automatic")))]
MaybeRenewalPrices = Annotated[str | None, Maybe(Text(choices=("kept", "card")))]
MaybeMonths = Annotated[int | None, Maybe(Whole(1, 120))]
MaybeDays = Annotated[int | None, Maybe(Whole(0, 365))]


class Checked:
    """Every field is what it is declared to be; ChargeError, naming it, otherwise."""

    kind: ClassVar[str]

    def __post_init__(self) -> None:
        for name, slot in slots_of(type(self)).items():
            slot.kind.check(getattr(self, name), name)


@dataclass(frozen=True, slots=True)
class ChangeLine(Checked):
    """Another quantity, product, discount or minimum of a line: it ends, and one that replaces it goes on.

    What is not said stays as it was; a minimum of 0 takes the minimum away. `pinned` is the id of the published rate
    card version whose prices it has then, also for a line that is added. By policy what comes to less, and whatever
    is measured, waits for the line's next cycle.
    """

    kind: ClassVar[str] = "change_line"
    line: Name
    product: MaybeName = None
    quantity: MaybeAmount = None
    discount_percent: MaybePercent = None
    discount_amount: MaybeAmount = None
    minimum: MaybeAmount = None
    pinned: MaybeName = None
    timing: Timing = POLICY


@dataclass(frozen=True, slots=True)
class AddLine(Checked):
    """Another product, to the end of the contract or a last day."""

    kind: ClassVar[str] = "add_line"
    product: Name
    quantity: MaybeAmount = None
    discount_percent: Percent = ZERO
    discount_amount: Amount = ZERO
    minimum: MaybeAmount = None
    label: Words = ""
    prices: PricesOf = "contract"
    pinned: MaybeName = None
    last_day: MaybeLastDay = None


@dataclass(frozen=True, slots=True)
class EndLine(Checked):
    """A line is in force no more; by policy from its next cycle on."""

    kind: ClassVar[str] = "end_line"
    line: Name
    timing: Timing = POLICY


@dataclass(frozen=True, slots=True)
class SetPrice(Checked):
    """A price of this contract alone: another charge, or a multiple of the list price, for good or to a last day."""

    kind: ClassVar[str] = "set_price"
    product: Name
    charge: MaybeInner = None
    multiplier: MaybeSize = None
    priority: Priority = 100
    last_day: MaybeLastDay = None


@dataclass(frozen=True, slots=True)
class ChangeTerm(Checked):
    """Another last day of the contract; the lines that last as long as it, or longer, end with it."""

    kind: ClassVar[str] = "change_term"
    last_day: LastDay


@dataclass(frozen=True, slots=True)
class AddCommit(Checked):
    """Access to usage for a price that is invoiced at once, from now to the end of the contract."""

    kind: ClassVar[str] = "add_commit"
    name: Name
    access: Size
    price: Amount
    product_keys: Products = ()
    priority: Priority = 100


@dataclass(frozen=True, slots=True)
class Cancel(Checked):
    """The contract ends. Without credit what was begun in advance is owed to the end of its cycle."""

    kind: ClassVar[str] = "cancel"
    credit: Switch = True


@dataclass(frozen=True, slots=True)
class Reactivate(Checked):
    """A contract that was cancelled goes on, with the lines that ended with it; a gap is not billed."""

    kind: ClassVar[str] = "reactivate"
    last_day: LastDay


@dataclass(frozen=True, slots=True)
class ChangeContract(Checked):
    """What stands on its invoices, and what becomes of it at its end; what is not said stays."""

    kind: ClassVar[str] = "change_contract"
    purchase_order: MaybeWords = None
    payment_terms_days: MaybeDays = None
    renewal: MaybeRenewal = None
    renewal_months: MaybeMonths = None
    notice_days: MaybeDays = None
    uplift_percent: MaybePercent = None
    renewal_prices: MaybeRenewalPrices = None


@dataclass(frozen=True, slots=True)
class ChangePackage(Checked):
    """The contract is of this version of a package from now on; what that says is changed beside it."""

    kind: ClassVar[str] = "change_package"
    package: Name
    version: VersionNumber


Change = (
    ChangeLine
    | AddLine
    | EndLine
    | SetPrice
    | ChangeTerm
    | AddCommit
    | Cancel
    | Reactivate
    | ChangeContract
    | ChangePackage
)
KINDS: dict[str, type[Any]] = {each.kind: each for each in Change.__args__}


def load(data: Any) -> list[Change]:
    """The changes this JSON holds. `Refused`, naming the change and the field, if it holds none or something else."""
    if not isinstance(data, Sequence) or isinstance(data, str) or not 1 <= len(data) <= MOST:
        raise Refused(f"changes: a list of 1 to {MOST} changes.")
    return [_read(each, f"changes[{place}]") for place, each in enumerate(data)]


def dump(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """JSON to store and send, defaults left out: `load(dump(changes)) == changes`."""
    return [{"kind": each.kind} | write_fields(each) for each in changes]


def schema() -> dict[str, Any]:
    """JSON Schema of one change."""
    return {"oneOf": [_kind_schema(name, cls) for name, cls in KINDS.items()]}


def products_in(changes: Iterable[Change]) -> set[str]:
    """The keys of the products that the changes name."""
    named = {key for each in changes if (key := getattr(each, "product", None))}
    return named.union(*(each.product_keys for each in changes if isinstance(each, AddCommit)))


def pins_in(changes: Iterable[Change]) -> set[UUID]:
    """The ids of rate card versions that the changes name; what is none names nothing."""
    found = set()
    for each in changes:
        with suppress(ValueError):
            found.add(UUID(getattr(each, "pinned", None) or ""))
    return found


def packages_in(changes: Iterable[Change]) -> set[str]:
    """The keys of the packages that the changes name."""
    return {each.package for each in changes if isinstance(each, ChangePackage)}


def _read(data: Any, where: str) -> Any:
    name = data.get("kind") if isinstance(data, Mapping) else None
    if not isinstance(name, str) or name not in KINDS:
        raise Refused(f"{where}.kind: must be one of {', '.join(KINDS)}.")
    given = {field: value for field, value in data.items() if field != "kind"}
    try:
        return KINDS[name](**read_fields(given, KINDS[name], "", 1))
    except ChargeError as error:
        raise Refused(f"{where}.{error}.") from None


def _kind_schema(name: str, cls: type[Any]) -> dict[str, Any]:
    made = object_schema(cls)
    made["properties"] = {"kind": {"const": name}} | made["properties"]
    made["required"] = ["kind", *made["required"]]
    return made
