"""Metering: what our meters answer to a vector of `aggregation.json`. Events are taken in, a meter defined, and asked.

`answer` needs an empty database and an event store. The events come first: a meter answers for what was there before
it, and what it cannot add up it leaves out, as the peers do.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from governance.acts import Act
from metering.expressions import Kind, parse
from metering.meters.calendar import starts_of
from metering.meters.defining import define_meter
from metering.operations import ingest
from metering.queries import usage
from metering.registry.registering import register_event_type
from metering.wire.events import Event
from pricing.charges import load
from pricing.measures import WHOLE, Measured, Part, Split, not_negative
from pricing.money import ONE, ZERO
from pricing.periods import Period
from tests.peers.question import ONE_UNIT, units
from tests.peers.vectors import Given, UnknownToAdapter, Vector

Answer = dict[str, Any]
CUSTOMER, TYPE = "peer", "event"

_SIMPLE = {
    "count": "count",
    "sum": "sum",
    "max": "max",
    "min": "min",
    "avg": "average",
    "latest": "latest",
    "unique_count": "unique",
    "weighted_sum": "weighted",
}
_OVER = {"sum": "sum", "max": "max", "min": "min", "avg": "average", "count": "count", "unique_count": "unique"}
_IS_ACTIVE = "CASE WHEN operation = 'remove' THEN 0 ELSE 1 END"


def answer(vector: Vector) -> Answer:
    """By the names the vector expects. UnknownToAdapter if it says or expects what is not understood here."""
    if vector.what not in _ANSWERS:
        raise UnknownToAdapter(f"kind: the adapter does not know {vector.what!r}")
    with vector.given() as given, given.inner("inputs") as inputs:
        return _ANSWERS[vector.what](inputs, vector)


def differs_on_purpose(vector: Vector) -> str:
    """Why we answer something else, where we do; empty for all that we should answer alike."""
    inputs = vector.data.get("inputs") or {}
    if (inputs.get("deduplicate") or {}).get("keep") == "last_ingested":
        return "an event that was counted stays: what is said later under its identity is a conflict, not a correction"
    return ""


# ---------------------------------------------------------------- events added up


@dataclass(frozen=True)
class _Asked:
    """What a vector asks of its events, in our words. `definition` is that of the meter."""

    definition: Mapping[str, Any]
    period: Period
    by: tuple[str, ...]
    window: Split | None
    finished: Callable[[Decimal], Decimal]
    empty_is_zero: bool
    needs_value: str

    def measured(self, split: Split = WHOLE, **definition: Any) -> Measured:
        """Of a meter made for this question."""
        made = dict(self.definition) | definition
        key = f"meter-{abs(hash(repr(made)))}"
        if key not in _defined:
            define_meter(key=key, name="Peer's", act=_act(), **made)
            _defined.add(key)
        return usage([(CUSTOMER, key, self.period, split)])[CUSTOMER, key, self.period, split]

    def count(self, split: Split = WHOLE) -> Measured:
        """Of the events that carry what is added up."""
        conditions = [each for each in (self.definition.get("condition"), self.needs_value) if each]
        condition = " AND ".join(f"({each})" for each in conditions)
        plain = {"aggregation": "count", "property": "", "window": "", "per": "", "over": "", "carries_over": False}
        return self.measured(split, **plain | {"condition": condition})


_defined: set[str] = set()


def _aggregate(inputs: Given, vector: Vector) -> Answer:
    _defined.clear()
    with inputs.inner("aggregation") as aggregation, inputs.inner("period") as period:
        asked = _asked(inputs, aggregation, Period(_instant(period.need("from")), _instant(period.need("to"))))
    tolerance = inputs.number_or("tolerance", ZERO)
    expected = vector.expected
    found: Answer = {}
    if "value" in expected:
        found["value"] = _value(asked)
    if "events_count" in expected:
        found["events_count"] = asked.count()
    if "variation" in expected:
        found["variation"] = asked.measured(aggregation="sum", carries_over=False)
    if "groups" in expected:
        found["groups"] = _groups(asked, expected["groups"])
    if asked.window and {"windows", "sparse_windows"} & expected.keys():
        found |= _windows(asked, asked.window)
    return _near(found, expected, tolerance)


def _value(asked: _Asked) -> Decimal | None:
    value = asked.measured()
    assert isinstance(value, Decimal)
    is_level = asked.definition["aggregation"] in ("max", "min", "latest", "average")
    if is_level and not asked.definition.get("over") and not asked.empty_is_zero and not value and not asked.count():
        return None  # nothing was read, which for a level is not the same as zero
    return asked.finished(value)


def _groups(asked: _Asked, expected: Sequence[Mapping[str, Any]]) -> list[Answer]:
    """In the order in which the vector has them; ours that it does not have, at the end."""
    split = Split(by=asked.by)
    counts = {part.values: part.quantity for part in _parts(asked.count(split))}
    ours = {part.values: asked.finished(part.quantity) for part in _parts(asked.measured(split))}
    order = [tuple(group["key"].get(name) for name in asked.by) for group in expected]
    rest = [values for values in ours if values not in order]
    return [
        {
            "key": dict(zip(asked.by, values, strict=True)),
            "value": ours[values],
            "events_count": counts.get(values, ZERO),
        }
        for values in [*order, *rest]
        if values in ours
    ]


def _windows(asked: _Asked, split: Split) -> Answer:
    """Those with events, and all that the calendar has."""
    parts = {part.start: asked.finished(part.quantity) for part in _parts(asked.measured(split))}
    return {
        "windows": [parts.get(start, ZERO) for start in starts_of(asked.period, split)],
        "sparse_windows": [
            {"start": max(start, asked.period.start).strftime("%Y-%m-%dT%H:%M:%SZ"), "value": value}
            for start, value in parts.items()
            if start is not None
        ],
    }


def _parts(measured: Measured) -> tuple[Part, ...]:
    assert not isinstance(measured, Decimal)
    return measured


def _asked(inputs: Given, aggregation: Given, period: Period) -> _Asked:
    kind = aggregation.need("type")
    has_operations = any("operation" in event for event in inputs.need("events"))
    definition, period = _definition(kind, aggregation, period, has_operations)
    initial = inputs.number_or("initial_value")
    if initial is not None:
        definition["carries_over"] = True
    condition = _condition(inputs)
    _take_in(inputs, period, initial)
    decimals, days = aggregation.number_or("decimals"), aggregation.number_or("days_in_period")
    floor = aggregation.one_of("floor_zero", False, True)

    def finished(value: Decimal) -> Decimal:
        value = _converted(value, days, decimals)
        floored = not_negative(value, WHOLE) if floor else value
        assert isinstance(floored, Decimal)
        return floored

    return _Asked(
        definition | {"event_type": TYPE, "condition": condition},
        period,
        tuple(inputs.get("group_by") or ()),
        _window(inputs) if inputs.has("window") else None,
        finished,
        aggregation.one_of("empty_is_zero", False, True) or kind in ("count", "sum", "unique_count", "weighted_sum"),
        "" if kind == "count" else "value IS NOT NULL" if "unique" in kind else "value + 0 IS NOT NULL",
    )


def _definition(kind: str, aggregation: Given, period: Period, has_operations: bool) -> tuple[dict[str, Any], Period]:
    """The meter's, and the period to ask about."""
    if kind == "unique_count" and has_operations:
        return {"aggregation": "latest", "property": _IS_ACTIVE, "per": "value", "over": "sum"}, period
    if kind in _SIMPLE:
        return {"aggregation": _SIMPLE[kind], "property": "" if kind == "count" else "value"}, period
    if kind == "two_level":
        inner, outer = (aggregation.one_of(name, *_OVER) for name in ("inner", "outer"))
        by = aggregation.need("by")
        return _definition(inner, aggregation, period, False)[0] | {"per": by, "over": _OVER[outer]}, period
    if kind == "windowed":
        inner, outer = (aggregation.one_of(name, *_OVER) for name in ("inner", "outer"))
        window = {"window": aggregation.need("unit"), "window_zone": aggregation.get("timezone", "UTC")}
        return _definition(inner, aggregation, period, False)[0] | window | {"over": _OVER[outer]}, period
    daily = {"window": "day", "over": "sum", "carries_over": True}
    if kind == "prorated_unique_count":
        # A value counts on each day on which it was active at some time.
        return daily | {"aggregation": "max", "property": _IS_ACTIVE, "per": "value"}, period
    if kind == "prorated_sum":
        # What was added counts on each day from its own on; what persists was there before, for so many days.
        days = aggregation.number_or("persisted_days")
        asked = period if days is None else Period(period.end, period.end + timedelta(days=int(days)))
        return daily | {"aggregation": "sum", "property": "value"}, asked
    raise UnknownToAdapter(f"{aggregation.where}.type: the adapter does not know {kind!r}")


