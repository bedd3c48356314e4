"""Every way round an approval that somebody could try at a door is refused there, and nothing is written.

What operations refuse is told in tests/quoting and tests/catalog; here are the doors: forms and buttons of the admin,
the API, the customer's page, for reps, the wrong roles, superusers and systems.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from catalog import operations as catalog
from catalog.models import RateCardVersion
from contracts.models import Contract
from governance.clock import clock_set_to
from governance.keys import SCOPES
from governance.models import ApprovalPolicy, ApprovalRequest
from pricing.charges import PerUnit
from quoting import operations as quoting
from quoting.links import token_of
from quoting.models import Quote, QuoteVersion
from tests import cast
from tests.refusals import everything

pytestmark = pytest.mark.django_db
Try = Callable[[Client, QuoteVersion], Any]


@pytest.fixture(autouse=True)
def in_december(db: None) -> Iterator[None]:
    with clock_set_to(cast.NOW):
        yield


@pytest.fixture
def offer() -> QuoteVersion:
    """15 % off, submitted by Ben; the deal desk has not answered."""
    return quoting.submit(cast.quote_for_contoso(), act=cast.act("ben"))


@pytest.fixture
def prices() -> RateCardVersion:
    """The next prices, submitted by Ann; finance has not answered."""
    cast.standard_card()
    draft = catalog.draft_version(cast.card(), act=cast.act("ann"))
    catalog.set_rate(draft, cast.product("platform-fee"), cast.FEE, cycle_months=12, act=cast.act("ann"))
    return catalog.submit_version(draft, warnings_accepted="Meant so", act=cast.act("ann"))


def client_of(user: User | str) -> Client:
    client = Client()
    user = cast.person(user) if isinstance(user, str) else user
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def superuser() -> User:
    """Everything is permitted to Max, and no role is his."""
    return User.objects.create_superuser("max", "max@quoin.test", "quoin", first_name="Max", last_name="Super")


@contextmanager
def nothing_written() -> Iterator[None]:
    before = everything()
    yield
    assert everything() == before


def press(client: Client, thing: Any, verb: str, **fields: Any) -> Any:
    """The button's dialog, sent; what the person reads on the page it leads to is in `.said`."""
    page = reverse(f"admin:{thing._meta.app_label}_{thing._meta.model_name}_{verb}", args=[thing.pk])
    answer = client.post(page, {"because": "I would like to", "_form_submitted": "1", **fields})
    leads_to = answer.headers.get("HX-Redirect")
    shown = client.get(leads_to, follow=True).context["messages"] if leads_to else []
    answer.said = [str(message) for message in shown]
    return answer


def question() -> ApprovalRequest:
    return ApprovalRequest.objects.get(status="pending")


# ---------------------------------------------------------------- sending before the approval
@pytest.mark.parametrize("who", ["ben", "max"])
def test_the_button_to_send(offer: QuoteVersion, who: str) -> None:
    client = client_of(superuser() if who == "max" else who)
    with nothing_written():
        answer = press(client, offer.quote, "send")
    assert len(answer.said) == 1
    assert answer.said[0].startswith("This needs approval first: deal desk")


@pytest.mark.parametrize("who", ["ann", "dee", "cara", "cleo", "eric", "ada"])
def test_the_button_to_send_by_another_role(offer: QuoteVersion, who: str) -> None:
    with nothing_written():
        assert press(client_of(who), offer.quote, "send").status_code == 403


@pytest.mark.parametrize("who", ["ben", "max", "key"])
def test_sending_through_the_api(offer: QuoteVersion, who: str) -> None:
    client = (
        Client(headers=cast.system_key(*SCOPES)) if who == "key" else client_of(superuser() if who == "max" else who)
    )
    with nothing_written():
        answer = client.post(f"/api/v1/quotes/{offer.quote.number}/send", {}, content_type="application/json")
    assert (answer.status_code, answer.json()["detail"][:37]) == (409, "This needs approval first: deal desk ")


def test_a_system_submits_nothing_that_needs_an_approval() -> None:
    version = cast.quote_for_contoso()
    client = Client(headers=cast.system_key(*SCOPES))
    with nothing_written():
        answer = client.post(f"/api/v1/quotes/{version.quote.number}/submit", {}, content_type="application/json")
    assert (answer.status_code, answer.json()) == (
        409,
        {"detail": "Only a signed-in person can ask for an approval."},
    )


# ---------------------------------------------------------------- signing before it was sent
@pytest.mark.parametrize("stage", ["draft", "in_review", "approved"])
def test_the_customers_page_of_an_offer_that_was_not_sent(stage: str) -> None:
    version = cast.quote_for_contoso()
    if stage != "draft":
        version = quoting.submit(version, act=cast.act("ben"))
    if stage == "approved":
        cast.approve_all(version)
    answer = {"decision": "accept", "name": "Dan", "consent": "on"}
    with nothing_written():
        assert Client().post(f"/q/{token_of(version)}/", answer).status_code == 404
    assert not Contract.objects.exists()


