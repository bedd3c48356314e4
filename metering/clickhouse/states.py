"""States in ClickHouse's SQL: each column is text, so that all aggregations can be asked in one statement."""

from decimal import Context, Decimal
from typing import NamedTuple

from metering.clickhouse.formulas import Value
from metering.states import NEEDED, State

MICROS = "toUnixTimestamp64Micro(event.occurred_at)"
_VALUE = "assumeNotNull(event.value)"
_LATEST = f"concat(toString({MICROS}), ' ', toString(event.id), ' ', toString({_VALUE}))"
_EXACT = Context(prec=200)


class Columns(NamedTuple):
    """What a group's state is read from; NULL where the aggregation needs none of it."""

    events: int
    total: str | None
    moment: str | None
    highest: str | None
    lowest: str | None
    latest: str | None
    distinct: str | None


def columns_of(aggregation: str, value: Value) -> str:
    """Of a group of rows that have `value` (of which none is NULL), `occurred_at` and `id`."""
    written = {
        "total": sum_of(value, _VALUE),
        "moment": sum_of(value, _VALUE, f" * {MICROS}"),
        "highest": f"toString(max({_VALUE}))",
        "lowest": f"toString(min({_VALUE}))",
        "latest": f"argMax({_LATEST}, tuple({MICROS}, event.id))",
        "distinct": f"toString(uniqExact({_VALUE}))",
    }
    needed = NEEDED[aggregation]
    columns = (f"CAST({sql if name in needed else 'NULL'} AS Nullable(String))" for name, sql in written.items())
    return ", ".join(("toInt64(count())", *columns))


def state(columns: Columns) -> State:
    """What these columns say."""
    moment = None if columns.moment is None else added(columns.moment)
    return State(
        columns.events,
        None if columns.total is None else added(columns.total),
        None if moment is None else moment.scaleb(-6, _EXACT),
        _number(columns.highest),
        _number(columns.lowest),
        None if columns.latest is None else _latest(columns.latest),
        None if columns.distinct is None else int(columns.distinct),
    )


def sum_of(value: Value, sql: str, times: str = "") -> str:
    """Numbers that add up to the sum, with spaces between: one, or what is before and what is after the point."""
    if not value.is_wide:
        return f"toString(sum({sql}{times}))"
    whole = f"toInt256({sql})"
    rest = f"{sql} - toDecimal256({whole}, {value.digits.decimals})"
    return f"concat(toString(sum({whole}{times})), ' ', toString(sum(({rest}){times})))"


def added(texts: str) -> Decimal:
    """The sum that `sum_of` gave."""
    whole, _, rest = texts.partition(" ")
    return _EXACT.add(number(whole), number(rest)) if rest else number(whole)


def number(text: str) -> Decimal:
    """A number as ClickHouse writes it, without the zeros that fill up its scale."""
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text)


def _number(text: str | None) -> Decimal | None:
    return None if text is None else number(text)


def _latest(text: str) -> tuple[Decimal, Decimal, Decimal]:
    micros, event, value = text.split(" ")
    return Decimal(micros).scaleb(-6), Decimal(event), number(value)
