"""Tables of metering, by subject."""

from metering.models.corrections import UsageCorrection, UsageVoid
from metering.models.events import ExactDecoder, RetiredMonth, UsageBatch, UsageEvent, UsageIdentity
from metering.models.flags import UsageFlag
from metering.models.meters import Meter, MeterVersion
from metering.models.moves import EventMove, EventMoveMonth
from metering.models.outcomes import Outcome, OutcomeDefinition, OutcomeEntry
from metering.models.quarantine import QuarantinedEvent
from metering.models.rollups import RollupSeries, UsageRollup, UsageRollupValue
from metering.models.types import CustomerAlias, EventType, EventTypeVersion

__all__ = [
    "CustomerAlias",
    "EventMove",
    "EventMoveMonth",
    "EventType",
    "EventTypeVersion",
    "ExactDecoder",
    "Meter",
    "MeterVersion",
    "Outcome",
    "OutcomeDefinition",
    "OutcomeEntry",
    "QuarantinedEvent",
    "RetiredMonth",
    "RollupSeries",
    "UsageBatch",
    "UsageCorrection",
    "UsageEvent",
    "UsageFlag",
    "UsageIdentity",
    "UsageRollup",
    "UsageRollupValue",
    "UsageVoid",
]
