"""Taking outcomes in: each subject has one, however often and by however many it is reported."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from governance.acts import Act, Refused
from metering.models import Outcome, OutcomeDefinition, OutcomeEntry
from metering.models.outcomes import OUTCOMES
from metering.operations import judged_rows
from metering.outcomes.counting import FINAL, event_of
from metering.outcomes.entries import Kind, entry, evidence_entry, tell
from metering.outcomes.reports import Report, report_objection
from metering.registry.screening import Objection, Reason
from metering.wire.events import Path, Problem, Wrong, pointer

Status, Scope = Outcome.Status, OutcomeDefinition.Scope
REPORTED, EXISTING = "reported", "existing"
_SCOPES = {Scope.CUSTOMER: "", Scope.MONTH: "%Y-%m", Scope.DAY: "%Y-%m-%d"}
_FIELDS: dict[str, str] = {
    Reason.UNKNOWN_CUSTOMER: "customer",
    Reason.UNKNOWN_TYPE: "outcome",
    Reason.TOO_EARLY: "time",
    Reason.TOO_LATE: "time",
}


class NotReported(Refused):
    """Reports of which something cannot be taken: nothing was stored. `problems` points at reports and fields."""

    def __init__(self, problems: Sequence[Problem], total: int) -> None:
        wrong = f"{len(problems):,} of {total:,} outcomes" if total > 1 else "The outcome"
        super().__init__(f"{wrong} cannot be taken; nothing was stored. {problems[0].message}.")
        self.problems = list(problems)


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome a report is about, and whether this call made it."""

    outcome: Outcome
    is_new: bool

    @property
    def result(self) -> str:
        return REPORTED if self.is_new else EXISTING


def report(reports: Sequence[Report], *, act: Act) -> list[Answer]:
    """Take in what is reported, all or nothing; an answer for each, in order.

    A subject that has an outcome already is answered with it, and so is the same report (same subject, same time)
    after its outcome was reversed; a later result of that subject is then a new one. Safe to repeat, and to run
    many times at once. Raises `NotReported`.
    """
    wanted = _outcomes(reports, act.at)
    answers: dict[int, Answer] = {}
    with transaction.atomic():
        while missing := [place for place in range(len(wanted)) if place not in answers]:
            rows = [wanted[place] for place in missing]
            existing = _existing(rows)
            answers |= {
                place: Answer(found, False)
                for place, row in zip(missing, rows, strict=True)
                if (found := _match(row, existing))
            }
            for place in _made({place: wanted[place] for place in missing if place not in answers}):
                answers[place] = Answer(wanted[place], True)
        _write_down(reports, answers, act)
    return [answers[place] for place in range(len(wanted))]


def _outcomes(reports: Sequence[Report], at: datetime) -> list[Outcome]:
    """The outcomes these would be, with everything checked that can be."""
    definitions = OutcomeDefinition.objects.in_bulk({each.outcome for each in reports}, field_name="key")
    wrong = {index: found for index, each in enumerate(reports) if (found := _wrong(each, definitions, at))}
    good = [index for index in range(len(reports)) if index not in wrong]
    outcomes = [_outcome(reports[index], definitions[reports[index].outcome], at) for index in good]
    judged = judged_rows([event_of(each, FINAL) for each in outcomes], source=OUTCOMES, at=at)
    for index, outcome, (row, objection) in zip(good, outcomes, judged, strict=True):
        outcome.customer_key = row.customer_key
        if objection:
            wrong[index] = Wrong(_place(objection, reports[index]), objection.detail.rstrip("."))
    if wrong:
        problems = [Problem(index, pointer((index, *each.path)), each.message) for index, each in sorted(wrong.items())]
        raise NotReported(problems, len(reports))
    return outcomes


def _wrong(report: Report, definitions: dict[str, OutcomeDefinition], at: datetime) -> Wrong | None:
    if wrong := report_objection(report):
        return wrong
    definition = definitions.get(report.outcome)
    if definition is None:
        return Wrong(("outcome",), f"No outcome {report.outcome!r} is defined")
    if definition.sources and report.source not in definition.sources:
        return Wrong(("source",), f"{definition.name} is not reported by {report.source}")
    key = definition.attribution_key
    if report.properties.get(key, report.attribution) != report.attribution:
        return Wrong(("properties", key), f"This is not the attribution, {report.attribution!r}")
    earliest = at - timedelta(days=settings.USAGE_WINDOW_DAYS)
    if report.time < earliest:
        return Wrong(("time",), f"Older than {earliest.isoformat()}, where late reports end")
    return None


def _place(objection: Objection, report: Report) -> Path:
    """Where in the report the objection to its event is."""
    if objection.path:
        inside = objection.path[1:]
        return inside if inside[:1] in (("value",), ("confidence",), ("source",)) else objection.path
    return (_FIELDS.get(objection.reason, "properties"),)


def _outcome(report: Report, definition: OutcomeDefinition, at: datetime) -> Outcome:
    window_ends = report.time + timedelta(hours=definition.settlement_hours)
    return Outcome(
        definition=definition,
        customer_key=report.customer_key,
        attribution=report.attribution,
        scope=report.time.astimezone(UTC).strftime(_SCOPES[Scope(definition.scope)]),
        value=report.value,
        confidence=report.confidence,
        source=report.source,
        properties=report.properties,
        occurred_at=report.time,
        reported_at=at,
        settles_at=max(window_ends, at),
    )


def _existing(rows: Sequence[Outcome]) -> list[Outcome]:
    return list(
        Outcome.objects.filter(
            definition__in={row.definition_id for row in rows},
            customer_key__in={row.customer_key for row in rows},
            attribution__in={row.attribution for row in rows},
            scope__in={row.scope for row in rows},
        ).select_related("definition")
    )


def _match(row: Outcome, existing: Sequence[Outcome]) -> Outcome | None:
    """The one with this very time, reversed or not; else the one of the subject that stands."""
    same = [each for each in existing if _subject(each) == _subject(row)]
    exact = next((each for each in same if each.occurred_at == row.occurred_at), None)
    return exact or next((each for each in same if each.status != Status.REVERSED), None)


def _subject(row: Outcome) -> tuple[Any, ...]:
    return row.definition_id, row.customer_key, row.attribution, row.scope


def _made(rows: dict[int, Outcome]) -> list[int]:
    """Store the first of each subject, unless somebody else just did; gives the places of those stored here.

    In the order of subjects, so that two who report the same wait for each other in one order.
    """
    firsts: dict[tuple[Any, ...], int] = {}
    for place, row in rows.items():
        firsts.setdefault(_subject(row), place)
    ordered = [firsts[subject] for subject in sorted(firsts, key=str)]
    Outcome.objects.bulk_create([rows[place] for place in ordered], ignore_conflicts=True)
    stored = set(Outcome.objects.filter(pk__in=[rows[place].pk for place in ordered]).values_list("pk", flat=True))
    return [place for place in ordered if rows[place].pk in stored]


def _write_down(reports: Sequence[Report], answers: dict[int, Answer], act: Act) -> None:
    new = {place: answer.outcome for place, answer in sorted(answers.items()) if answer.is_new}
    entries: list[OutcomeEntry] = []
    for place, outcome in new.items():
        entries.append(entry(outcome, Kind.REPORTED, act))
        entries += [evidence_entry(outcome, each, act) for each in reports[place].evidence]
    OutcomeEntry.objects.bulk_create(entries)
    tell("outcome.reported", new.values(), act)
