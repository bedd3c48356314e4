"""Fifty customers with the story's contract, billed for three months."""

from collections.abc import Callable
from datetime import datetime, timedelta
from statistics import median

from config.bench.figures import seconds, typical
from config.journey.story import Story
from contracts.models import Contract
from contracts.operations import create_customer, sign_contract
from contracts.queries import terms_of
from contracts.terms import AgreedCommit, AgreedLine, SignedTerms
from governance.acts import Act
from invoicing.models import BillingOutcome
from invoicing.operations import bill_due
from metering.operations import ingest
from metering.queries import usage
from metering.wire.events import Event
from pricing.periods import add_months, midnight
from pricing.rating import RatedLine, Usage, rate, slots

CONTRACTS, MONTHS = 50, 3


def billed(story: Story) -> tuple[float, float]:
    """Rated lines per second: of whole billing runs, one a month, and of `rate()` alone on the same."""
    contracts = [_signed_like(story.contract, number) for number in range(CONTRACTS)]
    speeds = []
    for month in range(1, MONTHS + 1):
        month_end = midnight(add_months(story.start, month), "UTC")
        _use(contracts, month_end - timedelta(days=3))
        through = month_end + timedelta(hours=story.contract.grace_hours)
        took = seconds(lambda through=through: _bill(through))  # type: ignore[misc]
        speeds.append(len(_rating(contracts, through)()) / took)
    rating = _rating(contracts, through)
    return median(speeds), len(rating()) / typical(rating)


def _signed_like(contract: Contract, number: int) -> Contract:
    act = Act.of_system("bench", "One more like it", contract.signed_at)
    customer = create_customer(key=f"bench-{number:03}", name=f"Bench {number}", email="bench@example.com", act=act)
    lines = contract.lines.select_related("product")
    terms = SignedTerms(
        customer=customer,
        legal_entity=contract.legal_entity,
        rate_card_version=contract.rate_card.versions.get(number=1),
        currency=contract.currency,
        start_on=contract.start_at.date(),
        months=12,
        lines=[AgreedLine(line.product, line.quantity, line.discount_percent) for line in lines],
        commits=[AgreedCommit(each.name, each.access_amount, each.price) for each in contract.commits.all()],
        signed_by="Dan Contoso",
    )
    return sign_contract(terms, act=act)


def _use(contracts: list[Contract], at: datetime) -> None:
    tokens = {"input_tokens": 20_000_000, "output_tokens": 4_000_000}
    events = [Event(f"{each.pk}/{at:%Y-%m}", "llm.request", at, each.customer.key, tokens) for each in contracts]
    if any(verdict.outcome != "accepted" for verdict in ingest(events, source="bench", at=at)):
        raise RuntimeError("the bench's own usage was not counted")


def _bill(through: datetime) -> None:
    run = bill_due(through=through, act=Act.of_system("timetable", "Monthly billing", through))
    if failure := run.outcomes.filter(result=BillingOutcome.Result.FAILED).first():
        raise RuntimeError(failure.reason)


def _rating(contracts: list[Contract], through: datetime) -> Callable[[], list[RatedLine]]:
    """Everything gathered; calling it rates each contract."""
    agreed = terms_of(contracts)
    terms = {each.customer.key: [one.term for one in agreed[each.pk]] for each in contracts}
    wanted = [(key, *slot) for key, of_one in terms.items() for slot in slots(of_one, through)]
    measured = usage(wanted)

    def work() -> list[RatedLine]:
        return [line for key, of_one in terms.items() for line in rate(of_one, _of(key), through)]

    def _of(key: str) -> Usage:
        return lambda meter, period, split: measured[key, meter, period, split]

    return work
