"""A column for numbers of any size, kept to the last digit."""

from decimal import Decimal
from typing import Any

from django.db import models


class ExactNumber(models.Field):
    """PostgreSQL's `numeric` without a limit: sums of reported numbers never lose a digit."""

    description = "Exact number"

    def db_type(self, connection: Any) -> str:
        return "numeric"

    def to_python(self, value: Any) -> Decimal | None:
        return value if value is None or isinstance(value, Decimal) else Decimal(value)
