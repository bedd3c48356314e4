"""Dates, prices and acts that the catalog's tests share."""

from datetime import UTC, datetime
from decimal import Decimal

from django.contrib.auth.models import User

from catalog.models import RateCardVersion
from governance import approvals
from governance.acts import Act
from governance.models import ApprovalRequest
from pricing.charges import Graduated, PerUnit, Tier

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
MAY = datetime(2026, 5, 1, tzinfo=UTC)
MILLION = Decimal(1_000_000)
TIERED = Graduated((Tier(Decimal(10_000_000), Decimal("2.50")), Tier(None, Decimal("2.00"))), MILLION)
TIERED_SENTENCE = "First 10,000,000 at $2.50 per million, then $2.00 per million"
DEARER = PerUnit(Decimal("3.00"), MILLION)


def by(user: User | None, because: str = "New prices", at: datetime = MARCH) -> Act:
    return Act.of_user(user, because, at) if user else Act.of_system("key erp", because, at)


def agree(version: RateCardVersion, user: User, at: datetime = MARCH) -> None:
    """The user approves everything that is pending for the version."""
    for request in ApprovalRequest.objects.filter(subject_id=str(version.pk), status="pending"):
        approvals.approve(request, act=by(user, "Fair prices", at))
