"""Every write happens inside `with change(...)`: one transaction, one who, one why, one row."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import connection, models, transaction

from governance.acts import Act, open_change
from governance.models import Change

M = TypeVar("M", bound=models.Model)


@contextmanager
def change(name: str, subject: models.Model, act: Act) -> Iterator[Change]:
    """Open the transaction, write the `Change` row, and let entities be saved until the block ends.

    `name` is `noun.past_participle`. Nested changes share the outer transaction. PostgreSQL learns of the open change
    by a transaction-local setting, so a write that bypasses the ORM is refused as well.
    """
    with transaction.atomic():
        row = Change.objects.create(
            name=name,
            subject_type=subject._meta.label_lower,
            subject_id=str(subject.pk),
            by=act.by,
            by_name=act.name,
            because=act.because,
            at=act.at,
        )
        outer = open_change.get()
        token = open_change.set(row)
        _tell_database(row)
        try:
            yield row
        finally:
            open_change.reset(token)
        # After an error there is nothing to tell: rolling back takes the setting with it.
        if not connection.needs_rollback:
            _tell_database(outer)


def locked(instance: M) -> M:
    """The row as it is now, locked until the transaction ends."""
    return type(instance)._default_manager.select_for_update(of=("self",)).get(pk=instance.pk)


def _tell_database(row: Change | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('quoin.change', %s, true)", ["" if row is None else str(row.pk)])
