"""The file as values: everything a price needs, what may stand in it, and how it is read.

`read` takes YAML or JSON and answers a `Document`, or raises `Unreadable` with every problem found. What is left out
of an entry is its default: an entry is complete, so the same file always means the same. A section that is left out is
left alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from catalog.editions import Offer
from catalog.models import Feature, FeatureGrant, Product, RateCardVersion, SelectionRule
from catalog.portable.nodes import Fields, Items, Node, Problem, Unreadable, Word, find, from_json, from_yaml, plain
from catalog.portable.shapes import (
    INVALID,
    KEY,
    REFERENCE,
    Choice,
    Flag,
    Instant,
    ListOf,
    MappingOf,
    Number,
    Reading,
    Record,
    Text,
    Whole,
)
from metering.models import Meter
from pricing.charges import ChargeError, load
from pricing.money import ONE, exponent
from pricing.schema import charge_schema

FORMAT = 1
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_LONG = 10_000


@dataclass(frozen=True)
class MeterEntry:
    name: str
    event_type: str
    aggregation: str
    property: str = ""
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unit: str = "unit"
    condition: str = ""
    dimensions: tuple[str, ...] = ()
    window: str = ""
    window_zone: str = "UTC"
    per: str = ""
    over: str = ""
    carries_over: bool = False


@dataclass(frozen=True)
class FeatureEntry:
    name: str
    kind: str = Feature.Kind.BOOLEAN.value
    meter: str = ""
    description: str = ""


@dataclass(frozen=True)
class GrantEntry:
    """How much of a feature; written as the value alone where nothing else is said."""

    value: str = ""
    window: str = FeatureGrant.Window.CYCLE.value
    is_hard: bool = True
    is_per_seat: bool = False

    def __str__(self) -> str:
        said = [self.value or "nothing", *([self.window] if self.window != FeatureGrant.Window.CYCLE else [])]
        return " ".join([*said, *([] if self.is_hard else ["soft"]), *(["a seat"] if self.is_per_seat else [])])


@dataclass(frozen=True)
class CostEntry:
    since: datetime
    unit_cost: Decimal
    currency: str
    per: Decimal = ONE
    dimensions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ProductEntry:
    """`grants` are the features with their terms, several where there are several windows; costs are only added."""

    name: str
    kind: str
    meter: str = ""
    unit: str = "unit"
    internal_unit: str = ""
    description: str = ""
    revenue_account: str = "4000"
    recognition: str = Product.Recognition.AS_DELIVERED.value
    tax_code: str = ""
    tags: tuple[str, ...] = ()
    is_active: bool = True
    grants: Mapping[str, GrantEntry | tuple[GrantEntry, ...]] = field(default_factory=dict)
    costs: tuple[CostEntry, ...] = ()


def grants_in(product: ProductEntry) -> dict[tuple[str, str], GrantEntry]:
    """Everything a product grants, by feature and window."""
    several = {key: each if isinstance(each, tuple) else (each,) for key, each in product.grants.items()}
    return {(key, each.window): each for key, some in several.items() for each in some}


@dataclass(frozen=True)
class VersionEntry:
    """How the prices are to take effect."""

    note: str = ""
    planned_from: datetime | None = None
    reach: str = RateCardVersion.Reach.FROM_DATE.value
    existing_from: datetime | None = None
    base_factor: Decimal = ONE
    publish_when_approved: bool = False


@dataclass(frozen=True)
class RateEntry:
    charge: Any
    cycle_months: int = 1
    in_advance: bool = False

    @property
    def offer(self) -> Offer:
        return Offer(self.charge, self.cycle_months, self.in_advance)


@dataclass(frozen=True)
class CardEntry:
    """`rates` are all of the card's own; None: only the card is described, its prices are left alone."""

    name: str
    currency: str
    base: str = ""
    region: str = ""
    segment: str = ""
    channel: str = ""
    customer_type: str = ""
    notice_days: int = 0
    is_public: bool = False
    version: VersionEntry = field(default_factory=VersionEntry)
    rates: Mapping[str, RateEntry] | None = None


@dataclass(frozen=True)
class RuleEntry:
    name: str
    card: str
    conditions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_active: bool = True


