"""How an outcome becomes usage: one event when it is final, its counterpart when that is taken back."""

from collections.abc import Sequence
from typing import Any

from metering.intake import Batch
from metering.models import Outcome
from metering.models.outcomes import OUTCOMES
from metering.store import Row
from metering.wire.events import Event

FINAL, REVERSED = "final", "reversed"


def event_id_of(outcome: Outcome, kind: str) -> str:
    """There is one event of each kind for an outcome, for ever."""
    return f"{outcome.pk}/{kind}"


def event_of(outcome: Outcome, kind: str) -> Event:
    """What is counted of an outcome: one and its value, or for a reversal both negative; at the same instant."""
    sign = 1 if kind == FINAL else -1
    properties: dict[str, Any] = {**outcome.properties, outcome.definition.attribution_key: outcome.attribution}
    if outcome.value is not None:
        negative = sign < 0 and outcome.value  # there is no negative nothing
        properties["value"] = outcome.value.copy_negate() if negative else outcome.value
    if outcome.confidence is not None:
        properties["confidence"] = outcome.confidence
    return Event(
        id=event_id_of(outcome, kind),
        type=outcome.definition.event_type,
        time=outcome.counted_at or outcome.occurred_at,
        customer_key=outcome.customer_key,
        properties=properties | {"quantity": sign, "source": outcome.source},
        source=OUTCOMES,
    )


def count(rows: Sequence[Row], batch: Batch) -> None:
    """Store the events of outcomes whose rows are locked, within the caller's transaction."""
    there = batch.take(rows)
    batch.close()
    if there:
        event_id = next(iter(there)).event_id
        raise RuntimeError(f"somebody else's event is counted as {OUTCOMES}/{event_id}; the outcome cannot be")
