"""What every governed table has in common: an identity, a history, a guard, and perhaps a lifecycle."""

import uuid
from typing import Any, ClassVar

import pgtrigger
from django.db import models
from simple_history.models import HistoricalRecords

from governance.acts import Refused, open_change


def append_only(reason: str, *, may_change: tuple[str, ...] = ()) -> list[pgtrigger.Trigger]:
    """Triggers that refuse to delete a row or to change any of its columns but `may_change`."""
    keep = "ARRAY[" + ", ".join(f"'{column}'" for column in may_change) + "]::text[]"
    return [
        pgtrigger.Trigger(
            name="append_only",
            when=pgtrigger.Before,
            operation=pgtrigger.Update | pgtrigger.Delete,
            func=f"""
                IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - {keep}) = (to_jsonb(OLD) - {keep}) THEN RETURN NEW; END IF;
                RAISE EXCEPTION '{reason}' USING ERRCODE = 'restrict_violation';
            """,
        )
    ]


def signed_by_the_open_change() -> list[pgtrigger.Trigger]:
    """A trigger that refuses a row naming another change than the one that is open, so that history is not forged."""
    return [
        pgtrigger.Trigger(
            name="signed_by_the_open_change",
            when=pgtrigger.Before,
            operation=pgtrigger.Insert,
            func="""
                IF NEW.change_id::text = current_setting('quoin.change', true) THEN RETURN NEW; END IF;
                RAISE EXCEPTION 'history is signed by the change that is open' USING ERRCODE = 'restrict_violation';
            """,
        )
    ]


class HistoryRow(models.Model):
    """Base of every historical row: the change that wrote it signs it."""

    change = models.ForeignKey("governance.Change", models.PROTECT, related_name="+")

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        signed_by = open_change.get()
        if signed_by is None:
            raise RuntimeError("history written outside `with change(...)`")
        self.change = signed_by
        self.history_user = signed_by.by
        self.history_date = signed_by.at
        self.history_change_reason = signed_by.because[:100]
        super().save(*args, **kwargs)


class History(HistoricalRecords):
    """Historical rows that PostgreSQL keeps as they were written: signed by the open change, and never rewritten."""

    def get_meta_options(self, model: type[models.Model]) -> dict[str, Any]:
        options: dict[str, Any] = super().get_meta_options(model)
        return options | {"triggers": [*append_only("history never changes"), *signed_by_the_open_change()]}


class Entity(models.Model):
    """Something we answer for: it has an identity and a history, and is written only inside a change.

    `customer_path` names the lookup from this model to the customer it belongs to, or to each of several; rows with one
    are shown only to those who serve one of these customers (see `governance.doors`).
    """

    customer_path: ClassVar[str | tuple[str, ...]] = ()

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    history = History(bases=[HistoryRow], inherit=True)

    class Meta:
        abstract = True
        triggers = [
            pgtrigger.Trigger(
                name="only_inside_a_change",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                func="""
                    IF coalesce(current_setting('quoin.change', true), '') = '' THEN
                        RAISE EXCEPTION '% of % needs a change that says who and why', TG_OP, TG_TABLE_NAME
                            USING ERRCODE = 'insufficient_privilege';
                    END IF;
                    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
                    RETURN NEW;
                """,
            )
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        self._inside_a_change("saved")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        self._inside_a_change("deleted")
        return super().delete(*args, **kwargs)

    def _inside_a_change(self, done: str) -> None:
        if open_change.get() is None:
            raise RuntimeError(f"{self._meta.label} {done} outside `with change(...)`")


class Lifecycle(models.Model):
    """A status that moves only along the TRANSITIONS table."""

    TRANSITIONS: ClassVar[dict[str, set[str]]]
    status = models.CharField(max_length=20)

    class Meta:
        abstract = True

    def become(self, status: str) -> None:
        """Move to `status`, or raise `Refused` naming both ends. The caller saves."""
        if status not in self.TRANSITIONS[self.status]:
            now, then = self.status.replace("_", " "), status.replace("_", " ")
            raise Refused(f"This {self._meta.verbose_name} is {now} and cannot become {then}.")
        self.status = status
