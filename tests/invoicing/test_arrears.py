"""Access after a failed payment: how long it goes on, what ends then, and that paying gives it back."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog import operations as catalog
from catalog.models import Product
from contracts import entitled
from contracts.models import Arrears
from contracts.operations import update_legal_entity
from governance.acts import Act
from governance.models import Change
from invoicing import operations
from invoicing.arrears import refresh_arrears
from invoicing.models import Invoice

pytestmark = pytest.mark.django_db
DUE = datetime(2026, 3, 4, 12, tzinfo=UTC)  # both invoices are due that day
OVERDUE = datetime(2026, 3, 5, tzinfo=UTC)
ENDS = datetime(2026, 3, 19, tzinfo=UTC)


def act(at: datetime = OVERDUE) -> Act:
    return Act.of_system("test", "As told", at)


@pytest.fixture
def granted(billed: list[Invoice]) -> list[Invoice]:
    """The invoices; what is sold grants one hard and one soft feature."""
    product = Product.objects.get(key="input-tokens")
    for key, is_hard in (("hard", True), ("soft", False)):
        made = catalog.create_feature(key=key, name=key, kind="limit", act=act())
        catalog.grant_feature(product, made, value="5", is_hard=is_hard, act=act())
    return billed


def reasons(customer: str, at: datetime) -> list[str]:
    return [entitled.check(customer, key, Decimal(1), at)[-1].reason for key in ("hard", "soft")]


def pay(invoice: Invoice, at: datetime) -> None:
    name = f"transfer {invoice.number}"
    given = {"amount": invoice.total, "currency": "USD", "method": "transfer", "external_id": name, "received_at": at}
    operations.record_payment(invoice, **given, act=act(at))


def test_access_goes_on_for_the_grace_and_what_is_hard_ends_then(granted: list[Invoice]) -> None:
    key = granted[0].customer.key
    assert refresh_arrears(DUE, act=act(DUE)) == 0
    assert refresh_arrears(OVERDUE, act=act()) == 1
    row = Arrears.objects.get()
    assert (row.invoice, row.due_on, row.access_until) == (granted[0].number, DUE.date(), ENDS)
    assert reasons(key, ENDS - timedelta(seconds=1)) == ["granted", "granted"]
    assert reasons(key, ENDS) == ["payment_overdue", "granted"]
    assert entitled.entitlements_of(key, ENDS).access_until == ENDS


def test_the_same_asked_again_writes_nothing(granted: list[Invoice]) -> None:
    refresh_arrears(OVERDUE, act=act())
    before = Change.objects.count()
    assert refresh_arrears(ENDS, act=act(ENDS)) == 0
    assert Change.objects.count() == before


def test_paying_all_of_it_gives_access_back_at_once(granted: list[Invoice]) -> None:
    refresh_arrears(OVERDUE, act=act())
    key, later = granted[0].customer.key, ENDS + timedelta(days=1)
    first, second = granted
    pay(first, later)
    assert reasons(key, later) == ["payment_overdue", "granted"]
    assert Arrears.objects.get().invoice == second.number
    pay(second, later)
    assert reasons(key, later) == ["granted", "granted"]
    assert not Arrears.objects.exists()


def test_what_is_void_is_not_overdue(granted: list[Invoice]) -> None:
    pay(granted[0], OVERDUE)
    refresh_arrears(OVERDUE, act=act())
    assert Arrears.objects.get().invoice == granted[1].number
    operations.void_invoice(granted[1], act=act(ENDS))
    assert not Arrears.objects.exists()


def test_without_a_grace_access_never_ends(granted: list[Invoice]) -> None:
    refresh_arrears(OVERDUE, act=act())
    update_legal_entity(granted[0].legal_entity, access_grace_days=None, act=act())
    assert refresh_arrears(ENDS, act=act(ENDS)) == 1
    assert reasons(granted[0].customer.key, ENDS) == ["granted", "granted"]


def test_a_grace_of_no_days_ends_with_the_day_it_was_due(granted: list[Invoice]) -> None:
    update_legal_entity(granted[0].legal_entity, access_grace_days=0, act=act())
    refresh_arrears(OVERDUE, act=act())
    assert Arrears.objects.get().access_until == OVERDUE


def test_finding_them_takes_two_queries(granted: list[Invoice]) -> None:
    refresh_arrears(OVERDUE, act=act())
    with CaptureQueriesContext(connection) as asked:
        refresh_arrears(ENDS, act=act(ENDS))
    assert len(asked) == 2
