"""What a document would change here: field by field, and which cards need a new request.

A card is as the file has it when what is in force, scheduled, or being reviewed says the same. Only reads.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Literal

from catalog.models import RateCard, RateCardVersion
from catalog.portable.document import CardEntry, Document, RateEntry, VersionEntry
from catalog.portable.exporting import ahead, card_entry, export, rates_of
from catalog.prices import billed, sentence_of
from catalog.queries import version_at
from pricing.money import plain

Status = RateCardVersion.Status
Kind = Literal["added", "changed", "removed"]
State = Literal["new", "as it is", "scheduled", "in review", "blocked"]
_SIGNS = {"added": "+", "changed": "~", "removed": "-"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs, in words. `what` is empty for a whole entry that is added or removed."""

    kind: Kind
    path: str
    what: str
    before: str
    after: str

    def __str__(self) -> str:
        name = f"{self.path.rpartition('.')[2]} {self.what}".strip()
        both = f"{self.before} → {self.after}" if self.kind == "changed" else self.before or self.after
        return f"{_SIGNS[self.kind]} {name}: {both}"


@dataclass(frozen=True, slots=True)
class CardPlan:
    """What is to become of a card's prices. `state` says whether a request is needed, or why none is made.

    new: a draft is made and sent for review; as it is, scheduled, in review: there is nothing to do; blocked: another
    draft is in the way.
    """

    key: str
    entry: CardEntry
    state: State
    version: RateCardVersion | None
    differences: tuple[Difference, ...]

    @property
    def says(self) -> str:
        """The state as a sentence."""
        name = self.entry.name
        in_the_way = f"already has a version {_stage(self.version)} with other prices"
        return {
            "new": f"{name}: a change request is to be made.",
            "as it is": f"{name}: these prices are in force.",
            "scheduled": f"{name}: these prices are published and take effect on {_day(self.version)}.",
            "in review": f"{name}: this very change is in review; nothing to do.",
            "blocked": f"{name} {in_the_way}; finish or discard that first.",
        }[self.state]


@dataclass(frozen=True, slots=True)
class Plan:
    """`current` is what is here; `differences` are those that take effect at once, without a request."""

    document: Document
    current: Document
    differences: tuple[Difference, ...]
    cards: tuple[CardPlan, ...]

    @property
    def requests(self) -> list[CardPlan]:
        """The cards for which there is something to ask."""
        return [card for card in self.cards if card.state in ("new", "blocked")]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.differences and not self.requests


def plan(document: Document, *, at: datetime) -> Plan:
    """What applying the document at an instant would do. It is not asked here whether that could be done."""
    current = export(at=at)
    differences = [
        *_entries("meters", document.meters, current.meters),
        *_entries("features", document.features, current.features),
        *_entries("products", document.products, current.products),
        *_entries("rate_cards", document.rate_cards, current.rate_cards, but=("version", "rates")),
        *_rules(document, current),
    ]
    cards = [
        _card_plan(key, entry, current, at)
        for key, entry in sorted(document.rate_cards.items())
        if entry.rates is not None
    ]
    return Plan(document, current, tuple(differences), tuple(cards))


def _entries(
    section: str, wanted: Mapping[str, Any], there: Mapping[str, Any], but: tuple[str, ...] = ()
) -> Iterator[Difference]:
    for key in sorted(wanted):
        path = f"{section}.{key}"
        if key not in there:
            yield Difference("added", path, "", "", wanted[key].name)
            continue
        for each in fields(wanted[key]):
            before, after = getattr(there[key], each.name), getattr(wanted[key], each.name)
            if each.name == "costs":
                added = [cost for cost in after if cost not in before]
                yield from (Difference("added", path, "cost", "", _cost(cost)) for cost in added)
            elif each.name not in but and before != after:
                yield Difference("changed", path, each.name, _text(before), _text(after))


def _rules(document: Document, current: Document) -> Iterator[Difference]:
    if document.selection_rules is None:
        return
    wanted, there = list(map(_rule, document.selection_rules)), list(map(_rule, current.selection_rules or ()))
    for text in there:
        if text not in wanted:
            yield Difference("removed", "selection_rules", "", text, "")
    for text in wanted:
        if text not in there:
            yield Difference("added", "selection_rules", "", "", text)
    if sorted(wanted) == sorted(there) and wanted != there:
        yield Difference("changed", "selection_rules", "order", "; ".join(there), "; ".join(wanted))


