"""What PostgreSQL refuses by itself, tried in SQL behind the back of every operation, inside an open change."""

import json
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction

from catalog import operations
from catalog.models import Product, Rate, RateCard, RateCardVersion
from governance.change import change
from governance.models import ApprovalRequest
from pricing.charges import dump
from tests.catalog.cards import APRIL, DEARER, MARCH, MAY, TIERED, by
from tests.catalog.conftest import Publish

pytestmark = pytest.mark.django_db
NEW_VERSION = (
    "INSERT INTO catalog_ratecardversion (id, card_id, status, number, effective_from, restores_id, note, reach,"
    " base_factor, publish_when_approved, warnings_accepted)"
    " VALUES (%s, %s, %s, %s, %s, %s, '', 'from_date', 1, false, '')"
)
NEW_RATE = (
    "INSERT INTO catalog_rate (id, version_id, product_id, charge, cycle_months, in_advance)"
    " VALUES (%s, %s, %s, %s, 1, false)"
)
FIVE = '{"kind": "per_unit", "unit_price": "5"}'


def run(sql: str, *values: Any, at=MARCH) -> None:
    with change("test.tampered", RateCard(), by(None, at=at)), connection.cursor() as cursor:
        cursor.execute(sql, [str(value) if isinstance(value, uuid.UUID) else value for value in values])


def refused(why: str, sql: str, *values: Any, at=MARCH) -> None:
    with pytest.raises(DatabaseError, match=why), transaction.atomic():
        run(sql, *values, at=at)


def test_a_second_live_draft(draft: RateCardVersion) -> None:
    for status in ("draft", "in_review"):
        refused("one_live_draft", NEW_VERSION, uuid.uuid4(), draft.card_id, status, None, None, None)
    assert RateCardVersion.objects.count() == 1


def test_a_row_outside_a_change(draft: RateCardVersion) -> None:
    sql = "UPDATE catalog_ratecardversion SET note = 'x' WHERE id = %s"
    with pytest.raises(DatabaseError, match="needs a change"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, [str(draft.pk)])


@pytest.mark.parametrize(
    "sets", ["note = 'x'", "number = 9", "effective_from = '2026-05-01Z'", "status = 'draft'", "status = 'in_review'"]
)
def test_changing_a_published_version(publish: Publish, sets: str) -> None:
    published = publish()
    refused("never changes", f"UPDATE catalog_ratecardversion SET {sets} WHERE id = %s", published.pk)


def test_deleting_a_published_version(publish: Publish) -> None:
    published = publish()
    refused("never changes", "DELETE FROM catalog_ratecardversion WHERE id = %s", published.pk)


@pytest.mark.parametrize(
    "sql",
    [
        'UPDATE catalog_rate SET charge = \'{"kind": "per_unit", "unit_price": "0"}\' WHERE version_id = %s',
        "UPDATE catalog_rate SET in_advance = true WHERE version_id = %s",
        "DELETE FROM catalog_rate WHERE version_id = %s",
    ],
)
def test_changing_or_deleting_published_rates(publish: Publish, sql: str) -> None:
    published = publish()
    refused("only while their version is a draft", sql, published.pk)
    assert [rate.charge for rate in published.rates.all()] == [TIERED]


def test_adding_a_rate_to_a_published_version(publish: Publish, fee: Product) -> None:
    published = publish()
    refused("only while their version is a draft", NEW_RATE, uuid.uuid4(), published.pk, fee.pk, FIVE)


def test_moving_a_rate_into_another_version(publish: Publish, card: RateCard, ann: User) -> None:
    published = publish()
    draft = operations.draft_version(card, act=by(ann, at=APRIL))
    sql = "UPDATE catalog_rate SET version_id = %s WHERE version_id = %s"
    refused("only while their version is a draft", sql, published.pk, draft.pk)


PUBLISH = "UPDATE catalog_ratecardversion SET status = 'published', number = 1, effective_from = %s WHERE id = %s"


def test_publishing_a_draft(draft: RateCardVersion) -> None:
    refused("published from review", PUBLISH, APRIL, draft.pk)


