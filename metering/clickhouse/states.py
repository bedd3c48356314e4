"""States in ClickHouse's SQL. Numbers come as text, which keeps every digit and is read soonest."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from metering.clickhouse.formulas import Value
from metering.meters.states import EXACT, NEEDED, State

MICROS = "toUnixTimestamp64Micro(event.occurred_at)"


def columns_of(aggregation: str, value: Value) -> list[str]:
    """What a state is read from, of a group of rows; those of which the value is NULL are not in it."""
    written = {
        "total": sum_of(value, value.sql),
        "moment": sum_of(value, value.sql, f" * {MICROS}"),
        "highest": f"toString(max({value.sql}))",
        "lowest": f"toString(min({value.sql}))",
        "latest": f"argMaxIf(concat(toString({MICROS}), ' ', toString(event.id), ' ', "
        f"toString(assumeNotNull({value.sql}))), tuple({MICROS}, event.id), isNotNull({value.sql}))",
        "distinct": f"uniqExact({value.sql})",
    }
    return [f"count({value.sql})", *(written[name] for name in NEEDED[aggregation])]


def state(aggregation: str, columns: Sequence[Any]) -> State:
    """What these columns say; `events` is 0 where no row of the group is in it."""
    events, *needed = columns
    if not events:
        return State()
    found = dict(zip(NEEDED[aggregation], needed, strict=True))
    return State(events, **{name: _READ[name](text) for name, text in found.items()})


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
    return EXACT.add(number(whole), number(rest)) if rest else number(whole)


def number(text: str) -> Decimal:
    """A number as ClickHouse writes it, without the zeros that fill up its scale."""
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text)


def _moment(texts: str) -> Decimal:
    return added(texts).scaleb(-6, EXACT)


def _latest(text: str) -> tuple[Decimal, Decimal, Decimal]:
    micros, event, value = text.split(" ")
    return Decimal(micros).scaleb(-6), Decimal(event), number(value)


_READ: dict[str, Any] = {
    "total": added,
    "moment": _moment,
    "highest": number,
    "lowest": number,
    "latest": _latest,
    "distinct": int,
}
