"""Anything, in any order, four at once, for weeks: what must always be true is true, and one more run writes nothing.

QUOIN_CHAOS_ROUNDS says on how many days things happen (8 unless said), QUOIN_CHAOS_SEED which things.
"""

import os
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from contracts.models import Contract
from contracts.operations import end_contract
from governance.acts import Refused
from invoicing import operations as invoicing
from invoicing.models import BillingOutcome, Invoice
from invoicing.queries import still_open
from tests.chaos import world
from tests.histories.checking import differences

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = int(os.environ.get("QUOIN_CHAOS_ROUNDS", "8"))
SEED = int(os.environ.get("QUOIN_CHAOS_SEED", "1"))
THREADS = 4
Chance = random.Random


def ingest(chance: Chance, today: datetime) -> None:
    """New or told before, of today or as long as forty days ago."""
    key = contract(chance).customer.key
    number = chance.randint(1, 200)
    at = max(today - timedelta(days=chance.choice([0, 1, 10, 40])), world.day(0))
    world.use(key, f"{key}-{number}", number * 100_000, number * 10_000, at, today)


def bill(chance: Chance, today: datetime) -> None:
    world.bill(today, chunk=chance.choice([1, 3, 200]))


def finalize(chance: Chance, today: datetime) -> None:
    if draft := pick(chance, "draft"):
        invoicing.finalize_invoice(draft, act=world.act("Now", today))


def void(chance: Chance, today: datetime) -> None:
    if invoice := pick(chance, "finalized"):
        invoicing.void_invoice(invoice, act=world.act("Wrong", today))


def pay_twice(chance: Chance, today: datetime) -> None:
    """All of what is open or a part of it; told twice."""
    if (invoice := pick(chance, "finalized")) and (amount := part(chance, still_open(invoice))):
        for _ in range(2):
            invoicing.record_payment(
                invoice,
                amount=amount,
                currency="USD",
                method="stripe",
                external_id=f"{invoice.number}-{amount}",
                received_at=today,
                act=world.act("Paid", today),
            )


def credit(chance: Chance, today: datetime) -> None:
    if (invoice := pick(chance, "finalized", "paid")) and (amount := part(chance, invoice.total)):
        invoicing.issue_credit_note(invoice, amount=amount, act=world.act("Apology", today))


def end(chance: Chance, today: datetime) -> None:
    if chance.random() < 0.4:
        last = today.date() + timedelta(days=chance.randint(-3, 10))
        end_contract(contract(chance), end_on=last, act=world.act("They leave", today))


def sign(chance: Chance, today: datetime) -> None:
    if chance.random() < 0.5:
        key = f"customer-{chance.randint(1, 10**9)}"
        world.sign(key, start_on=today.date(), months=chance.choice([1, 12]), commits=chance.choice([0, 1, 2]))


def tell(chance: Chance, today: datetime) -> None:
    world.book(today)


# What happens in one round, shuffled and dealt to the threads.
DECK: list[Callable[[Chance, datetime], None]] = [
    *[ingest] * 8, *[bill] * 4, *[finalize] * 3, void, *[pay_twice] * 3, credit, end, sign, *[tell] * 2,
]  # fmt: skip


def contract(chance: Chance) -> Contract:
    return chance.choice(list(Contract.objects.select_related("customer").order_by("number")))


def pick(chance: Chance, *statuses: str) -> Invoice | None:
    there = list(
        Invoice.objects.filter(status__in=statuses).order_by("contract__number", "kind", "period_start", "sequence")
    )
    return chance.choice(there) if there else None


def part(chance: Chance, amount: Decimal) -> Decimal:
    return amount if chance.random() < 0.5 else (amount / 3).quantize(Decimal("0.01"))


def live(thread: int, number: int, today: datetime) -> list[Exception]:
    """A thread's share of a round; what was refused is as it should be, other failures come back."""
    deck, chance, failures = list(DECK), Chance(f"{SEED} {number} {thread}"), []
    Chance(f"{SEED} {number}").shuffle(deck)
    for happen in deck[thread::THREADS]:
        try:
            happen(chance, today)
        except Refused:
            pass
        except Exception as error:
            failures.append(error)
    return failures


def test_whatever_happens_the_books_are_right() -> None:
    world.company()
    for number in range(3):
        world.sign(f"customer-{number}")
    for number in range(1, ROUNDS + 1):
        today = world.day(number * 11)
        failures = world.at_once(THREADS, lambda thread, number=number, today=today: live(thread, number, today))
        assert failures == [[]] * THREADS
        assert world.broken() == {}
    last = world.day(ROUNDS * 11 + 1)
    world.bill(last)
    world.book(last)
    assert world.broken() == {}
    assert [each.reason for each in BillingOutcome.objects.filter(result="failed")] == []
    assert differences(Contract.objects.select_related("customer"), last) == {}
    before = world.everything()
    world.bill(last)
    assert world.everything() == before
