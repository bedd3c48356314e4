"""What the registered types say about their events: schemas, units and what is billable, worked out once a process.

A version of a schema never changes, so what was made of it is kept for as long as the process lives.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError, ValidationErrorKind

from governance.acts import Refused
from metering.expressions import Expression, Kind, parse
from metering.models import EventType, EventTypeVersion, QuarantinedEvent
from metering.wire.events import Event, Path, json_of, pointer

Reason = QuarantinedEvent.Reason
DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAX_SCHEMA_BYTES = 64 * 1024
UNIT_OF = "{}_unit"
"""The property by which an event states the unit of another: `duration_unit` says in what `duration` is."""
_LONGEST_MESSAGE = 400


class Complaint(NamedTuple):
    """What a type has against an event: a reason of quarantine, where in the event, and a sentence."""

    reason: str
    path: Path
    message: str

    @property
    def detail(self) -> str:
        """The sentence, with the place in front of it."""
        return f"{pointer(self.path)}: {self.message}" if self.path else self.message


@dataclass(frozen=True, slots=True)
class Edition:
    """One version of a schema, ready for use."""

    validator: Draft202012Validator | None
    units: tuple[tuple[str, str, str], ...]  # property, the property that states its unit, the unit

    def complaint(self, properties: dict[str, Any]) -> Complaint | None:
        """The first thing wrong with the properties, units first."""
        for name, stated_by, unit in self.units:
            stated = properties.get(stated_by, unit)
            if stated != unit:
                return Complaint(
                    Reason.WRONG_UNIT, ("properties", stated_by), f"{name} is measured in {unit}, not in {stated!r}."
                )
        if self.validator is None or self.validator.is_valid(properties):
            return None
        return _complaint(next(iter(self.validator.iter_errors(properties))))


@dataclass(frozen=True, slots=True)
class TypeRules:
    """A registered type as the checks want it. `editions` has only versions that demand something."""

    key: str
    newest: int
    numbers: frozenset[int]
    editions: Mapping[int, Edition]
    refuses: bool
    billable_when: Expression | None

    def complaint(self, event: Event) -> Complaint | None:
        """What is wrong with an event by the version it names, or else the newest."""
        number = event.schema_version or self.newest
        edition = self.editions.get(number)
        if edition is not None:
            return edition.complaint(event.properties)
        if number not in self.numbers:
            return Complaint(Reason.INVALID, ("schema_version",), f"There is no version {number} of {self.key}.")
        return None

    def is_billable(self, properties: dict[str, Any]) -> bool:
        return self.billable_when is None or self.billable_when.holds(properties)


def kinds_named(keys: Iterable[str]) -> dict[str, TypeRules]:
    """The registered types among these keys, by key; one query, and one more for versions this process never saw."""
    fields = ("type__key", "type__on_invalid", "type__billable_when", "number", "pk")
    rows = list(EventTypeVersion.objects.filter(type__key__in=set(keys)).order_by("number").values_list(*fields))
    _learn({pk for *_, pk in rows} - _editions.keys())
    found: dict[str, list[tuple[Any, ...]]] = {}
    for key, *rest in rows:
        found.setdefault(key, []).append(tuple(rest))
    return {key: _kind(key, versions) for key, versions in found.items()}


def check_schema(schema: Any) -> None:
    """Refused, saying where, unless this is a JSON Schema of the 2020-12 dialect that stands on its own."""
    if not isinstance(schema, dict):
        raise Refused('A schema is a JSON object: {"type": "object", "required": ["tokens"]}.')
    if len(json_of(schema)) > MAX_SCHEMA_BYTES:
        raise Refused(f"A schema has at most {MAX_SCHEMA_BYTES:,} bytes.")
    if schema.get("$schema", DIALECT).rstrip("#") != DIALECT:
        raise Refused(f"Schemas are of the dialect {DIALECT}.")
    try:
        _compiled(schema)
    except ValidationError as wrong:
        where = pointer(tuple(wrong.instance_path)) or "/"
        raise Refused(f"This is not a valid JSON Schema, at {where}: {_sentence(wrong)}") from None
    except ValueError as wrong:
        raise Refused(f"This is not a valid JSON Schema: {wrong}.") from None


def check_units(units: Any) -> None:
    """Refused unless it says in which unit each of some properties is."""
    wanted = isinstance(units, dict) and all(
        isinstance(word, str) and 0 < len(word) <= 120 for pair in units.items() for word in pair
    )
    if not wanted:
        raise Refused('Units look like {"duration": "ms"}: a property, and the unit it is measured in.')


def edition_of(schema: dict[str, Any], units: dict[str, str]) -> Edition | None:
    """A version ready for use; None if it demands nothing. The schema was checked before."""
    if not schema and not units:
        return None
    stated = tuple((name, UNIT_OF.format(name), unit) for name, unit in sorted(units.items()))
    return Edition(_compiled(schema) if schema else None, stated)


@lru_cache(maxsize=1_000)
def condition(text: str) -> Expression | None:
    """A rule of what is billable, ready for use; None where everything is."""
    return parse(text, Kind.CONDITION) if text else None


_editions: dict[int, Edition | None] = {}


def _learn(new: set[int]) -> None:
    if new:
        for version in EventTypeVersion.objects.filter(pk__in=new):
            _editions[version.pk] = edition_of(version.schema, version.units)


def _kind(key: str, versions: list[tuple[Any, ...]]) -> TypeRules:
    on_invalid, billable_when, newest, _ = versions[-1]
    ready = {number: edition for _, _, number, pk in versions if (edition := _editions[pk])}
    return TypeRules(
        key=key,
        newest=newest,
        numbers=frozenset(number for _, _, number, _ in versions),
        editions=ready,
        refuses=on_invalid == EventType.OnInvalid.REJECT,
        billable_when=condition(billable_when),
    )


def _compiled(schema: dict[str, Any]) -> Draft202012Validator:
    """Nothing is ever fetched, and no pattern can take longer than its text is long."""
    return Draft202012Validator(schema, validate_formats=True, offline=True, pattern_options=RegexOptions())


def _complaint(wrong: ValidationError) -> Complaint:
    path: Path = ("properties", *wrong.instance_path)
    if isinstance(wrong.kind, ValidationErrorKind.Required):
        return Complaint(Reason.MISSING_PROPERTY, (*path, wrong.kind.property), _sentence(wrong))
    return Complaint(Reason.INVALID, path, _sentence(wrong))


def _sentence(wrong: ValidationError) -> str:
    text = wrong.message[:_LONGEST_MESSAGE]
    return f"{text[:1].upper()}{text[1:]}."
