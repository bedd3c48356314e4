"""From the draft to the customer's answer, and every way round an approval that we could think of."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from contracts.models import Contract
from governance import approvals
from governance.models import ApprovalPolicy, ApprovalRequest, Change
from metering.models import Meter
from pricing.charges import PerUnit
from quoting import operations
from quoting.models import Quote, QuoteVersion
from quoting.queries import approval_facts, approvals_needed, latest_version, priced
from tests import cast
from tests.refusals import refused

pytestmark = pytest.mark.django_db
DEARER = PerUnit(Decimal("12.00"), cast.MILLION)


@pytest.fixture
def version() -> QuoteVersion:
    """The journey's offer, a draft: 15 % off usage, a commit of 40 for 36."""
    return cast.quote_for_contoso()


@pytest.fixture
def in_review(version: QuoteVersion) -> QuoteVersion:
    return operations.submit(version, act=cast.act("ben", "Please agree"))


@pytest.fixture
def sent(version: QuoteVersion) -> QuoteVersion:
    return cast.sent(version)


def status(version: QuoteVersion) -> str:
    return QuoteVersion.objects.values_list("status", flat=True).get(pk=version.pk)


def requests(version: QuoteVersion) -> list[tuple[str, Decimal]]:
    rows = ApprovalRequest.objects.filter(subject_id=str(version.pk)).order_by("requested_at", "status")
    return list(rows.values_list("status", "value"))


def asked() -> ApprovalRequest:
    """The one question put to the deal desk."""
    return ApprovalRequest.objects.get(subject_type="quoting.quoteversion")


def discount(version: QuoteVersion, percent: str, key: str = "output-tokens") -> None:
    operations.set_line(
        version,
        cast.product(key),
        expected_usage=4 * cast.MILLION,
        discount_percent=Decimal(percent),
        act=cast.act("ben", "Another discount"),
    )


# ---------------------------------------------------------------- the straight way
def test_a_small_discount_needs_nobody(version: QuoteVersion) -> None:
    small = cast.quote_for_contoso(discount="10")
    submitted = operations.submit(small, act=cast.act("ben"))
    assert (submitted.status, submitted.submitted_by) == ("approved", cast.person("ben"))
    assert requests(small) == []


def test_a_large_discount_waits_for_deal_desk(in_review: QuoteVersion) -> None:
    request = asked()
    assert in_review.status == "in_review"
    assert (request.policy.role, request.value, request.why) == ("deal desk", Decimal(15), "15 % off usage")
    assert request.requested_by == cast.person("ben")


def test_the_last_approval_makes_it_approved(in_review: QuoteVersion) -> None:
    cast.approve_all(in_review)
    assert status(in_review) == "approved"
    approved = Change.objects.get(name="quote.approved")
    assert (approved.by, approved.subject_id) == (None, str(in_review.pk))
    assert approved.because == "Every approval was given, last by Dee Desk: Worth it"


def test_with_one_of_two_approvals_missing_it_stays_in_review(version: QuoteVersion) -> None:
    operations.set_commit(version, access_amount=Decimal(40), price=Decimal(30), act=cast.act("ben"))
    in_review = operations.submit(version, act=cast.act("ben"))
    first, second = ApprovalRequest.objects.filter(subject_type="quoting.quoteversion").order_by("policy__name")
    approvals.approve(first, act=cast.act("dee"))
    assert status(in_review) == "in_review"
    with refused("needs approval first"):
        operations.send(in_review, act=cast.act("ben"))
    approvals.approve(second, act=cast.act("dee"))
    assert status(in_review) == "approved"


def test_a_commits_own_discount_is_watched_apart(version: QuoteVersion) -> None:
    facts = {fact.watched: fact.value for fact in approval_facts(version)}
    assert facts == {"discount_percent": Decimal(15), "commit_discount_percent": Decimal(10)}