def _card_plan(key: str, entry: CardEntry, current: Document, at: datetime) -> CardPlan:
    card = RateCard.objects.filter(key=key).first()
    if card is None:
        return CardPlan(key, entry, "new", None, tuple(_price_differences(key, None, entry)))
    in_force = version_at(card, at)
    for version, there in _standing(card, in_force, at):
        if _same(entry, there, version, at):
            state: dict[str, State] = {Status.IN_REVIEW: "in review", Status.PUBLISHED: "scheduled"}
            if version == in_force:
                return CardPlan(key, entry, "as it is", version, ())
            if version.status in state:
                return CardPlan(key, entry, state[version.status], version, ())
    live = card.versions.filter(status__in=[Status.DRAFT, Status.IN_REVIEW]).first()
    before = current.rate_cards[key]
    differences = tuple(_price_differences(key, before if in_force else None, entry))
    return CardPlan(key, entry, "blocked" if live else "new", live or in_force, differences)


def _standing(
    card: RateCard, in_force: RateCardVersion | None, at: datetime
) -> list[tuple[RateCardVersion, CardEntry]]:
    """What of a card is in force, scheduled and being worked on."""
    versions = [
        version
        for version in card.versions.exclude(status=Status.WITHDRAWN)
        if version == in_force or version.effective_from is None or version.effective_from > at
    ]
    rates = rates_of(versions)
    return [(each, card_entry(card, each, rates.get(each.pk, []), base="", at=at)) for each in versions]


def _same(wanted: CardEntry, there: CardEntry, version: RateCardVersion, at: datetime) -> bool:
    """Whether a version says what the file wants. For what is in force already it does not matter when it should be."""
    ours, theirs = _header(wanted.version, at), _header(there.version, at)
    if version.status == Status.PUBLISHED and theirs.planned_from is None:
        ours = replace(ours, planned_from=None)
    return ours == theirs and wanted.rates == there.rates


def _header(version: VersionEntry, at: datetime) -> VersionEntry:
    """What of a version changes prices: neither its note nor how it comes to be published."""
    return replace(
        version,
        note="",
        publish_when_approved=False,
        planned_from=ahead(version.planned_from, at),
        existing_from=ahead(version.existing_from, at),
    )


def _price_differences(key: str, before: CardEntry | None, after: CardEntry) -> Iterator[Difference]:
    path = f"rate_cards.{key}"
    old = before.version if before else VersionEntry()
    for each in fields(VersionEntry):
        texts = _text(getattr(old, each.name)), _text(getattr(after.version, each.name))
        if each.name != "note" and texts[0] != texts[1]:
            yield Difference("changed", path, each.name, *texts)
    had, has = (before.rates or {}) if before else {}, after.rates or {}
    for product in sorted(had.keys() | has.keys()):
        old_text, new_text = (_rate(each.get(product), after.currency) for each in (had, has))
        if had.get(product) != has.get(product):
            kind: Kind = "added" if not old_text else "changed" if new_text else "removed"
            yield Difference(kind, f"{path}.rates.{product}", "", old_text, new_text)


def _rate(rate: RateEntry | None, currency: str) -> str:
    return "" if rate is None else f"{sentence_of(rate.offer, currency)}, {billed(rate.offer)}"


def _rule(rule: Any) -> str:
    held = " and ".join(f"{name} is {' or '.join(values)}" for name, values in sorted(rule.conditions.items()))
    return f"{rule.name}: {rule.card} {'if ' + held if held else 'for everybody'}{'' if rule.is_active else ' (off)'}"


def _cost(cost: Any) -> str:
    of = " ".join(f"{name} {value}" for name, value in sorted(cost.dimensions.items()))
    price = f"{plain(cost.unit_cost)} {cost.currency} for {plain(cost.per)}"
    return f"{price}{' of ' + of if of else ''} since {_text(cost.since)}"


_WORDS: dict[type, Callable[[Any], str]] = {
    bool: lambda value: "yes" if value else "no",
    datetime: lambda value: f"{value:%Y-%m-%d %H:%M} UTC",
    str: lambda value: value or "nothing",
    type(None): lambda value: "nothing",
}


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(inner)}" for name, inner in sorted(value.items())) or "nothing"
    if isinstance(value, tuple):
        return " or ".join(map(_text, value))
    return _WORDS.get(type(value), lambda other: plain(other) if hasattr(other, "as_tuple") else str(other))(value)


def _day(version: RateCardVersion | None) -> str:
    return f"{version.effective_from:%Y-%m-%d %H:%M} UTC" if version and version.effective_from else ""


def _stage(version: RateCardVersion | None) -> str:
    return str(version.get_status_display()).lower() if version else ""
