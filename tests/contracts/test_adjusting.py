"""Goodwill and what is taken away: with a reason, once for a reference, after approval where a policy wants it."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client

from contracts.models import Commit
from contracts.operations import adjust_commit, request_adjustment
from contracts.terms import AgreedCommit
from governance.change import change
from governance.clock import clock_set_to
from governance.models import ApprovalPolicy
from tests import cast
from tests.refusals import refused

pytestmark = pytest.mark.django_db
MAY = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def commit() -> Commit:
    """Access to $40.00."""
    return cast.signed_contract().commits.select_related("contract").get()


def cara(because: str = "Sorry for the outage") -> object:
    return cast.act("cara", because, MAY)


def test_goodwill_is_given_and_something_taken_away_with_a_reason(commit: Commit) -> None:
    assert adjust_commit(commit, amount=Decimal("10"), act=cast.act("cara", "Sorry", MAY)).balance_after == 50
    taken = adjust_commit(commit, amount=Decimal("-5.50"), act=cast.act("cara", "Given twice", MAY))
    assert (taken.kind, taken.amount, taken.balance_after) == ("adjustment", Decimal("-5.50"), Decimal("44.50"))
    assert (taken.change.name, taken.change.because) == ("commit.adjusted", "Given twice")


def test_the_same_reference_is_the_same_adjustment(commit: Commit) -> None:
    for _ in range(2):
        adjust_commit(commit, amount=Decimal(10), reference="ticket 7", act=cast.act("cara", "Sorry", MAY))
    assert Commit.objects.get().balance == Decimal(50)
    with refused("already moved for this"):
        adjust_commit(commit, amount=Decimal(11), reference="ticket 7", act=cast.act("cara", "Sorry", MAY))


@pytest.mark.parametrize(
    ("amount", "why"),
    [("0", "above or below zero"), ("NaN", "above or below zero"), ("0.001", "at most 2 decimals"),
     ("-40.01", "has \\$40.00 left")],
)  # fmt: skip
def test_what_cannot_be_is_refused(commit: Commit, amount: str, why: str) -> None:
    cast.person("cara")
    with refused(why):
        adjust_commit(commit, amount=Decimal(amount), act=cast.act("cara", "Sorry", MAY))


def test_what_is_over_or_not_paid_yet_is_not_adjusted(commit: Commit) -> None:
    gated = cast.contract_with(commits=[AgreedCommit("Paid first", Decimal(40), Decimal(36), is_gated=True)])
    late = cast.act("cara", "Sorry", datetime(2027, 1, 1, tzinfo=UTC))
    with refused("is over"):
        adjust_commit(commit, amount=Decimal(1), act=late)
    with refused("waits for its payment"):
        adjust_commit(gated.commits.get(), amount=Decimal(1), act=cast.act("cara", "Sorry", MAY))


def test_where_a_policy_wants_it_somebody_else_agrees_to_it_once(commit: Commit) -> None:
    policy = ApprovalPolicy(
        name="Goodwill", subject_type="contracts.commit", watched="commit_adjustment", above=20, role="deal desk"
    )
    with change("approval_policy.created", policy, cast.act()):
        policy.save()
    adjust_commit(commit, amount=Decimal(20), act=cast.act("cara", "Sorry", MAY))
    act = cast.act("cara", "Very sorry", MAY)
    with refused("needs approval first"):
        adjust_commit(commit, amount=Decimal(30), act=act)
    assert len(request_adjustment(commit, amount=Decimal(30), act=act)) == 1
    cast.approve_all(commit, "dee", MAY)
    assert adjust_commit(commit, amount=Decimal(30), act=act).balance_after == 90
    with refused("needs approval first"):
        adjust_commit(commit, amount=Decimal(30), act=act)


def test_the_button_and_the_api_adjust(commit: Commit, client: Client, cara: User) -> None:
    with clock_set_to(MAY):
        client.force_login(cara, backend="django.contrib.auth.backends.ModelBackend")
        client.post(
            f"/admin/contracts/commit/{commit.pk}/adjust/",
            {"amount": "2.5", "because": "Sorry", "_form_submitted": "1"},
        )
        body = {"amount": "1", "because": "Sorry again", "reference": "ticket 8"}
        headers = cast.system_key("contracts:write")
        address = f"/api/v1/commits/{commit.pk}/adjust"
        answers = [client.post(address, body, headers=headers, content_type="application/json") for _ in range(2)]
    assert [(each.status_code, each.json()["balance"]) for each in answers] == [(200, "43.5"), (200, "43.5")]