def test_publishing_without_approval(draft: RateCardVersion, ann: User) -> None:
    operations.submit_version(draft, act=by(ann))
    refused("needs approval first", PUBLISH, APRIL, draft.pk)


def test_approving_ones_own_request(draft: RateCardVersion, ann: User) -> None:
    operations.submit_version(draft, act=by(ann))
    request = ApprovalRequest.objects.get()
    sql = (
        "UPDATE governance_approvalrequest SET status = 'approved', because = 'mine',"
        " decided_at = now(), decided_by_id = %s WHERE id = %s"
    )
    refused("nobody_approves_their_own", sql, ann.pk, request.pk)


def test_withdrawing_what_is_in_force(publish: Publish) -> None:
    published = publish()
    sql = "UPDATE catalog_ratecardversion SET status = 'withdrawn' WHERE id = %s"
    refused("in force cannot be withdrawn", sql, published.pk)
    refused("in force cannot be withdrawn", sql, published.pk, at=APRIL)


def test_starting_out_published(card: RateCard, publish: Publish, ann: User) -> None:
    scheduled = publish(effective_from=MAY)
    operations.withdraw_version(scheduled, act=by(ann))
    for restores in (None, scheduled.pk):
        refused("restores a published one", NEW_VERSION, uuid.uuid4(), card.pk, "published", 9, APRIL, restores)


def test_a_restored_version_with_other_prices(card: RateCard, publish: Publish, tokens: Product, fee: Product) -> None:
    first, restored = publish(), uuid.uuid4()
    with change("test.tampered", card, by(None, at=APRIL)):
        run(NEW_VERSION, restored, card.pk, "published", 9, APRIL, first.pk, at=APRIL)
        refused("only while", NEW_RATE, uuid.uuid4(), restored, tokens.pk, FIVE, at=APRIL)
        refused("only while", NEW_RATE, uuid.uuid4(), restored, fee.pk, FIVE, at=APRIL)


@pytest.mark.django_db(transaction=True)
def test_a_restored_version_gets_no_rate_in_a_later_transaction(
    card: RateCard, publish: Publish, tokens: Product, ann: User
) -> None:
    first, restored = publish(), uuid.uuid4()
    publish(DEARER, at=APRIL)
    run(NEW_VERSION, restored, card.pk, "published", 9, MAY, first.pk, at=MAY)
    charge = json.dumps(dump(TIERED))
    refused("only while", NEW_RATE, uuid.uuid4(), restored, tokens.pk, charge, at=MAY)
    assert Rate.objects.filter(version=restored).count() == 0


@pytest.mark.django_db(transaction=True)
def test_rolling_back_inside_a_savepoint_of_a_longer_transaction(card: RateCard, publish: Publish, ann: User) -> None:
    first = publish()
    publish(DEARER, at=APRIL)
    with transaction.atomic(), transaction.atomic():
        restored = operations.roll_back(card, to=first, act=by(ann, at=MAY))
    assert [rate.charge for rate in restored.rates.all()] == [TIERED]


@pytest.mark.parametrize(
    ("sql", "thing"),
    [
        ("UPDATE catalog_ratecard SET currency = 'EUR' WHERE id = %s", "card"),
        ("UPDATE catalog_product SET kind = 'one_time' WHERE id = %s", "fee"),
        ("UPDATE catalog_product SET key = 'other' WHERE id = %s", "fee"),
    ],
)
def test_what_prices_rest_on_stays(request: pytest.FixtureRequest, sql: str, thing: str) -> None:
    refused("never change", sql, request.getfixturevalue(thing).pk)


def test_deleting_a_product_or_a_card_that_is_used(draft: RateCardVersion, tokens: Product) -> None:
    for sql, thing in [
        ("DELETE FROM catalog_product WHERE id = %s", tokens),
        ("DELETE FROM catalog_ratecard WHERE id = %s", draft.card),
    ]:
        refused("foreign key", sql + "; SET CONSTRAINTS ALL IMMEDIATE", thing.pk)
