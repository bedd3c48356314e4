"""Approvals are bound to what was asked; nobody decides their own, and only what got worse is asked again."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from django.db import DatabaseError, IntegrityError, transaction

from governance import approvals
from governance.acts import Act, Refused
from governance.approvals import Fact
from governance.change import change
from governance.models import ApprovalPolicy, ApprovalRequest

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
SUBJECT = "governance.approvalpolicy"


@pytest.fixture
def deal_desk() -> Group:
    return Group.objects.create(name="deal desk")


@pytest.fixture
def ben() -> User:
    return User.objects.create(username="ben")


@pytest.fixture
def dee(deal_desk: Group) -> User:
    dee = User.objects.create(username="dee")
    dee.groups.add(deal_desk)
    return dee


@pytest.fixture
def subject() -> ApprovalPolicy:
    """Anything with an identity can be approved; a policy about policies keeps this test on its own floor."""
    policy = ApprovalPolicy(name="Discounts", subject_type=SUBJECT, watched="discount", above=10, role="deal desk")
    with change("approval_policy.created", policy, Act.of_system("install", "Default")):
        policy.save()
    return policy


def fact(value: str, inputs: str = "", *, exact: bool = False) -> Fact:
    return Fact("discount", Decimal(value), approvals.hash_of(inputs or value), f"{value} % off", exact)


def by(user: User, because: str = "Because") -> Act:
    return Act.of_user(user, because, AT)


def test_at_the_limit_nobody_is_asked(subject: ApprovalPolicy) -> None:
    assert approvals.outstanding(subject, [fact("10")]) == []


def test_beyond_the_limit_the_role_is_asked_once(subject: ApprovalPolicy, ben: User) -> None:
    first = approvals.ask(subject, [fact("15")], act=by(ben))
    again = approvals.ask(subject, [fact("15")], act=by(ben))
    assert [request.pk for request in first] == [request.pk for request in again]
    assert ApprovalRequest.objects.get().status == "pending"
    with pytest.raises(Refused, match="deal desk"):
        approvals.require_none_outstanding(subject, [fact("15")])


def test_an_approval_stands_until_it_gets_worse(subject: ApprovalPolicy, ben: User, dee: User) -> None:
    (request,) = approvals.ask(subject, [fact("15")], act=by(ben))
    approvals.approve(request, act=by(dee, "Strategic customer"))
    approvals.require_none_outstanding(subject, [fact("15")])
    approvals.require_none_outstanding(subject, [fact("12")])
    with pytest.raises(Refused):
        approvals.require_none_outstanding(subject, [fact("15.5")])
    (worse,) = approvals.ask(subject, [fact("20")], act=by(ben))
    request.refresh_from_db()
    assert (request.status, worse.status) == ("superseded", "pending")


def test_an_exact_fact_must_be_the_very_same(subject: ApprovalPolicy, ben: User, dee: User) -> None:
    (request,) = approvals.ask(subject, [fact("15", "rates v1", exact=True)], act=by(ben))
    approvals.approve(request, act=by(dee))
    assert approvals.outstanding(subject, [fact("15", "rates v1", exact=True)]) == []
    assert len(approvals.outstanding(subject, [fact("15", "rates v2", exact=True)])) == 1


def test_nobody_approves_their_own(subject: ApprovalPolicy, dee: User) -> None:
    (request,) = approvals.ask(subject, [fact("15")], act=by(dee))
    with pytest.raises(Refused, match="somebody else"):
        approvals.approve(request, act=by(dee))
    request.refresh_from_db()
    assert request.status == "pending"


def test_the_database_refuses_ones_own_approval(subject: ApprovalPolicy, ben: User) -> None:
    (request,) = approvals.ask(subject, [fact("15")], act=by(ben))
    with (
        pytest.raises(IntegrityError, match="nobody_approves_their_own"),
        transaction.atomic(),
        change("forged", request, by(ben)),
    ):
        ApprovalRequest.objects.update(status="approved", decided_by=ben, decided_at=AT, because="ok")


def test_other_roles_and_superusers_may_not_decide(subject: ApprovalPolicy, ben: User) -> None:
    (request,) = approvals.ask(subject, [fact("15")], act=by(ben))
    root = User.objects.create(username="root", is_superuser=True)
    with pytest.raises(Refused, match="for deal desk"):
        approvals.approve(request, act=by(root))
    with pytest.raises(Refused, match="signed-in"):
        approvals.approve(request, act=Act.of_system("script", "Just do it"))


def test_whoever_edited_the_subject_may_not_approve_it(subject: ApprovalPolicy, ben: User, dee: User) -> None:
    (request,) = approvals.ask(subject, [fact("15")], act=by(ben))
    with change("approval_policy.edited", subject, by(dee)):
        subject.save()
    with pytest.raises(Refused, match="edited"):
        approvals.approve(request, act=by(dee))


def test_a_rejection_is_not_asked_again_for_the_same_inputs(subject: ApprovalPolicy, ben: User, dee: User) -> None:
    (request,) = approvals.ask(subject, [fact("15")], act=by(ben))
    approvals.reject(request, act=by(dee, "Too much"))
    approvals.ask(subject, [fact("15")], act=by(ben))
    assert ApprovalRequest.objects.count() == 1
    with pytest.raises(Refused):
        approvals.require_none_outstanding(subject, [fact("15")])


def test_a_decision_is_final_and_what_was_asked_never_changes(subject: ApprovalPolicy, ben: User, dee: User) -> None:
    (request,) = approvals.ask(subject, [fact("15")], act=by(ben))
    with pytest.raises(DatabaseError, match="what was asked"), transaction.atomic(), change("forged", request, by(ben)):
        ApprovalRequest.objects.update(value=5)
    approvals.approve(request, act=by(dee))
    with pytest.raises(Refused, match="cannot become"):
        approvals.reject(request, act=by(dee))
    for forged in (
        lambda: ApprovalRequest.objects.update(status="pending"),
        lambda: ApprovalRequest.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), change("forged", request, by(ben)):
            forged()


def test_an_approval_covers_each_part_only_as_far_as_it_went(subject: ApprovalPolicy, ben: User, dee: User) -> None:
    def parted(value: str, **parts: str) -> Fact:
        numbers = {name: Decimal(part) for name, part in parts.items()}
        return Fact("discount", Decimal(value), approvals.hash_of([value, parts]), f"{value} % off", parts=numbers)

    (request,) = approvals.ask(subject, [parted("40", tokens="40", seats="0")], act=by(ben))
    approvals.approve(request, act=by(dee))
    assert approvals.outstanding(subject, [parted("39", tokens="39", seats="0")]) == []
    assert len(approvals.outstanding(subject, [parted("40", tokens="40", seats="1")])) == 1
    assert len(approvals.outstanding(subject, [parted("40", calls="40")])) == 1