def test_sending_and_accepting_signs_the_contract(sent: QuoteVersion) -> None:
    contract = operations.accept(sent, name=" Dan Contoso ", from_ip="192.0.2.7", act=cast.dans())
    accepted = QuoteVersion.objects.get()
    assert (accepted.status, accepted.contract, accepted.decided_by) == ("accepted", contract, "Dan Contoso")
    assert (accepted.decided_at, accepted.decided_from, accepted.sent_at) == (cast.NOW, "192.0.2.7", cast.NOW)
    assert (contract.signed_by, contract.signed_at, contract.opportunity_key) == ("Dan Contoso", cast.NOW, "OPP-1")
    assert contract.pinned_version == cast.standard_card()
    names = Change.objects.filter(name__in=["quote.accepted", "contract.signed", "commit.granted"]).order_by("id")
    assert [(row.name, row.by_name) for row in names] == [
        (name, "Dan Contoso") for name in ("quote.accepted", "contract.signed", "commit.granted")
    ]


def test_declining_keeps_the_reason(sent: QuoteVersion) -> None:
    declined = operations.decline(sent, name="Dan Contoso", reason="Too dear", act=cast.dans("Too dear"))
    assert (status(declined), declined.reason, declined.decided_by) == ("declined", "Too dear", "Dan Contoso")


def test_declining_takes_a_name_and_a_reason(sent: QuoteVersion) -> None:
    with refused("Please type your name."):
        operations.decline(sent, name=" ", reason="Too dear", act=cast.dans())
    with refused("Please say why"):
        operations.decline(sent, name="Dan", reason=" ", act=cast.dans())


# ---------------------------------------------------------------- ways round an approval
def test_a_draft_is_not_sent(version: QuoteVersion) -> None:
    with refused("This offer is a draft; submit it first."):
        operations.send(version, act=cast.act("ben"))


def test_the_rep_cannot_send_before_the_approval(in_review: QuoteVersion) -> None:
    with refused("This needs approval first: deal desk \\(15 % off usage\\)."):
        operations.send(in_review, act=cast.act("ben"))


def test_the_rep_cannot_approve_their_own(in_review: QuoteVersion) -> None:
    with refused("You asked for this approval"):
        approvals.approve(asked(), act=cast.act("ben"))


def test_the_rep_cannot_approve_even_from_the_deal_desk(in_review: QuoteVersion) -> None:
    cast.person("dee")
    cast.person("ben").groups.add(cast.Group.objects.get(name="deal desk"))
    with refused("You asked for this approval"):
        approvals.approve(asked(), act=cast.act("ben"))


def test_whoever_edited_the_offer_cannot_approve_it(version: QuoteVersion) -> None:
    operations.set_terms(version, terms="Better words.", act=cast.act("dee"))
    operations.submit(version, act=cast.act("ben"))
    with refused("You have edited what is to be approved"):
        approvals.approve(asked(), act=cast.act("dee"))


@pytest.mark.parametrize("approved", [False, True])
def test_what_was_submitted_cannot_be_edited(in_review: QuoteVersion, approved: bool) -> None:
    if approved:
        cast.approve_all(in_review)
    with refused("only a draft can be edited"):
        discount(in_review, "40")
    with refused("only a draft can be edited"):
        operations.set_commit(in_review, access_amount=Decimal(400), price=Decimal(1), act=cast.act("ben"))
    with refused("only a draft can be edited"):
        operations.set_terms(in_review, months=60, act=cast.act("ben"))
    with refused("only a draft can be edited"):
        operations.remove_commit(in_review, act=cast.act("ben"))


def test_a_worse_discount_after_the_approval_is_asked_again(in_review: QuoteVersion) -> None:
    cast.approve_all(in_review)
    draft = operations.reopen(in_review, act=cast.act("ben", "One more thing"))
    discount(draft, "16")
    again = operations.submit(draft, act=cast.act("ben"))
    assert again.status == "in_review"
    with refused("needs approval first"):
        operations.send(again, act=cast.act("ben"))
    assert sorted(requests(again)) == [("pending", Decimal(16)), ("superseded", Decimal(15))]


def test_a_better_discount_after_the_approval_needs_no_other(in_review: QuoteVersion) -> None:
    cast.approve_all(in_review)
    draft = operations.reopen(in_review, act=cast.act("ben", "They asked for less"))
    discount(draft, "12")
    assert operations.submit(draft, act=cast.act("ben")).status == "approved"
    assert requests(draft) == [("approved", Decimal(15))]