def _converted(value: Decimal, days: Decimal | None, decimals: Decimal | None) -> Decimal:
    """Days as a share of a period, and rounded: what a price does to a quantity."""
    if days is None and decimals is None:
        return value
    rounding = {"rounding": "none"} if decimals is None else {"rounding": "half_up", "precision": str(decimals)}
    divided = {"kind": "converted", "operation": "divide", "factor": str(days or ONE), "charge": dict(ONE_UNIT)}
    return units(load(divided | rounding).cost(value))


def _window(inputs: Given) -> Split:
    with inputs.inner("window") as window:
        return Split(window=window.need("unit"), zone=window.get("timezone", "UTC"))


def _near(found: Any, expected: Any, tolerance: Decimal) -> Any:
    """What is expected in place of what lies as near to it as the vector allows."""
    if isinstance(found, dict):
        return {name: _near(each, expected.get(name), tolerance) for name, each in found.items()} if expected else found
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        return [_near(*pair, tolerance) for pair in zip(found, expected, strict=True)]
    if isinstance(found, Decimal) and isinstance(expected, str) and abs(found - Decimal(expected)) <= tolerance:
        return Decimal(expected)
    return found


# ---------------------------------------------------------------- taking events in


def _take_in(inputs: Given, period: Period, initial: Decimal | None) -> None:
    register_event_type(key=TYPE, act=_act())
    events = list(_events(inputs))
    if initial is not None:
        before = period.start - timedelta(days=1)
        events.insert(0, Event("before", TYPE, before, CUSTOMER, {"value": initial}))
    for event in events:
        ingest([event], source="peer", at=event.time)


