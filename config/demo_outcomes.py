"""Results of the demo company: conversations its agent resolved, settled after three days, some of them contested."""

from datetime import date, datetime, time
from decimal import Decimal

from django.contrib.auth.models import User

from governance.acts import Act
from metering.models import Outcome
from metering.outcomes.decisions import dispute, reverse
from metering.outcomes.definitions import define_outcome
from metering.outcomes.reporting import report
from metering.outcomes.reports import Evidence, Report
from metering.outcomes.settlement import settle_due

KEY = "resolved"
A_DAY = 3
Status = Outcome.Status


def define(*, act: Act) -> None:
    """What the product "Resolved outcome" is sold by."""
    define_outcome(
        key=KEY,
        name="Resolved conversation",
        description="The customer did not write again within three days.",
        attribution_key="conversation_id",
        evidence_required=True,
        act=act,
    )


def happen(customer_key: str, day: date, end: datetime) -> None:
    """What the agent resolved on a day, reported at its end; and what is final by then."""
    reports = [
        Report(
            KEY,
            customer_key,
            f"conversation-{day:%y%m%d}-{number}",
            datetime.combine(day, time(9 + 5 * number, 20), end.tzinfo),
            value=Decimal("6.50") + number,
            confidence=Decimal("0.97") - Decimal(number) / 50,
            properties={"channel": ("chat", "mail")[number % 2], "csat": 5 - (day.day + number) % 3},
            evidence=[Evidence(f"https://desk.northwind.example/conversations/{day:%y%m%d}-{number}")],
        )
        for number in range(A_DAY)
    ]
    report(reports, act=Act.of_system("help desk", "Resolved by the agent", end))
    settle(end)


def settle(at: datetime) -> None:
    settle_due(act=Act.of_system("timetable", "The settlement window is over", at))


def contest(people: dict[str, User], at: datetime) -> None:
    """Two that were billed are taken back, one that was is disputed; of what is provisional, one each."""
    cleo = Act.of_user(people["cleo"], "The customer wrote again about the same matter", at)
    billed = Outcome.objects.filter(status=Status.FINAL, final_at__lt=at.replace(day=1, hour=0, minute=0))
    final = list(billed.order_by("-final_at", "pk")[:3])
    provisional = list(Outcome.objects.filter(status=Status.PROVISIONAL).order_by("settles_at", "pk")[:2])
    for outcome in (*final[:2], *provisional[:1]):
        reverse(outcome, act=cleo)
    says = cleo.saying("Adventure Works says a colleague of theirs solved it")
    for outcome in (*final[2:], *provisional[1:]):
        dispute(outcome, act=says)