def test_the_policy_got_stricter_after_it_was_sent() -> None:
    """What nobody agreed to is not signed, although its link is out."""
    version = cast.sent(discount="5", commit=None)
    policy = ApprovalPolicy.objects.get(subject_type="quoting.quoteversion", watched="discount_percent")
    page = reverse("admin:governance_approvalpolicy_change", args=[policy.pk])
    stricter = {
        "name": "Discounts", "is_active": "on", "subject_type": "quoting.quoteversion", "watched": "discount_percent",
        "above": "3", "role": "deal desk", "position": "1", "because": "Margins",
    }  # fmt: skip
    assert client_of("dee").post(page, stricter).status_code == 302
    with nothing_written():
        answer = Client().post(f"/q/{token_of(version)}/", {"decision": "accept", "name": "Dan", "consent": "on"})
    assert answer.status_code == 409


# ---------------------------------------------------------------- approving what is not yours to approve
def test_the_requester_s_own_with_the_right_role(offer: QuoteVersion) -> None:
    """Ben joins the deal desk, and it is still his own."""
    cast.person("ben").groups.add(Group.objects.get(name="deal desk"))
    with nothing_written():
        answer = press(client_of("ben"), question(), "approve")
    assert answer.said == ["You asked for this approval; somebody else must decide it."]


def test_the_editor_s_own(offer: QuoteVersion) -> None:
    """Dee worked on the offer as a rep; whoever asked, she does not approve it."""
    quoting.reopen(offer, act=cast.act("ben"))
    quoting.set_line(offer, cast.product("platform-fee"), act=cast.act("dee", "Helping out"))
    quoting.submit(offer, act=cast.act("ben"))
    with nothing_written():
        answer = press(client_of("dee"), question(), "approve")
    assert answer.said == ["You have edited what is to be approved; somebody else must decide it."]


@pytest.mark.parametrize("who", ["cara", "max"])
def test_the_wrong_role(offer: QuoteVersion, who: str) -> None:
    """Finance may approve prices, and a superuser anything that needs a permission; neither is the deal desk."""
    client = client_of(superuser() if who == "max" else who)
    for verb in ("approve", "reject"):
        with nothing_written():
            assert press(client, question(), verb).said == ["This approval is for deal desk."]


@pytest.mark.parametrize("who", ["ann", "ben", "cleo", "eric", "ada"])
def test_without_the_permission_to_decide(offer: QuoteVersion, who: str) -> None:
    for verb in ("approve", "reject"):
        with nothing_written():
            assert press(client_of(who), question(), verb).status_code == 403


def test_somebody_who_was_shown_out(offer: QuoteVersion) -> None:
    dee = client_of("dee")
    User.objects.filter(username="dee").update(is_active=False)
    with nothing_written():
        assert press(dee, question(), "approve").headers["Location"].startswith("/admin/login/")


def test_the_button_of_a_page_that_was_open_too_long(offer: QuoteVersion) -> None:
    """The offer was taken back meanwhile: what Dee saw is not what she would agree to."""
    asked = question()
    quoting.reopen(offer, act=cast.act("ben"))
    with nothing_written():
        answer = press(client_of("dee"), asked, "approve")
    assert len(answer.said) == 1
    assert answer.said[0].startswith("Approve is not possible any more")


def test_a_question_is_not_edited_by_form(offer: QuoteVersion) -> None:
    page = reverse("admin:governance_approvalrequest_change", args=[question().pk])
    for user in (cast.person("dee"), superuser()):
        with nothing_written():
            answer = client_of(user).post(page, {"status": "approved", "value": "0", "because": "x"})
            assert answer.status_code == 403
    with nothing_written():
        assert (
            client_of(User.objects.get(username="max"))
            .post(reverse("admin:governance_approvalrequest_delete", args=[question().pk]), {"post": "yes"})
            .status_code
            == 403
        )


# ---------------------------------------------------------------- editing after the approval, or round it
TRIES: dict[str, Try] = {
    "a line": lambda client, version: client.post(
        reverse("admin:quoting_quote_line", args=[version.quote_id]),
        {"product": str(cast.product("input-tokens").pk), "expected_usage": "1", "discount_percent": "90"},
    ),
    "a line less": lambda client, version: client.post(
        reverse("admin:quoting_quote_line_remove", args=[version.quote_id]), {"line": str(version.lines.first().pk)}
    ),
    "a commit": lambda client, version: client.post(
        reverse("admin:quoting_quote_commit", args=[version.quote_id]),
        {"name": "Gift", "access_amount": "1000", "price": "0"},
    ),
    "a commit less": lambda client, version: client.post(
        reverse("admin:quoting_quote_commit_remove", args=[version.quote_id]), {"name": "Prepaid usage"}
    ),
    "the term": lambda client, version: client.post(
        reverse("admin:quoting_quote_terms", args=[version.quote_id]),
        {"start_on": "2026-01-01", "months": "99", "valid_until": "2026-01-31"},
    ),
}


