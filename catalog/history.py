"""How a card came about: its versions in time, what was done to each, and what each took the place of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from catalog import queries
from catalog.models import RateCard, RateCardVersion
from governance.models import Change
from governance.timeline import happening

Status = RateCardVersion.Status

STANDING_COLOURS = {
    "draft": "info",
    "in review": "warning",
    "scheduled": "info",
    "in force": "success",
    "superseded": "",
    "withdrawn": "danger",
}


@dataclass(frozen=True, slots=True)
class Happening:
    """One change of a version in words, repeated ones counted."""

    what: str
    change: Change
    times: int = 1


@dataclass(frozen=True, slots=True)
class Chapter:
    """A version on the card's timeline, with all that was done to it."""

    edition: queries.Edition
    colour: str
    last: Happening | None
    happenings: list[Happening]
    before: RateCardVersion | None
    before_is_scheduled: bool
    can_be_restored: bool
    can_be_withdrawn: bool


def preceding(edition: queries.Edition, editions: Sequence[queries.Edition], at: datetime) -> queries.Edition | None:
    """What was in force, or will be, right before a version takes effect; of one withdrawn, what is in force now."""
    planned = edition.version.planned_from or at
    starts = edition.since or (at if edition.standing == "withdrawn" else max(planned, at))
    earlier = [each for each in editions if each.since and each is not edition and each.since <= starts]
    return max(earlier, key=lambda each: each.since or at, default=None)


def chapters(editions: Sequence[queries.Edition], at: datetime) -> list[Chapter]:
    """The versions of a card, newest first, each with what happened to it; one query however many."""
    told = _happenings([edition.version for edition in editions])
    result = []
    for edition in editions:
        happened = told.get(str(edition.version.pk), [])
        last = next((each for each in happened if each.change.name.startswith("rate_card.")), None)
        before = preceding(edition, editions, at)
        result.append(
            Chapter(
                edition,
                STANDING_COLOURS[edition.standing],
                last,
                [each for each in happened if each is not last],
                before.version if before else None,
                before is not None and before.standing == "scheduled",
                edition.standing == "superseded",
                edition.standing in ("draft", "in review", "scheduled"),
            )
        )
    return result


def _happenings(versions: Iterable[RateCardVersion]) -> dict[str, list[Happening]]:
    """Newest first; the same thing done again for the same reason in a row is told once, with how often."""
    told: dict[str, list[Happening]] = {}
    changes = Change.objects.filter(
        subject_type=RateCardVersion._meta.label_lower, subject_id__in=[str(version.pk) for version in versions]
    ).order_by("-id")
    for change in changes:
        so_far = told.setdefault(change.subject_id, [])
        last = so_far[-1] if so_far else None
        if last and (last.change.name, last.change.by_name, last.change.because) == (
            change.name, change.by_name, change.because,
        ):  # fmt: skip
            so_far[-1] = Happening(last.what, last.change, last.times + 1)
        else:
            so_far.append(Happening(happening(change.name), change))
    return told


def scheduled_after(card: RateCard, at: datetime) -> list[RateCardVersion]:
    """The versions that take effect after an instant; rolling back leaves them alone."""
    return list(
        card.versions.filter(status=Status.PUBLISHED, effective_from__gt=at)
        .select_related("card")
        .order_by("effective_from")
    )
