"""What wants somebody's attention: approvals, offers, commits at risk, usage not counted or priced, open invoices."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from catalog.models import RateCardVersion
from contracts.models import Commit
from contracts.pace import Pace
from contracts.presentation import outlook
from contracts.statements import paces_of
from governance.approvals import may_decide
from governance.doors import may, visible
from governance.models import ApprovalRequest
from invoicing.holds import held_drafts
from invoicing.models import BillingOutcome, Invoice, UnpricedUsage
from invoicing.queries import amount_open, carried_on
from metering.models import QuarantinedEvent, UsageFlag
from metering.quarantine.piles import Pile, piles, whole
from quoting.models import QuoteVersion

SHOWN = 6
AT_RISK_OVER = Decimal("0.25")  # this much ahead of or behind an even pace


@dataclass(frozen=True, slots=True)
class CommitAtRisk:
    """A commit far from an even pace, and where that leads."""

    commit: Commit
    pace: Pace
    outlook: str

    @property
    def off(self) -> Decimal:
        """How far ahead of an even pace it is, or behind; as a share of the whole."""
        return abs(self.pace.used - self.pace.gone)

    @property
    def used_percent(self) -> int:
        return int(self.pace.used * 100)

    @property
    def gone_percent(self) -> int:
        return int(self.pace.gone * 100)


def approvals_for(user: Any) -> list[ApprovalRequest]:
    """Requests this person could decide now, oldest first."""
    if not may(user, "governance.change_approvalrequest"):
        return []
    roles = user.groups.values_list("name", flat=True)
    waiting = (
        ApprovalRequest.objects.filter(status=ApprovalRequest.Status.PENDING, policy__role__in=roles)
        .select_related("policy", "requested_by")
        .order_by("requested_at")[:50]
    )
    return [request for request in waiting if may_decide(request, user)][:SHOWN]


def offers_of(user: Any) -> QuerySet[QuoteVersion]:
    """The person's own live offers, with what each waits for in its status."""
    live = [
        QuoteVersion.Status.DRAFT,
        QuoteVersion.Status.IN_REVIEW,
        QuoteVersion.Status.APPROVED,
        QuoteVersion.Status.SENT,
    ]
    own = visible(QuoteVersion.objects.filter(status__in=live, quote__owner=user), user)
    return own.select_related("quote__customer").order_by("valid_until")[:SHOWN]


def commits_at_risk(user: Any, at: datetime) -> list[CommitAtRisk]:
    """Running commits far from an even pace: the customer will run out early, or pay for what is never used."""
    running = visible(Commit.objects.filter(start_at__lte=at, end_at__gt=at), user).select_related("contract__customer")
    commits = list(running.order_by("end_at"))
    paces = paces_of(commits, at)
    found = [CommitAtRisk(each, paces[each.pk], outlook(each, paces[each.pk], at)) for each in commits]
    return sorted((each for each in found if each.off > AT_RISK_OVER), key=lambda each: each.off, reverse=True)[:SHOWN]


def open_invoices(user: Any, currency: str, at: datetime) -> dict[str, Any]:
    """How many invoices wait for payment, what is still open of them, and how many of them are overdue."""
    invoices = visible(Invoice.objects.filter(status=Invoice.Status.FINALIZED, currency=currency), user)
    return {
        **invoices.aggregate(count=Count("pk"), amount=Sum(amount_open(), default=Decimal(0))),
        "overdue": invoices.filter(due_on__lt=at.date()).count(),
    }


def quarantined() -> Pile:
    """Events that could not be counted and that nobody has replayed or dismissed yet, and about what they are worth."""
    return whole(piles(QuarantinedEvent.objects.all()))


def flagged() -> int:
    """Usage that looks wrong, and that nobody has looked at yet."""
    return UsageFlag.objects.filter(resolved_at=None).count()


def held_invoices(user: Any) -> int:
    """Drafts of this person's customers that wait for somebody, because their usage was flagged."""
    return visible(Invoice.objects.filter(pk__in=list(held_drafts())), user).count()


def prices_in_motion(at: datetime) -> list[RateCardVersion]:
    """Drafts, versions in review and scheduled ones, by when they take effect; what has no date yet comes last."""
    live = Q(status__in=[RateCardVersion.Status.DRAFT, RateCardVersion.Status.IN_REVIEW])
    scheduled = Q(status=RateCardVersion.Status.PUBLISHED, effective_from__gt=at)
    return list(
        RateCardVersion.objects.filter(live | scheduled)
        .select_related("card")
        .order_by(Coalesce("effective_from", "planned_from").asc(nulls_last=True), "card__name")[:SHOWN]
    )


def unpriced_usage(user: Any) -> int:
    """Usage of this person's customers that no price covers, and that nobody dismissed."""
    return visible(UnpricedUsage.objects.filter(resolved_at=None), user).count()


def failed_billing() -> int:
    """Contracts whose latest billing run failed."""
    latest = BillingOutcome.objects.order_by("contract_id", "-run_id").distinct("contract_id")
    return BillingOutcome.objects.filter(pk__in=latest.values("pk"), result=BillingOutcome.Result.FAILED).count()


def in_customers_favour(at: datetime) -> int:
    """Drafts that are closed and come to less than nothing: the next invoice takes it off, if there is one."""
    return carried_on(at).count()
