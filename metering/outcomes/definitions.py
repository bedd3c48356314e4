"""What counts as an outcome: defined once, with its event type; what it is about stays, how it settles may change."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError

from governance.acts import Act, Refused
from governance.change import change, locked
from metering.models import Meter, Outcome, OutcomeDefinition
from metering.outcomes.reports import OWN
from metering.registry.registering import register_missing_type

_COUNTING = (Meter.Aggregation.COUNT, Meter.Aggregation.UNIQUE)
Scope, CountsIn = OutcomeDefinition.Scope, OutcomeDefinition.CountsIn


def define_outcome(
    *,
    key: str,
    name: str,
    attribution_key: str,
    description: str = "",
    scope: str = Scope.CUSTOMER,
    settlement_hours: int = 72,
    evidence_required: bool = False,
    counts_in: str = CountsIn.FINAL,
    sources: Sequence[str] = (),
    act: Act,
) -> OutcomeDefinition:
    """Say what counts as a result. Registers the event type `outcome.<key>`, which meters then count.

    `counts_in` decides the period of its usage: that in which it became final, or that in which it happened, which
    also bills what becomes final after a contract's end. `sources` may be left empty: then anybody reports it.
    """
    definition = OutcomeDefinition(
        key=key,
        name=name,
        description=description,
        attribution_key=attribution_key,
        scope=scope,
        settlement_hours=settlement_hours,
        evidence_required=evidence_required,
        counts_in=counts_in,
        sources=_sources(sources),
    )
    if attribution_key in OWN:
        raise Refused(f"Every outcome has its own {attribution_key}; give the attribution key another name.")
    counting = Meter.objects.filter(event_type=definition.event_type, aggregation__in=_COUNTING).first()
    if counting is not None:
        raise Refused(f"Meter {counting.key} counts events of {definition.event_type}; a reversal would be one more.")
    with change("outcome_definition.defined", definition, act):
        register_missing_type(definition.event_type, act=act)
        _save(definition)
    return definition


def revise_outcome(
    definition: OutcomeDefinition,
    *,
    name: str,
    description: str,
    settlement_hours: int,
    evidence_required: bool,
    sources: Sequence[str],
    act: Act,
) -> OutcomeDefinition:
    """Change how it is described and settles. What was reported before keeps the window it was reported with."""
    with change("outcome_definition.revised", definition, act):
        definition = locked(definition)
        definition.name, definition.description = name, description
        definition.settlement_hours, definition.evidence_required = settlement_hours, evidence_required
        definition.sources = _sources(sources)
        _save(definition)
    return definition


def _sources(given: Sequence[str]) -> list[str]:
    if unknown := sorted(set(given) - set(Outcome.Source.values)):
        raise Refused(f"Nobody reports as {unknown[0]}; it is one of {', '.join(Outcome.Source.values)}.")
    return sorted(set(given))


def _save(definition: OutcomeDefinition) -> None:
    try:
        definition.full_clean()
    except ValidationError as problem:
        raise Refused(_sentence(problem)) from None
    definition.save()


def _sentence(problem: ValidationError) -> str:
    """The messages, each with the field it is about."""
    fields: dict[str, Any] = problem.message_dict
    return " ".join(f"{field.replace('_', ' ')}: {' '.join(said)}" for field, said in fields.items())