def _events(inputs: Given) -> Iterable[Event]:
    key: Sequence[str] = ()
    if inputs.has("deduplicate"):
        with inputs.inner("deduplicate") as deduplicate:
            key = deduplicate.need("key")
            deduplicate.one_of("keep", "first_ingested", "last_ingested")
    for number, given in enumerate(inputs.each("events")):
        # Without a rule there are no duplicates, so that each event has an identity of its own.
        said = {"id": given.get("id"), "at": given.need("at")}
        identity = " ".join(str(said[name]) for name in key) or str(number)
        own = {"value": given.get("value"), "operation": given.get("operation")}
        properties = dict(given.get("properties") or {}) | {
            name: each for name, each in own.items() if each is not None
        }
        yield Event(identity, TYPE, _instant(said["at"]), CUSTOMER, properties)


def _condition(inputs: Given) -> str:
    """A filter in our words. An event is left out when it is all that an exclusion says, so NULL does not exclude."""
    if not inputs.has("filter"):
        return ""
    with inputs.inner("filter") as given:
        kept = [_among(name, values) for name, values in (given.get("match") or {}).items()]
        excluded = [
            " AND ".join(_among(name, values) for name, values in each.items())
            for each in given.get("exclude") or ()
            if each
        ]
    return " AND ".join([*kept, *(f"(({each}) IS NOT TRUE)" for each in excluded)])