def test_an_approved_discount_of_one_line_does_not_spread_to_the_others(version: QuoteVersion) -> None:
    discount(version, "40")
    in_review = operations.submit(version, act=cast.act("ben"))
    cast.approve_all(in_review)
    draft = operations.reopen(in_review, act=cast.act("ben", "One more thing"))
    discount(draft, "40", key="input-tokens")
    assert operations.submit(draft, act=cast.act("ben")).status == "in_review"


def test_a_large_discount_does_not_hide_on_a_small_line() -> None:
    version = cast.quote_for_contoso(discount="0", commit=None)
    operations.set_line(
        version,
        cast.product("output-tokens"),
        expected_usage=Decimal(1),
        discount_percent=Decimal(40),
        act=cast.act("ben"),
    )
    assert priced(version).discount_percent < Decimal("0.0001")
    (need,) = approvals_needed(version)
    assert (need.fact.value, need.fact.why) == (Decimal(40), "40 % off Output tokens")


def test_reopening_takes_the_question_back(in_review: QuoteVersion) -> None:
    request = asked()
    operations.reopen(in_review, act=cast.act("ben", "A mistake"))
    with refused("is superseded and cannot become approved"):
        approvals.approve(request, act=cast.act("dee"))
    assert operations.submit(in_review, act=cast.act("ben")).status == "in_review"


def test_a_rejected_offer_is_neither_sent_nor_put_again_unchanged(in_review: QuoteVersion) -> None:
    approvals.reject(asked(), act=cast.act("dee", "Too much for a new customer."))
    with refused("This needs approval first"):
        operations.send(in_review, act=cast.act("ben"))
    draft = operations.reopen(in_review, act=cast.act("ben", "Then less"))
    with refused("Deal desk said no: Too much for a new customer. Change the offer first."):
        operations.submit(draft, act=cast.act("ben"))
    for key in ("input-tokens", "output-tokens"):
        discount(draft, "9", key)
    assert operations.send(operations.submit(draft, act=cast.act("ben")), act=cast.act("ben")).status == "sent"


def test_a_revision_copies_no_approval(in_review: QuoteVersion) -> None:
    cast.approve_all(in_review)
    revised = operations.revise(in_review.quote, act=cast.act("ben", "A fresh start"))
    assert (revised.number, revised.status, status(in_review)) == (2, "draft", "superseded")
    assert operations.submit(revised, act=cast.act("ben")).status == "in_review"
    with refused("needs approval first"):
        operations.send(revised, act=cast.act("ben"))


def test_a_clone_copies_no_approval(in_review: QuoteVersion) -> None:
    cast.approve_all(in_review)
    clone = operations.clone(in_review.quote, act=cast.act("ben", "The same for another"))
    copy = clone.versions.get()
    assert (clone.number, copy.status, clone.opportunity_key) == ("Q-2025-0002", "draft", "")
    assert priced(copy).total_by_month == priced(in_review).total_by_month
    assert operations.submit(copy, act=cast.act("ben")).status == "in_review"
    with refused("needs approval first"):
        operations.send(copy, act=cast.act("ben"))


def test_a_stricter_policy_holds_for_what_is_approved_already(in_review: QuoteVersion) -> None:
    small = operations.submit(cast.quote_for_contoso(discount="8", commit=None), act=cast.act("ben"))
    policy = ApprovalPolicy.objects.get(subject_type="quoting.quoteversion", watched="discount_percent")
    with operations.change("approval_policy.updated", policy, cast.act("dee")):
        policy.above = Decimal(5)
        policy.save()
    with refused("needs approval first"):
        operations.send(small, act=cast.act("ben"))


def test_a_system_cannot_ask_for_an_approval(version: QuoteVersion) -> None:
    with refused("Only a signed-in person can ask for an approval."):
        operations.submit(version, act=cast.act(None, "key crm"))


# ---------------------------------------------------------------- answers that cannot be given
@pytest.mark.parametrize("state", ["draft", "in_review", "approved"])
def test_an_offer_that_was_not_sent_cannot_be_accepted(version: QuoteVersion, state: str) -> None:
    if state != "draft":
        operations.submit(version, act=cast.act("ben"))
    if state == "approved":
        cast.approve_all(version)
    assert status(version) == state
    with refused("This offer has not been sent yet."):
        operations.accept(version, name="Dan", from_ip=None, act=cast.dans())
    with refused("This offer has not been sent yet."):
        operations.decline(version, name="Dan", reason="No", act=cast.dans())


