"""What PostgreSQL refuses of an offer, whoever asks and by whatever road."""

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from governance.change import change
from quoting import operations
from quoting.models import QuoteVersion
from tests import cast
from tests.refusals import refused

pytestmark = pytest.mark.django_db


def by_hand(version: QuoteVersion, sql: str) -> None:
    with change("test.tried", version, cast.act()), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.fixture
def in_review() -> QuoteVersion:
    return operations.submit(cast.quote_for_contoso(), act=cast.act("ben"))


@pytest.fixture
def sent() -> QuoteVersion:
    return cast.sent()


@pytest.mark.parametrize("state", ["in_review", "approved"])
def test_it_is_not_sent_while_an_approval_is_pending(in_review: QuoteVersion, state: str) -> None:
    if state == "approved":
        by_hand(in_review, "UPDATE quoting_quoteversion SET status = 'approved'")
    with refused("an offer is sent only when every approval was given", IntegrityError):
        by_hand(in_review, "UPDATE quoting_quoteversion SET status = 'sent', sent_at = now()")


def test_it_is_not_sent_as_a_draft() -> None:
    draft = cast.quote_for_contoso(discount="0")
    with refused("an offer is sent only when every approval was given", IntegrityError):
        by_hand(draft, "UPDATE quoting_quoteversion SET status = 'sent', sent_at = now()")


def test_it_is_not_answered_before_it_is_sent(in_review: QuoteVersion) -> None:
    for status in ("accepted", "declined"):
        with refused("an offer is answered once it is sent", IntegrityError):
            by_hand(in_review, f"UPDATE quoting_quoteversion SET status = '{status}'")


MORE = """
    INSERT INTO quoting_quotecommit (id, version_id, name, access_amount, price, product_keys)
        SELECT gen_random_uuid(), id, 'More', 1000, 0, '{}' FROM quoting_quoteversion
"""


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE quoting_quoteversion SET months = 1",
        "UPDATE quoting_quoteversion SET valid_until = '2030-01-01'",
        "UPDATE quoting_quoteversion SET status = 'draft'",
        "DELETE FROM quoting_quoteversion",
        "UPDATE quoting_quoteline SET discount_percent = 99",
        "DELETE FROM quoting_quoteline",
        "UPDATE quoting_quotecommit SET price = 0",
        MORE,
    ],
)
def test_what_was_sent_never_changes(sent: QuoteVersion, sql: str) -> None:
    with refused("never changes|only while it is a draft|not taken back|never deleted", IntegrityError):
        by_hand(sent, sql)


def test_what_was_accepted_never_changes(sent: QuoteVersion) -> None:
    operations.accept(sent, name="Dan", from_ip=None, act=cast.dans())
    for column in ("status = 'sent'", "decided_by = 'Eve'", "contract_id = NULL", "months = 1"):
        with refused("never changes|is sent only", IntegrityError):
            by_hand(sent, f"UPDATE quoting_quoteversion SET {column}")


def test_an_offer_begins_as_a_draft(sent: QuoteVersion) -> None:
    columns = [field.column for field in QuoteVersion._meta.concrete_fields]
    values = ["gen_random_uuid()" if name == "id" else "7" if name == "number" else name for name in columns]
    copy = (
        f"INSERT INTO quoting_quoteversion ({', '.join(columns)}) SELECT {', '.join(values)} FROM quoting_quoteversion"
    )
    with refused("an offer begins as a draft", IntegrityError):
        by_hand(sent, copy)


def test_nothing_is_written_outside_a_change(sent: QuoteVersion) -> None:
    with refused("needs a change that says who and why", ProgrammingError), transaction.atomic():
        connection.cursor().execute("UPDATE quoting_quote SET title = 'Mine'")