@dataclass(frozen=True)
class Document:
    """`selection_rules` are all there are, in their order; None: they are left alone."""

    meters: Mapping[str, MeterEntry] = field(default_factory=dict)
    features: Mapping[str, FeatureEntry] = field(default_factory=dict)
    products: Mapping[str, ProductEntry] = field(default_factory=dict)
    rate_cards: Mapping[str, CardEntry] = field(default_factory=dict)
    selection_rules: tuple[RuleEntry, ...] | None = None
    format: int = FORMAT
    lines: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)

    def line(self, path: str) -> int:
        """The line of a field, or of the nearest thing around it; 0 where none is known."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = re.sub(r"(\.[^.\[]*|\[\d+\]|^[^.\[]*)$", "", path)
        return 0


class ChargeShape:
    """A charge as its JSON form has it; an error names the nested field, and its line."""

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        try:
            return load(plain(node), reading.currency)
        except ChargeError as error:
            where, _, text = str(error).partition(": ")
            steps = [int(number) if number else name for name, number in _STEP.findall(where)]
            return reading.wrong(find(node, steps), f"{path}.{where}", text)

    def schema(self) -> dict[str, Any]:
        return {"$ref": "#/$defs/priced"}


class GrantShape:
    """A value; or the terms by their names; or a list of such terms, of one window each."""

    def __init__(self) -> None:
        self._value = Text(120)
        self._terms = Record(
            GrantEntry,
            {"value": self._value, "window": Choice(FeatureGrant.Window.values), "is_hard": Flag(),
             "is_per_seat": Flag()},
        )  # fmt: skip
        self._several = ListOf(self._terms)

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        if isinstance(node, Fields):
            return self._terms.read(node, path, reading)
        if not isinstance(node, Items):
            value = self._value.read(node, path, reading)
            return value if value is INVALID else GrantEntry(value)
        found = self._several.read(node, path, reading)
        if found is INVALID:
            return INVALID
        if not found or len({each.window for each in found}) < len(found):
            return reading.wrong(node, path, "must hold one for each window")
        return tuple(sorted(found, key=lambda each: each.window)) if len(found) > 1 else found[0]

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self._value.schema(), self._terms.schema(), self._several.schema()]}


class CurrencyShape(Text):
    def read(self, node: Node, path: str, reading: Reading) -> Any:
        code = super().read(node, path, reading)
        try:
            return code if code is INVALID else exponent(code) is not None and code
        except ValueError:
            return reading.wrong(node, path, f"{code or 'nothing'} is not a currency one can be billed in")


class CardShape(Record):
    """A card; its currency is known before its prices are read."""

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        code = find(node, ["currency"]) if isinstance(node, Fields) else node
        reading.currency = code.value if isinstance(code, Word) and isinstance(code.value, str) else None
        try:
            return super().read(node, path, reading)
        finally:
            reading.currency = None


def read(text: str, *, is_json: bool = False) -> Document:
    """The document in a text; `Unreadable` with every problem that can be told without asking the database."""
    node = from_json(text) if is_json else from_yaml(text)
    if isinstance(node, Word) and node.value is None:
        raise Unreadable([Problem(node.line, "", "is empty")])
    reading = Reading()
    document: Document = _shape().read(node, "", reading)
    if reading.problems:
        raise Unreadable(reading.problems)
    object.__setattr__(document, "lines", reading.lines)
    return document


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the file."""
    priced = charge_schema()
    kinds = priced.pop("$defs")
    del priced["$schema"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Quoin prices as code",
        **_shape().schema(),
        "$defs": kinds | {"priced": priced},
    }


@cache
def _shape() -> Record:
    values = MappingOf(ListOf(Text(200, may_be_empty=False)), Text(60, may_be_empty=False))
    currency = CurrencyShape(3, may_be_empty=False)
    price, flag, long = Number(), Flag(), Text(_LONG)
    name, words = Text(120, may_be_empty=False), Text(60)
    meter = Record(
        MeterEntry,
        {
            "name": name, "event_type": name, "aggregation": Choice(Meter.Aggregation.values),
            "property": Text(500), "filters": values, "unit": Text(40), "condition": Text(500),
            "dimensions": ListOf(Text(60, may_be_empty=False)), "window": Choice(["", *Meter.Window.values]),
            "window_zone": words, "per": words, "over": Choice(["", *Meter.Over.values]), "carries_over": flag,
        },
    )  # fmt: skip
    feature = Record(
        FeatureEntry, {"name": name, "kind": Choice(Feature.Kind.values), "meter": REFERENCE, "description": long}
    )
    cost = Record(
        CostEntry,
        {
            "since": Instant(is_required=True), "unit_cost": price, "currency": currency,
            "per": Number(is_positive=True), "dimensions": MappingOf(Text(200), Text(60, may_be_empty=False)),
        },
    )  # fmt: skip
    product = Record(
        ProductEntry,
        {
            "name": name, "kind": Choice(Product.Kind.values), "meter": REFERENCE, "unit": Text(40),
            "internal_unit": Text(40), "description": long, "revenue_account": Text(20, may_be_empty=False),
            "recognition": Choice(Product.Recognition.values), "tax_code": Text(40), "tags": ListOf(KEY, most=50),
            "is_active": flag, "grants": MappingOf(GrantShape()), "costs": ListOf(cost),
        },
    )  # fmt: skip
    version = Record(
        VersionEntry,
        {
            "note": long, "planned_from": Instant(), "reach": Choice(RateCardVersion.Reach.values),
            "existing_from": Instant(), "base_factor": Number(is_positive=True, whole=7, decimals=9),
            "publish_when_approved": flag,
        },
    )  # fmt: skip
    rate = Record(RateEntry, {"charge": ChargeShape(), "cycle_months": Whole(0, 120), "in_advance": flag})
    card = CardShape(
        CardEntry,
        {
            "name": name, "currency": currency, "base": REFERENCE, "region": words, "segment": words, "channel": words,
            "customer_type": words, "notice_days": Whole(0, 3650), "is_public": flag, "version": version,
            "rates": MappingOf(rate),
        },
    )  # fmt: skip
    conditions = MappingOf(ListOf(Text(200, may_be_empty=False)), Text(60, pattern="|".join(SelectionRule.ATTRIBUTES),
        means=f"must be one of {', '.join(SelectionRule.ATTRIBUTES)}", may_be_empty=False))  # fmt: skip
    rule = Record(RuleEntry, {"name": name, "card": KEY, "conditions": conditions, "is_active": flag})
    return Record(
        Document,
        {
            "format": Whole(FORMAT, FORMAT), "meters": MappingOf(meter), "features": MappingOf(feature),
            "products": MappingOf(product), "rate_cards": MappingOf(card), "selection_rules": ListOf(rule),
        },
    )  # fmt: skip
