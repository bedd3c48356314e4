"""Made-up charges of every kind, nested at random, and made-up events for them to price."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from hypothesis import strategies as st

from pricing.charges import (
    Adjusted,
    Allowance,
    Capacity,
    CapacityTier,
    Cell,
    Charge,
    ChargeError,
    Cheapest,
    Committed,
    Converted,
    Dynamic,
    Flat,
    Graduated,
    GraduatedPercent,
    Hours,
    InUnit,
    Matrix,
    Outcome,
    OutcomeShare,
    Package,
    Percent,
    PercentTier,
    PerGroup,
    PerUnit,
    PerWindow,
    Sum,
    Tier,
    Volume,
)
from pricing.measures import WHOLE, Measured, Part, Split

D = Decimal
START = datetime(2026, 3, 28, 22, tzinfo=UTC)
PRICES = st.decimals(min_value=0, max_value=1000, places=4)
SIZES = st.sampled_from([D(1), D(4), D(10), D("2.5"), D(1000)])
EDGES = st.decimals(min_value=1, max_value=500, places=1)
PROPERTIES = {"region": ["eu", "us", None], "model": ["large", "small", None]}
MAYBE = st.none() | PRICES


@st.composite
def tiers(draw, tier=None):
    edges = sorted(draw(st.sets(EDGES, max_size=3)))
    built = tier or (lambda edge: Tier(edge, draw(PRICES), draw(PRICES), draw(st.none() | SIZES), draw(MAYBE)))
    return tuple(built(edge) for edge in [*edges, None])


@st.composite
def percent_tiers(draw):
    return draw(tiers(lambda edge: PercentTier(edge, draw(PRICES), draw(PRICES))))


@st.composite
def capacities(draw, by):
    units = [""] if not by else ["eu", "us"]
    limits = sorted(draw(st.sets(EDGES, max_size=3)))
    return Capacity(
        tuple(CapacityTier(tuple((unit, limit) for unit in units), draw(PRICES)) for limit in [*limits, None]), by
    )


SCALAR = st.one_of(
    st.builds(Flat, PRICES),
    st.builds(PerUnit, PRICES, SIZES),
    st.builds(Package, PRICES, SIZES, st.sampled_from(["up", "down", "none"])),
    st.builds(Graduated, tiers(), charge_flat_at_zero=st.booleans()),
    st.builds(Volume, tiers(), charge_flat_at_zero=st.booleans()),
    st.builds(GraduatedPercent, percent_tiers(), st.booleans()),
    st.builds(Percent, PRICES),
    st.builds(Dynamic, PRICES),
    st.builds(Outcome, PRICES),
    st.builds(OutcomeShare, PRICES, PRICES),
    capacities(""),
)
_FREE = st.none() | st.sampled_from([D(1), D(3), D(50)])
BY_EVENT = st.builds(Percent, PRICES, PRICES, _FREE, _FREE, st.none() | st.just(D(2)), st.none() | st.just(D(40)))
APART = st.one_of(BY_EVENT, capacities("region"))


@st.composite
def matrices(draw, charges):
    by = tuple(draw(st.lists(st.sampled_from(sorted(PROPERTIES)), min_size=1, max_size=2, unique=True)))
    values = st.tuples(*(st.sampled_from(PROPERTIES[name]) for name in by))
    cells = tuple(Cell(each, draw(charges)) for each in draw(st.lists(values, max_size=3, unique=True)))
    return Matrix(by, cells, draw(charges) if not cells else draw(st.none() | charges))


@st.composite
def around(draw, charges):
    """A composition of these charges; where it is refused, one of the charges."""
    inner, other = draw(charges), draw(charges)
    by = draw(st.sampled_from([("region",), ("model",), ("model", "region")]))
    builds = [
        lambda: Converted(draw(st.sampled_from(["multiply", "divide"])), draw(SIZES), inner, *draw(ROUNDINGS)),
        lambda: Allowance(draw(EDGES), inner),
        lambda: PerGroup(by, inner),
        lambda: PerWindow("hour", inner, draw(st.sampled_from([(), (Hours(22, 3, other),)]))),
        lambda: PerWindow("day", inner),
        lambda: Adjusted(inner, draw(PRICES), draw(st.sampled_from([D(0), D("12.5")])), draw(MAYBE), draw(MAYBE)),
        lambda: InUnit("credit", draw(PRICES), inner),
        lambda: Committed(inner, amount=draw(PRICES), overage_factor=D("1.5"), true_up=draw(st.booleans())),
        lambda: Committed(inner, quantity=draw(EDGES), overage_factor=D(2)),
        lambda: Sum((inner, other)),
        lambda: Cheapest((inner, other)),
        lambda: draw(matrices(st.just(inner) | charges)),
    ]
    try:
        return draw(st.sampled_from(builds))()
    except ChargeError:
        return inner


ROUNDINGS = st.tuples(st.sampled_from(["none", "up", "down", "half_up"]), st.integers(0, 3))
CHARGES: st.SearchStrategy[Charge] = st.recursive(st.one_of(SCALAR, APART), around, max_leaves=4)


class Made(NamedTuple):
    """An event: so much, with these properties."""

    quantity: Decimal
    properties: dict[str, str | None]
    at: datetime


EVENTS = st.lists(
    st.tuples(
        st.decimals(min_value=0, max_value=300, places=1),
        st.fixed_dictionaries({name: st.sampled_from(values) for name, values in PROPERTIES.items()}),
        st.integers(0, 40 * 60),
    ),
    max_size=8,
).map(lambda rows: [Made(q, p, START + timedelta(minutes=m)) for q, p, m in sorted(rows, key=lambda row: row[2])])


def measured(events: list[Made], split: Split) -> Measured:
    """What a meter that adds up answers."""
    if split == WHOLE:
        return sum((each.quantity for each in events), D(0))
    parts = [Part(each.quantity, tuple(each.properties[n] for n in split.by), each.at) for each in events]
    if split.each:
        return tuple(parts)
    found: dict[tuple, Decimal] = {}
    for part in parts:
        start = {
            "hour": part.start.replace(minute=0),
            "day": part.start.replace(minute=0, hour=0),
            "": None,
        }[split.window]
        found[part.values, start] = found.get((part.values, start), D(0)) + part.quantity
    return tuple(Part(quantity, *key) for key, quantity in found.items())
