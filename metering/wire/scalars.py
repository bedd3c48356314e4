"""What the value of a property is as a number and as text, the same wherever it is asked."""

import re
from decimal import Decimal
from typing import Any

from metering.wire.events import DECIMALS, WHOLE_DIGITS

PLAIN_NUMBER = rf"-?[0-9]{{1,{WHOLE_DIGITS}}}(\.[0-9]{{1,{DECIMALS}}})?"
"""Text that is a number, as a regular expression of Python, PostgreSQL and ClickHouse."""
_NUMBER = re.compile(PLAIN_NUMBER, re.ASCII)


def number_of(value: Any) -> Decimal | None:
    """The number a property holds: a JSON number, or text that is a plain decimal. Never a float or a boolean."""
    kind = type(value)  # exactly: a boolean is an int to isinstance
    if kind is int or kind is Decimal or (kind is str and _NUMBER.fullmatch(value)):
        return Decimal(value)
    return None


def text_of(value: Any) -> str | None:
    """A scalar as PostgreSQL's `->>` writes it; None for anything else."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Decimal():
            return format(value if value else abs(value), "f")
    return None
