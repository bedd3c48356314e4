"""Usage events in PostgreSQL: by month, with daily totals beside them that are exact at all times."""