def _among(name: str, values: Sequence[Any]) -> str:
    texts = ", ".join(_quoted(str(value)) for value in values if value is not None)
    parts = [f"{_named(name)} IN ({texts})"] if texts else []
    parts += [f"{_named(name)} IS NULL"] if None in values else []
    return f"({' OR '.join(parts) or 'false'})"


def _named(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _act() -> Act:
    return Act.of_system("Eric Events", "a peer's case", datetime(2026, 1, 1, tzinfo=UTC))


# ---------------------------------------------------------------- other kinds


_COMPARED = {"eq": "=", "ne": "<>", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def _filter_predicate(inputs: Given, vector: Vector) -> Answer:
    """An operator of a peer as an expression of ours. Its `like` looks for a text anywhere, as our `contains` does."""
    operator, value = inputs.need("operator"), inputs.need("value")
    if operator in ("like", "not_like", "contains", "not_contains"):
        text = f"contains(value, {_quoted(str(value))})"
        text = f"NOT {text}" if operator.startswith("not_") else text
    elif operator in ("in", "not_in"):
        text = f"value {'NOT ' if operator == 'not_in' else ''}IN ({', '.join(_quoted(str(each)) for each in value)})"
    elif operator in _COMPARED:
        is_number = operator not in ("eq", "ne", "neq") or not isinstance(value, str)
        text = f"value {_COMPARED[operator]} {value if is_number else _quoted(str(value))}"
    else:
        raise UnknownToAdapter(f"inputs.operator: the adapter does not know {operator!r}")
    condition = parse(text, Kind.CONDITION)
    return {"matches": [condition.holds({"value": candidate}) for candidate in inputs.need("candidates")]}


def _round_units(inputs: Given, vector: Vector) -> Answer:
    """A quantity rounded before it is priced; to more than a unit as so many of these."""
    rounding = {"round": "half_up", "ceil": "up", "floor": "down"}[inputs.one_of("function", "round", "ceil", "floor")]
    precision = int(inputs.number_or("precision", ZERO))
    size = str(10 ** max(-precision, 0))
    priced: Any = {"kind": "converted", "operation": "multiply", "factor": size, "charge": dict(ONE_UNIT)}
    rounded = {"kind": "converted", "operation": "divide", "factor": size, "rounding": rounding}
    charge = load(rounded | {"precision": str(max(precision, 0)), "charge": priced})
    return {"units": units(charge.cost(inputs.number("units")))}


def _time_of_day_bucket(inputs: Given, vector: Vector) -> Answer:
    """A price for some hours of the day, asked what one unit at an instant costs in them."""
    hours = [_hour(inputs.need(name)) for name in ("start", "end")]
    if hours[0] == hours[1]:
        inputs.need("at")
        return {"inside": False}  # a price for no hours is not written down
    bucket = {"from_hour": str(hours[0] % 24), "to_hour": str(hours[1]), "charge": dict(ONE_UNIT)}
    free = {"kind": "per_unit", "unit_price": "0"}
    charge = load({"kind": "per_window", "window": "minute", "charge": free, "hours": [bucket]})
    inside = sum(step.amount for step in charge.cost((Part(ONE, (), _instant(inputs.need("at"))),)))
    return {"inside": inside == 1}


def _hour(text: str) -> int:
    if not re.fullmatch(r"\d\d:00", text):
        raise UnknownToAdapter(f"inputs: our prices change at full hours, not at {text}")
    return int(text[:2])


_ANSWERS: dict[str, Callable[[Given, Vector], Answer]] = {
    "aggregate": _aggregate,
    "filter_predicate": _filter_predicate,
    "round_units": _round_units,
    "time_of_day_bucket": _time_of_day_bucket,
}