@pytest.mark.parametrize("who", ["ben", "max"])
@pytest.mark.parametrize("stage", ["in_review", "approved", "sent"])
@pytest.mark.parametrize("what", list(TRIES))
def test_editing_what_was_submitted_approved_or_sent(offer: QuoteVersion, what: str, stage: str, who: str) -> None:
    if stage != "in_review":
        cast.approve_all(offer)
    if stage == "sent":
        quoting.send(offer, act=cast.act("ben"))
    client = client_of(superuser() if who == "max" else who)
    with nothing_written():
        assert TRIES[what](client, offer).status_code in (302, 400)


def test_a_clone_of_what_was_approved(offer: QuoteVersion) -> None:
    """Is a new offer: the same discount is asked for again, and the copy cannot go out before."""
    cast.approve_all(offer)
    ben = client_of("ben")
    press(ben, offer.quote, "clone")
    copy = Quote.objects.exclude(pk=offer.quote_id).get()
    assert press(ben, copy, "submit").said == ["Those who must agree have been asked."]
    with nothing_written():
        assert press(ben, copy, "send").said[0].startswith("This needs approval first")


def test_a_revision_of_what_was_approved(offer: QuoteVersion) -> None:
    cast.approve_all(offer)
    quoting.send(offer, act=cast.act("ben"))
    ben = client_of("ben")
    press(ben, offer.quote, "revise")
    press(ben, offer.quote, "submit")
    with nothing_written():
        assert press(ben, offer.quote, "send").said[0].startswith("This needs approval first")
    with nothing_written():  # and the offer that was out is void
        answer = Client().post(f"/q/{token_of(offer)}/", {"decision": "accept", "name": "Dan", "consent": "on"})
        assert answer.status_code == 409


def test_more_discount_in_a_second_line_after_the_approval(offer: QuoteVersion) -> None:
    cast.approve_all(offer)
    ben = client_of("ben")
    press(ben, offer.quote, "reopen")
    quoting.set_line(
        offer, cast.product("platform-fee"), discount_percent=Decimal(60), act=cast.act("ben", "A little more")
    )
    press(ben, offer.quote, "submit")
    with nothing_written():
        answer = ben.post(f"/api/v1/quotes/{offer.quote.number}/send", {}, content_type="application/json")
        assert answer.status_code == 409


# ---------------------------------------------------------------- prices
@pytest.mark.parametrize("who", ["ann", "max", "key"])
def test_publishing_prices_before_the_approval(prices: RateCardVersion, who: str) -> None:
    client = (
        Client(headers=cast.system_key(*SCOPES)) if who == "key" else client_of(superuser() if who == "max" else who)
    )
    if who != "key":
        with nothing_written():
            assert press(client, prices, "publish").said[0].startswith("This needs approval first: finance")
    body = {"effective_from": "2026-01-01T00:00:00Z", "because": "Now"}
    with nothing_written():
        answer = client.post("/api/v1/rate-cards/standard-usd/draft/publish", body, content_type="application/json")
    assert (answer.status_code, answer.json()["detail"][:35]) == (409, "This needs approval first: finance ")


@pytest.mark.parametrize("who", ["dee", "max"])
def test_approving_prices_with_the_wrong_role(prices: RateCardVersion, who: str) -> None:
    client = client_of(superuser() if who == "max" else who)
    with nothing_written():
        assert press(client, question(), "approve").said == ["This approval is for finance."]


def test_approving_ones_own_prices_from_finance(prices: RateCardVersion) -> None:
    cast.person("ann").groups.add(Group.objects.get(name="finance"))
    with nothing_written():
        answer = press(client_of("ann"), question(), "approve")
    assert answer.said == ["You asked for this approval; somebody else must decide it."]


@pytest.mark.parametrize("who", ["ann", "key"])
def test_editing_prices_in_review(prices: RateCardVersion, who: str) -> None:
    client = Client(headers=cast.system_key(*SCOPES)) if who == "key" else client_of(who)
    body = {"charge": {"kind": "flat", "amount": "1"}, "because": "Cheaper"}
    address = "/api/v1/rate-cards/standard-usd/draft/rates/platform-fee"
    for answer in (
        lambda: client.put(address, body, content_type="application/json"),
        lambda: client.delete(f"{address}?because=Cheaper"),
    ):
        with nothing_written():
            assert answer().status_code == 409


def test_the_prices_of_another_version_are_not_slipped_in(prices: RateCardVersion) -> None:
    """What finance agreed to are these rates: another one means asking again."""
    cast.approve_all(prices, "cara")
    ann = client_of("ann")
    press(ann, prices, "reopen")
    cheap = PerUnit(Decimal(1), per=cast.MILLION)
    catalog.set_rate(prices, cast.product("output-tokens"), cheap, act=cast.act("ann", "Slipped in"))
    press(ann, prices, "submit", warnings_accepted="Meant so")
    with nothing_written():
        assert press(ann, prices, "publish").said[0].startswith("This needs approval first: finance")
