"""The rules of lint by name, and how they are asked."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from catalog.editions import Offer, PriceBook, Sheet
from catalog.models import Product, RateCard, RateCardVersion


class Severity(StrEnum):
    """What a finding asks for: an error is mended, a warning is mended or accepted with a reason, a note is read."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a rule found. `where` is the product's name or the field; `text` says the figure and what to do."""

    rule: str
    severity: Severity
    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """Prices about to be published, beside those they would replace. A proposal that is not stored has no `version`.

    `before` and `after` are what a contract signed when they take effect would get without and with them, the base's
    prices filling in; `book` holds what is published of the card, its base and its deltas, without the candidate.
    """

    card: RateCard
    version: RateCardVersion | None
    sheet: Sheet
    at: datetime
    book: PriceBook
    before: Mapping[UUID, Offer]
    after: Mapping[UUID, Offer]
    products: Mapping[UUID, Product]


Look = Callable[[Candidate], Iterable[tuple[str, str]]]
"""What a rule does: a (where, text) for each thing it finds. Its number of queries does not grow with the rates."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A named rule; `looks_for` is its line on the page that lists them."""

    name: str
    severity: Severity
    looks_for: str
    look: Look

    def findings(self, candidate: Candidate) -> list[Finding]:
        return [Finding(self.name, self.severity, where, text) for where, text in self.look(candidate)]


RULES: dict[str, Rule] = {}


def rule(name: str, severity: Severity, looks_for: str) -> Callable[[Look], Look]:
    """Add a rule. Its name stays: reasons given for warnings and API clients refer to it."""

    def added(look: Look) -> Look:
        if name in RULES and RULES[name].look.__qualname__ != look.__qualname__:
            raise ValueError(f"there already is a lint rule {name!r}")
        RULES[name] = Rule(name, severity, looks_for, look)
        return look

    return added


def findings(version: RateCardVersion, *, at: datetime) -> list[Finding]:
    """What every rule finds in a version, errors first, then by rule and place."""
    raise NotImplementedError


def findings_of_sheet(sheet: Sheet, card: RateCard, *, at: datetime) -> list[Finding]:
    """The same of a proposal that is not stored."""
    raise NotImplementedError


def _in_order(found: Iterable[Finding]) -> list[Finding]:
    weight = list(Severity)
    return sorted(found, key=lambda each: (weight.index(each.severity), each.rule, each.where, each.text))
