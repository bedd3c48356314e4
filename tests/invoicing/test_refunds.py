"""Refunds of what was paid for and is not used: a credit note, and as much less of the commit."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from config.books import breaches
from contracts.models import Commit
from contracts.operations import close_commit
from contracts.statements import statements_of
from invoicing import operations as invoicing
from invoicing.models import CreditNote, Invoice
from tests import cast
from tests.books import act, billed_january
from tests.refusals import refused

pytestmark = pytest.mark.django_db
JAN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def sold() -> Invoice:
    """Access to $40.00, sold for $36.00, nothing of it used."""
    contract = cast.signed_contract()
    invoicing.bill_due(through=JAN, act=cast.act(at=JAN))
    return Invoice.objects.get(contract=contract)


def entries() -> list[tuple[str, Decimal]]:
    return list(Commit.objects.get().entries.values_list("kind", "amount"))


def in_order() -> bool:
    return not [each.says for each, found in breaches() if found]


def test_what_is_unused_is_refunded_at_what_it_cost(sold: Invoice) -> None:
    assert invoicing.refundable(sold) == Decimal(36)
    note = invoicing.refund_commit(sold, amount=Decimal(9), act=cast.act("cara", "They need less"))
    assert (note.amount, entries()[1:]) == (Decimal(9), [("refund", Decimal(-10))])
    assert invoicing.refundable(sold) == Decimal(27)
    (statement,) = statements_of(Commit.objects.select_related("contract"), None, None, JAN)
    assert statement.movements[-1].cause.title == f"Credit note {note.number}"
    assert in_order()


def test_no_more_than_what_is_left_is_refunded(sold: Invoice) -> None:
    cast.person("cara")
    with refused(r"No more than \$36\.00 of Prepaid usage can be refunded"):
        invoicing.refund_commit(sold, amount=Decimal("36.01"), act=cast.act("cara", "They leave"))
    invoicing.refund_commit(sold, amount=Decimal(36), act=cast.act("cara", "They leave"))
    assert (Commit.objects.get().balance, CreditNote.objects.get().amount) == (0, 36)
    assert in_order()


def test_nothing_is_refunded_of_what_is_used_up_or_sells_nothing() -> None:
    purchase, month = billed_january()
    cast.person("cara")
    with refused(r"No more than \$0\.00"):
        invoicing.refund_commit(purchase, amount=Decimal(1), act=cast.act("cara", "They leave"))
    with refused("sells no prepaid usage"):
        invoicing.refund_commit(month, amount=Decimal(1), act=cast.act("cara", "They leave"))


def test_after_the_expiry_nothing_is_refunded(sold: Invoice) -> None:
    """What expired is gone: a dispute or a refund afterwards does not take it twice."""
    close_commit(Commit.objects.select_related("contract").get(), act=act("It is over"))
    cast.person("cara")
    with refused(r"No more than \$0\.00"):
        invoicing.refund_commit(sold, amount=Decimal(1), act=cast.act("cara", "They ask"))
    assert entries()[1:] == [("expiry", Decimal(-40))]
