"""A definition of a resolved conversation, and what is said about one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from governance.acts import Act
from metering.models import OutcomeDefinition
from metering.outcomes.definitions import define_outcome
from metering.outcomes.reports import Report

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
WINDOW = timedelta(hours=72)


def act(at: datetime = NOON, because: str = "It was so") -> Act:
    return Act.of_system("help desk", because, at)


def said(attribution: str = "conversation-1", time: datetime = NOON, **fields: Any) -> Report:
    given = {"outcome": "resolution", "customer_key": "contoso"} | fields
    return Report(attribution=attribution, time=time, **given)


@pytest.fixture
def define(db: None) -> Callable[..., OutcomeDefinition]:
    def define(key: str = "resolution", **fields: Any) -> OutcomeDefinition:
        given: dict[str, Any] = {"name": "Resolved conversation", "attribution_key": "conversation_id"} | fields
        return define_outcome(key=key, act=act(because="We sell results"), **given)

    return define


@pytest.fixture
def resolution(define: Callable[..., OutcomeDefinition]) -> OutcomeDefinition:
    return define()
