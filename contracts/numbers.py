"""Numbers for people: Q-2026-0001, C-2026-0001. Unique, ascending within a year, not necessarily without gaps."""

from django.db import connection, models
from django.db.models.functions import Length


def next_number(rows: type[models.Model], letter: str, year: int) -> str:
    """The number after the highest of the year. The transaction holds the table's numbering until it ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"number of {rows._meta.label}"])
    prefix = f"{letter}-{year}-"
    given = rows._default_manager.filter(number__startswith=prefix).order_by(-Length("number"), "-number")
    last = given.values_list("number", flat=True).first()
    count = int(last.removeprefix(prefix)) + 1 if last and last.removeprefix(prefix).isdigit() else 1
    return f"{prefix}{count:04d}"
