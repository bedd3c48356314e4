"""What other systems call our records."""

from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Aggregate, Exists, F, OuterRef, Subquery, Value
from django.db.models.functions import Cast, Coalesce

from governance.acts import Refused
from governance.models import ExternalId

JSON = models.JSONField()


def known(system: str, subject: models.Model) -> str:
    """The id that `system` gave to this record; empty if it gave none yet."""
    found = ExternalId.objects.filter(
        system=system, subject_type=subject._meta.label_lower, subject_id=str(subject.pk)
    ).values_list("external_id", flat=True)
    return found.first() or ""


def all_of(subject: models.Model) -> dict[str, str]:
    """What every other system calls this record."""
    mine = ExternalId.objects.filter(subject_type=subject._meta.label_lower, subject_id=str(subject.pk))
    return dict(mine.order_by("system").values_list("system", "external_id"))


def remember(system: str, subject: models.Model, external_id: str) -> None:
    """Keep the id; the latest one holds."""
    ExternalId.objects.update_or_create(
        system=system,
        subject_type=subject._meta.label_lower,
        subject_id=str(subject.pk),
        defaults={"external_id": external_id},
    )


def tell(subject: models.Model, ids: Mapping[str, str]) -> None:
    """Keep ids that somebody tells us, by system; an empty one is forgotten, what is not named stays.

    `Refused` for an id that is another record's, and for what is no name of a system.
    """
    kind, key = subject._meta.label_lower, str(subject.pk)
    for system, external_id in ids.items():
        if not external_id:
            ExternalId.objects.filter(system=system, subject_type=kind, subject_id=key).delete()
            continue
        row = ExternalId.objects.filter(system=system, subject_type=kind, subject_id=key).first()
        row = row or ExternalId(system=system, subject_type=kind, subject_id=key)
        row.external_id = external_id
        try:
            row.full_clean()
        except ValidationError as error:
            said = " ".join(text for texts in error.message_dict.values() for text in texts)
            is_taken = row.called_elsewhere().exists()
            whose = f"{external_id} is another {subject._meta.verbose_name}'s id." if is_taken else said
            raise Refused(f"{system}: {whose}") from error
        row.save()


def ids_of(model: type[models.Model]) -> Coalesce:
    """For a query of this table: what other systems call each row, as {system: id}."""
    mine = _of(model).order_by().values("subject_type")
    listed = mine.annotate(all=Aggregate(F("system"), F("external_id"), function="jsonb_object_agg", output_field=JSON))
    return Coalesce(Subquery(listed.values("all")), Value({}, JSON), output_field=JSON)


def called(model: type[models.Model], text: str) -> Exists:
    """For a query of this table: whether another system's id of a row contains this."""
    return Exists(_of(model).filter(external_id__icontains=text))


def _of(model: type[models.Model]) -> models.QuerySet[ExternalId]:
    key = Cast(OuterRef("pk"), models.CharField())
    return ExternalId.objects.filter(subject_type=model._meta.label_lower, subject_id=key)
