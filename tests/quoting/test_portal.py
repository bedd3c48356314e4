"""The customer's page: what it says, who may answer, and that a refused answer writes nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from contracts.models import Contract
from governance.clock import clock_set_to
from governance.models import Change
from quoting import operations
from quoting.links import token_of
from quoting.models import QuoteVersion
from quoting.portal import link
from tests import cast
from tests.refusals import everything

pytestmark = pytest.mark.django_db
YES = {"decision": "accept", "name": "Dan Contoso", "consent": "on"}
NO = {"decision": "decline", "name": "Dan Contoso", "reason": "Too dear"}


@pytest.fixture(autouse=True)
def _at_the_time_of_the_cast() -> Iterator[None]:
    with clock_set_to(cast.NOW):
        yield


@pytest.fixture
def sent() -> QuoteVersion:
    return cast.sent()


def path_of(version: QuoteVersion) -> str:
    return link(version).removeprefix("http://testserver")


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


def refused(client: Client, version: QuoteVersion, data: dict[str, str], status: int) -> str:
    """Posts the answer, which must be refused with this status and write nothing; returns the page."""
    before = everything()
    answer = client.post(path_of(version), data)
    assert answer.status_code == status
    assert everything() == before
    return text_of(answer)


def test_a_link_is_absolute_and_always_the_same(sent: QuoteVersion) -> None:
    assert link(sent) == link(QuoteVersion.objects.get(pk=sent.pk))
    assert link(sent).startswith("http://testserver/q/")


def test_the_page_says_what_is_offered(client: Client, sent: QuoteVersion) -> None:
    text = text_of(client.get(path_of(sent)))
    for said in (
        "Contoso Ltd",
        "$1,103.00",
        "$88.25 in the first month, then $92.25 a month",
        "First 10,000,000 at $2.50 per million, then $2.00 per million",
        "20,000,000 tokens a month",
        "15\u00a0% off",
        "$40.00 of usage for $36.00",
        "31 Jan 2026",
        f"{path_of(sent)}pdf",
    ):
        assert said in text, said


def test_the_page_needs_no_script_and_no_style_of_its_own(client: Client, sent: QuoteVersion) -> None:
    answer = client.get(path_of(sent))
    assert "style-src" not in answer["Content-Security-Policy"]
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert "<script" not in text_of(answer)
    assert "style=" not in text_of(answer)


def test_accepting_signs_the_contract_by_the_typed_name(client: Client, sent: QuoteVersion) -> None:
    answer = client.post(path_of(sent), YES, REMOTE_ADDR="192.0.2.7", HTTP_X_FORWARDED_FOR="203.0.113.9", follow=True)
    assert answer.status_code == 200
    sent.refresh_from_db()
    contract = Contract.objects.get()
    assert (sent.status, sent.decided_by, sent.decided_from) == ("accepted", "Dan Contoso", "192.0.2.7")
    assert contract.signed_by == "Dan Contoso"
    change = Change.objects.get(name="quote.accepted")
    assert (change.by, change.by_name, change.at) == (None, "Dan Contoso (customer)", cast.NOW)
    assert "Thank you, this offer is accepted." in text_of(answer)
    assert contract.number in text_of(answer)


def test_accepting_twice_shows_the_accepted_page(client: Client, sent: QuoteVersion) -> None:
    client.post(path_of(sent), YES)
    before = everything()
    answer = client.post(path_of(sent), {**YES, "name": "Eve"}, follow=True)
    assert answer.status_code == 200
    assert "Dan Contoso accepted it" in text_of(answer)
    assert everything() == before


def test_an_accepted_offer_cannot_be_declined(client: Client, sent: QuoteVersion) -> None:
    client.post(path_of(sent), YES)
    assert "is accepted" in refused(client, sent, NO, 409)


@pytest.mark.parametrize(
    ("left_out", "said"),
    [("name", "Please type your name."), ("consent", "Please confirm that you may accept this offer.")],
)
def test_accepting_takes_name_and_consent(client: Client, sent: QuoteVersion, left_out: str, said: str) -> None:
    assert said in refused(client, sent, {name: text for name, text in YES.items() if name != left_out}, 400)


def test_what_was_typed_is_kept(client: Client, sent: QuoteVersion) -> None:
    text = refused(client, sent, {"decision": "accept", "name": 'Dan "the man"'}, 400)
    assert 'value="Dan &quot;the man&quot;"' in text


def test_an_answer_is_yes_or_no(client: Client, sent: QuoteVersion) -> None:
    refused(client, sent, {**YES, "decision": "maybe"}, 400)


def test_declining_takes_a_reason(client: Client, sent: QuoteVersion) -> None:
    assert "Please say why" in refused(client, sent, {**NO, "reason": " "}, 400)


def test_declining_keeps_the_reason(client: Client, sent: QuoteVersion) -> None:
    answer = client.post(path_of(sent), NO, follow=True)
    sent.refresh_from_db()
    assert (sent.status, sent.decided_by, sent.reason) == ("declined", "Dan Contoso", "Too dear")
    assert "This offer was declined." in text_of(answer)


def test_a_declined_offer_cannot_be_accepted(client: Client, sent: QuoteVersion) -> None:
    client.post(path_of(sent), NO)
    refused(client, sent, YES, 409)


def test_an_expired_offer_cannot_be_accepted(client: Client, sent: QuoteVersion) -> None:
    with clock_set_to(datetime(2026, 2, 1, tzinfo=UTC)):
        assert "was valid until 31 January 2026" in refused(client, sent, YES, 409)
        assert client.get(path_of(sent)).status_code == 410
    with clock_set_to(datetime(2026, 2, 1, tzinfo=UTC) - timedelta(seconds=1)):
        assert client.get(path_of(sent)).status_code == 200


def test_a_replaced_offer_says_so_and_nothing_else(client: Client, sent: QuoteVersion) -> None:
    newer = operations.revise(sent.quote, act=cast.act("ben", "They want more"))
    text = refused(client, sent, YES, 409)
    for page in (text, text_of(client.get(path_of(sent))), text_of(client.get(f"{path_of(sent)}pdf"))):
        assert "A newer offer exists" in page
        assert "$" not in page
        assert "Contoso" not in page
        assert token_of(newer) not in page
    assert client.get(path_of(sent)).status_code == 410


@pytest.mark.parametrize("stage", ["draft", "in review", "approved"])
def test_an_offer_that_was_not_sent_has_no_page(client: Client, stage: str) -> None:
    version = cast.quote_for_contoso()
    if stage != "draft":
        version = operations.submit(version, act=cast.act("ben", "Ready"))
    if stage == "approved":
        cast.approve_all(version)
    refused(client, version, YES, 404)
    assert client.get(path_of(version)).status_code == 404
    assert client.get(f"{path_of(version)}pdf").status_code == 404


@pytest.mark.parametrize("spoil", [lambda t: t[:-1] + ("A" if t[-1] != "A" else "B"), lambda t: t[::-1], lambda t: "x"])
def test_a_tampered_link_leads_nowhere(client: Client, sent: QuoteVersion, spoil: Any) -> None:
    before = everything()
    path = f"/q/{spoil(token_of(sent))}/"
    assert (client.get(path).status_code, client.post(path, YES).status_code) == (404, 404)
    assert client.get(f"{path}pdf").status_code == 404
    assert everything() == before


def test_the_token_of_one_offer_does_not_open_another(client: Client, sent: QuoteVersion) -> None:
    other = cast.sent(cast.quote_for_contoso(to=cast.customer("fabrikam")))
    key, signature = token_of(sent).split(".")
    assert client.get(f"/q/{other.pk.hex}.{signature}/").status_code == 404
    assert client.get(f"/q/{key}.{signature}/").status_code == 200


def test_answers_from_other_sites_are_refused(sent: QuoteVersion) -> None:
    strict = Client(enforce_csrf_checks=True)
    refused(strict, sent, YES, 403)


def test_the_document_is_a_pdf(client: Client, sent: QuoteVersion) -> None:
    answer = client.get(f"{path_of(sent)}pdf")
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == f'inline; filename="{sent.quote.number}-v1.pdf"'
    assert answer.content.startswith(b"%PDF-")
