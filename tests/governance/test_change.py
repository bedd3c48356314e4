"""Every write happens inside a change; PostgreSQL refuses the others."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, connection, transaction

from governance.acts import Act, Refused
from governance.change import change, locked
from governance.models import ApprovalPolicy, Change

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


def policy(name: str = "Discounts") -> ApprovalPolicy:
    return ApprovalPolicy(name=name, subject_type="quoting.quoteversion", watched="discount_percent", role="deal desk")


def test_a_change_signs_the_row_and_its_history() -> None:
    ann = User.objects.create(username="ann", first_name="Ann", last_name="Price")
    thing = policy()
    with change("approval_policy.created", thing, Act.of_user(ann, "New rule", AT)):
        thing.save()
    row = Change.objects.get()
    assert (row.name, row.by, row.by_name, row.because, row.at) == (
        "approval_policy.created",
        ann,
        "Ann Price",
        "New rule",
        AT,
    )
    assert (row.subject_type, row.subject_id) == ("governance.approvalpolicy", str(thing.pk))
    history = thing.history.get()
    assert (history.change, history.history_user, history.history_date) == (row, ann, AT)


def test_saving_outside_a_change_is_a_bug() -> None:
    with pytest.raises(RuntimeError):
        policy().save()
    assert ApprovalPolicy.objects.count() == 0


def test_the_database_refuses_a_write_that_bypasses_the_orm() -> None:
    thing = policy()
    with change("approval_policy.created", thing, Act.of_system("test", "New rule")):
        thing.save()
    with pytest.raises(DatabaseError, match="needs a change"), transaction.atomic():
        ApprovalPolicy.objects.update(above=50)
    with pytest.raises(DatabaseError, match="needs a change"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM governance_approvalpolicy")
    thing.refresh_from_db()
    assert thing.above == 0


def _save_and_think_better_of_it(thing: ApprovalPolicy) -> None:
    with change("approval_policy.created", thing, Act.of_system("test", "New rule")):
        thing.save()
        raise Refused("No.")


def test_a_failed_block_leaves_nothing() -> None:
    thing = policy()
    with pytest.raises(Refused):
        _save_and_think_better_of_it(thing)
    assert (ApprovalPolicy.objects.count(), Change.objects.count()) == (0, 0)


def test_nested_changes_share_the_transaction_and_hand_the_signature_back() -> None:
    outer, inner = policy("outer"), policy("inner")
    act = Act.of_system("test", "Both")
    with change("a.done", outer, act):
        with change("b.done", inner, act):
            inner.save()
        outer.save()
    assert outer.history.get().change.name == "a.done"
    assert inner.history.get().change.name == "b.done"


@pytest.mark.parametrize("because", ["", "   "])
def test_an_act_without_a_reason_is_refused(because: str) -> None:
    with pytest.raises(Refused, match="Say why"):
        Act.of_system("test", because)


def test_the_database_refuses_a_change_without_who_or_why() -> None:
    for by_name, because in [("", "because"), ("Ann", " ")]:
        with pytest.raises(IntegrityError, match="change_says_who_and_why"), transaction.atomic():
            Change.objects.create(
                name="x.done", subject_type="t", subject_id="1", by_name=by_name, because=because, at=AT
            )


def test_a_recorded_change_never_changes_but_may_be_relayed() -> None:
    thing = policy()
    with change("approval_policy.created", thing, Act.of_system("test", "New rule")) as row:
        thing.save()
    Change.objects.filter(pk=row.pk).update(relayed_at=AT)
    for refused in (
        lambda: Change.objects.filter(pk=row.pk).update(because="Another story"),
        lambda: Change.objects.filter(pk=row.pk).delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            refused()
    row.refresh_from_db()
    assert (row.because, row.relayed_at) == ("New rule", AT)


def test_locked_reads_the_row_as_it_is_now() -> None:
    thing = policy()
    act = Act.of_system("test", "Edit")
    with change("approval_policy.created", thing, act):
        thing.save()
    stale = ApprovalPolicy.objects.get()
    with change("approval_policy.edited", thing, act):
        thing.above = 5
        thing.save()
        assert locked(stale).above == 5
