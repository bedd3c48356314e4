"""Whatever happens in between, what was billed is what the contract comes to, and a second run changes nothing."""

import random
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from contracts import operations as contracts
from contracts.models import CommitEntry, Contract
from contracts.queries import terms_of
from governance.acts import Refused
from governance.models import Change
from invoicing import operations
from invoicing.calculation import horizon
from invoicing.models import Invoice, InvoiceLine
from invoicing.queries import already_billed
from metering.queries import usage
from pricing.rating import rate
from tests.invoicing import books
from tests.invoicing.books import act


def comes_to(contract: Contract, through: datetime) -> Decimal:
    terms = [each.term for each in terms_of([contract])[contract.pk]]
    until = horizon(already_billed([contract.pk])[contract.pk], through)

    def measured(*slot):
        return usage([(contract.customer.key, *slot)])[contract.customer.key, *slot]

    return sum((line.amount.amount for line in rate(terms, measured, until)), Decimal(0))


def billed(contract: Contract) -> Decimal:
    """Issued, and waiting in drafts."""
    lines = InvoiceLine.objects.filter(invoice__contract=contract).exclude(kind="drawdown")
    return sum((line.amount for line in lines.filter(invoice__status__in=["draft", "finalized", "paid"])), Decimal(0))


def anything(chance: random.Random, contract: Contract, today: datetime) -> None:
    """A thing that happens between two runs."""
    if chance.random() < 0.7:
        at = today - timedelta(days=chance.randint(0, 30))
        books.use(contract.customer, chance.randint(0, 9_000_000), chance.randint(0, 900_000), at=max(at, books.JAN))
    issued = Invoice.objects.filter(contract=contract, status="finalized", payments=None)
    if chance.random() < 0.25 and issued:
        with suppress(Refused):  # the sale of a commit that was drawn
            operations.void_invoice(chance.choice(list(issued)), act=act("Oops", today))
    if chance.random() < 0.08 and contract.status == "active":
        contracts.end_contract(contract, end_on=today.date() + timedelta(days=3), act=act("They leave", today))
        contract.refresh_from_db()


@pytest.mark.parametrize("seed", range(6))
def test_billed_is_what_was_rated_after_late_usage_voids_and_repeated_runs(
    seed: int, ann, contoso, legal_entity
) -> None:
    chance = random.Random(seed)
    version = books.standard_card(ann, fee_in_advance=chance.random() < 0.5)
    contract = books.sign(version, contoso, legal_entity)
    today = books.JAN
    for _ in range(10):
        today += timedelta(days=chance.randint(1, 25))
        anything(chance, contract, today)
        books.bill(today)
        assert billed(contract) == comes_to(contract, today)
        before = Change.objects.count()
        assert books.bill(today) == []
        assert Change.objects.count() == before
    numbers = Invoice.objects.exclude(number=None).order_by("sequence").values_list("sequence", flat=True)
    assert list(numbers) == list(range(1, len(numbers) + 1))
    commit = contract.commits.get()
    assert commit.balance == sum(CommitEntry.objects.filter(commit=commit).values_list("amount", flat=True))
    drawn = InvoiceLine.objects.filter(kind="drawdown", invoice__status__in=["finalized", "paid"])
    assert commit.balance == 40 + sum(line.amount for line in drawn)
