"""The timeline of a thing: every change of it, with what moved, in words."""

from decimal import Decimal
from typing import Any

from django.db import models

from governance.models import Change
from pricing.money import plain

EMPTY: tuple[Any, ...] = (None, "", [], {})


def timeline(thing: models.Model) -> list[dict[str, Any]]:
    """The changes of a thing, newest first, each with `fields`: (label, before, after) that moved in its own row."""
    changes = Change.objects.filter(subject_type=thing._meta.label_lower, subject_id=str(thing.pk))
    rows = list(thing.history.select_related("change").order_by("history_id")) if hasattr(thing, "history") else []
    moved: dict[int, list[tuple[str, Any, Any]]] = {}
    for before, after in zip([None, *rows], rows, strict=False):
        moved.setdefault(after.change_id, []).extend(_moved(thing, before, after))
    seen = {row.change_id: row.change for row in rows} | {change.pk: change for change in changes}
    return [
        {"change": change, "what": happening(change.name), "fields": moved.get(key, [])}
        for key, change in sorted(seen.items(), key=lambda item: -item[0])
    ]


def has_timeline(thing: models.Model) -> bool:
    """Whether anything of the thing's own was ever recorded; events and postings are facts without a history."""
    recorded = Change.objects.filter(subject_type=thing._meta.label_lower, subject_id=str(thing.pk))
    return hasattr(thing, "history") or recorded.exists()


def happening(name: str) -> str:
    """A change's name as people read it: `quote.sent` is "Quote sent", `rate_card.rate_set` "Rate card: rate set"."""
    subject, _, verb = name.replace("_", " ").partition(".")
    return f"{subject} {verb}".capitalize() if " " not in verb else f"{subject.capitalize()}: {verb}"


def _moved(thing: models.Model, before: Any, after: Any) -> list[tuple[str, Any, Any]]:
    fields: list[tuple[str, Any, Any]] = []
    for field in thing._meta.concrete_fields:
        if field.primary_key or isinstance(field, (models.JSONField, models.FileField, models.ForeignKey)):
            continue
        then = getattr(before, field.attname, None) if before is not None else None
        now = getattr(after, field.attname, None)
        if then != now and not (before is None and now in EMPTY):
            fields.append((str(field.verbose_name), in_words(field, then), in_words(field, now)))
    return fields


def in_words(field: Any, value: Any) -> Any:
    """A field's value as the page shows it: a choice's name, yes and no, a number without trailing zeros."""
    if value in EMPTY:
        return ""
    if field.choices:
        return dict(field.flatchoices).get(value, value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return plain(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else value