def test_a_declined_offer_cannot_be_accepted(sent: QuoteVersion) -> None:
    operations.decline(sent, name="Dan", reason="Too dear", act=cast.dans())
    with refused("This offer has been declined"):
        operations.accept(sent, name="Dan", from_ip=None, act=cast.dans())


def test_a_replaced_offer_cannot_be_accepted(sent: QuoteVersion) -> None:
    operations.revise(sent.quote, act=cast.act("ben", "They want more"))
    with refused("This offer has been replaced by a newer one."):
        operations.accept(sent, name="Dan", from_ip=None, act=cast.dans())


def test_an_expired_offer_cannot_be_accepted_and_its_last_day_is_the_customers() -> None:
    customer = cast.customer("fabrikam", time_zone="America/New_York")
    sent = cast.sent(to=customer)
    midnight_there = cast.NOW.replace(year=2026, month=2, day=1, hour=5)
    with refused("This offer was valid until 31 January 2026."):
        operations.accept(sent, name="Dan", from_ip=None, act=cast.dans(at=midnight_there))
    last_minute = midnight_there - timedelta(minutes=1)
    assert operations.accept(sent, name="Dan", from_ip=None, act=cast.dans(at=last_minute)).number == "C-2026-0001"


def test_accepting_takes_a_name(sent: QuoteVersion) -> None:
    with refused("Please type your name."):
        operations.accept(sent, name="  ", from_ip=None, act=cast.dans())


def test_accepting_twice_answers_with_the_same_contract(sent: QuoteVersion) -> None:
    first = operations.accept(sent, name="Dan", from_ip=None, act=cast.dans())
    changes = Change.objects.count()
    assert operations.accept(sent, name="Dan", from_ip=None, act=cast.dans()) == first
    assert (Contract.objects.count(), Change.objects.count()) == (1, changes)


def test_an_accepted_quote_is_not_revised(sent: QuoteVersion) -> None:
    operations.accept(sent, name="Dan", from_ip=None, act=cast.dans())
    with refused("This quote has been accepted"):
        operations.revise(sent.quote, act=cast.act("ben"))


def test_a_declined_offer_can_be_revised(sent: QuoteVersion) -> None:
    operations.decline(sent, name="Dan", reason="Too dear", act=cast.dans())
    revised = operations.revise(sent.quote, act=cast.act("ben", "A better one"))
    assert (revised.number, status(sent)) == (2, "declined")
    assert latest_version(Quote.objects.get()) == revised


def test_a_revision_is_at_the_prices_in_force(sent: QuoteVersion) -> None:
    later = cast.NOW + timedelta(days=2)
    dearer = cast.publish({"output-tokens": DEARER}, effective_from=later)
    revised = operations.revise(sent.quote, act=cast.act("ben", at=later + timedelta(hours=1)))
    assert revised.rate_card_version == dearer


def test_an_expired_offers_revision_can_be_accepted_for_thirty_days(sent: QuoteVersion) -> None:
    revised = operations.revise(sent.quote, act=cast.act("ben", at=cast.NOW + timedelta(days=60)))
    assert revised.valid_until == date(2026, 3, 15)


def test_an_empty_or_outdated_draft_is_not_submitted(version: QuoteVersion) -> None:
    empty = cast.empty_quote()
    with refused("There is nothing in this offer yet."):
        operations.submit(empty, act=cast.act("ben"))
    with refused("The last day to accept this offer has passed"):
        operations.submit(version, act=cast.act("ben", at=cast.NOW + timedelta(days=60)))


def test_an_outdated_offer_is_not_sent(in_review: QuoteVersion) -> None:
    cast.approve_all(in_review)
    with refused("The last day to accept this offer has passed"):
        operations.send(in_review, act=cast.act("ben", at=cast.NOW + timedelta(days=60)))


def test_the_contract_is_at_the_terms_that_were_offered(version: QuoteVersion) -> None:
    cast.sent(version)
    assert Meter.objects.count() == 2
    contract = operations.accept(version, name="Dan", from_ip=None, act=cast.dans())
    offered = list(version.lines.values_list("product", "quantity", "discount_percent", "discount_amount", "minimum"))
    signed = list(contract.lines.values_list("product", "quantity", "discount_percent", "discount_amount", "minimum"))
    assert signed == offered
