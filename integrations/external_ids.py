"""What other systems call our records."""

from django.db import models

from integrations.models import ExternalId


def known(system: str, subject: models.Model) -> str:
    """The id that `system` gave to this record; empty if it gave none yet."""
    found = ExternalId.objects.filter(
        system=system, subject_type=subject._meta.label_lower, subject_id=str(subject.pk)
    ).values_list("external_id", flat=True)
    return found.first() or ""


def remember(system: str, subject: models.Model, external_id: str) -> None:
    """Keep the id; the latest one holds."""
    ExternalId.objects.update_or_create(
        system=system,
        subject_type=subject._meta.label_lower,
        subject_id=str(subject.pk),
        defaults={"external_id": external_id},
    )
