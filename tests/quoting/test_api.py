"""The API of quotes: people and systems draft, submit and send; approving takes a person; refusals are 409."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from governance.clock import clock_set_to
from governance.models import ApprovalRequest, Change
from quoting.models import Quote, QuoteVersion
from tests import cast
from tests.refusals import everything

pytestmark = pytest.mark.django_db


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


OFFER = {
    "customer": "contoso",
    "rate_card": "standard-usd",
    "start_on": "2026-01-01",
    "months": 12,
    "valid_until": "2026-01-31",
    "opportunity_key": "OPP-1",
    "lines": [
        {"product": "input-tokens", "expected_usage": "20000000", "discount_percent": "15"},
        {"product": "output-tokens", "expected_usage": "4000000", "discount_percent": "15"},
        {"product": "platform-fee"},
    ],
    "commit": {"access": usd("40.00"), "price": usd("36.00")},
}


@pytest.fixture(autouse=True)
def scene(db: None) -> Any:
    """Contoso, the standard card and the policies, with the clock at NOW."""
    cast.contoso(), cast.seller(), cast.standard_card(), cast.policies()
    with clock_set_to(cast.NOW):
        yield


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def ben() -> Client:
    return signed_in(cast.person("ben"))


def with_key(*scopes: str) -> Client:
    return Client(headers=cast.system_key(*scopes, name="crm"))


def post(client: Client, path: str = "", body: Any = None) -> Any:
    return client.post(f"/api/v1/quotes{path}", body or {}, content_type="application/json")


def nothing_written(client: Client, path: str = "", body: Any = None) -> Any:
    """The answer to a request that must not write a row."""
    before = everything()
    answer = post(client, path, body)
    assert everything() == before
    return answer


def test_a_rep_drafts_the_journeys_offer(ben: Client) -> None:
    answer = post(ben, body=OFFER)
    assert answer.status_code == 201
    body = answer.json()
    assert body["total_by_month"] == [usd("88.25"), *[usd("92.25")] * 11]
    assert (body["number"], body["status"], body["owner"]) == ("Q-2025-0001", "draft", "ben")
    assert (body["discount_percent"], body["total"]) == ("15", usd("1103.00"))
    assert body["lines"][0] == {
        "product": "input-tokens",
        "name": "Input tokens",
        "price": "First 10,000,000 at $2.50 per million, then $2.00 per million",
        "quantity": None,
        "expected_usage": "20000000",
        "discount_percent": "15",
        "discount_amount": usd("0.00"),
        "minimum": None,
        "first_amount": usd("38.25"),
    }
    assert body["by_month"][0] == {
        "start": "2026-01-01T00:00:00Z",
        "end": "2026-02-01T00:00:00Z",
        "charges": usd("92.25"),
        "commit_price": usd("36.00"),
        "drawn": usd("40.00"),
        "due": usd("88.25"),
    }
    assert body["approvals"] == [
        {
            "role": "deal desk",
            "why": "15 % off usage",
            "status": "needed",
            "requested_by": None,
            "decided_by": None,
            "because": "",
        }
    ]
    assert ben.get("/api/v1/quotes/Q-2025-0001").json() == body


def test_a_rep_submits_dee_agrees_and_the_rep_sends(ben: Client) -> None:
    post(ben, body=OFFER)
    submitted = post(ben, "/Q-2025-0001/submit", {"because": "They are in a hurry"}).json()
    assert (submitted["status"], submitted["approvals"][0]["status"]) == ("in_review", "pending")
    assert Change.objects.get(name="quote.submitted").because == "They are in a hurry"
    refused = nothing_written(ben, "/Q-2025-0001/send")
    assert (refused.status_code, refused.json()) == (
        409,
        {"detail": "This needs approval first: deal desk (15 % off usage)."},
    )
    cast.approve_all(QuoteVersion.objects.get())
    sent = post(ben, "/Q-2025-0001/send").json()
    assert (sent["status"], sent["approvals"][0]["decided_by"]) == ("sent", "dee")
    assert Change.objects.get(name="quote.sent").by == cast.person("ben")


def test_a_system_drafts_and_sends_but_asks_for_no_approval() -> None:
    crm = with_key("quotes:write", "quotes:read")
    assert nothing_written(crm, body=OFFER).json() == {"owner": ["A system says whose quote this is."]}
    assert post(crm, body=OFFER | {"owner": "ben"}).status_code == 201
    refused = nothing_written(crm, "/Q-2025-0001/submit")
    assert (refused.status_code, refused.json()["detail"]) == (409, "Only a signed-in person can ask for an approval.")
    plain_lines = [{"product": "platform-fee"}]
    assert post(crm, body=OFFER | {"owner": "ben", "lines": plain_lines}).status_code == 201
    assert post(crm, "/Q-2025-0002/submit").json()["status"] == "approved"
    assert post(crm, "/Q-2025-0002/send").json()["status"] == "sent"
    assert Change.objects.get(name="quote.sent").by_name == "key crm"
    assert ApprovalRequest.objects.filter(subject_type="quoting.quoteversion").count() == 0


def test_scopes_and_permissions_are_needed() -> None:
    reader, cleo, eve = with_key("quotes:read"), signed_in(cast.person("cleo")), signed_in(cast.person("eve"))
    for client in (reader, cleo, eve, Client()):
        assert nothing_written(client, body=OFFER).status_code == 403
    cast.quote_for_contoso()
    for client in (reader, cleo, eve, Client()):
        assert nothing_written(client, "/Q-2025-0001/submit").status_code == 403
        assert nothing_written(client, "/Q-2025-0001/send").status_code == 403
    assert with_key("quotes:write").get("/api/v1/quotes/Q-2025-0001").status_code == 403
    assert cleo.get("/api/v1/quotes/Q-2025-0001").status_code == 200


def test_the_quotes_of_others_customers_do_not_exist(ben: Client) -> None:
    cast.quote_for_contoso()
    cast.contracts.unassign_customer(cast.contoso(), cast.person("ben"), act=cast.act("ada"))
    assert ben.get("/api/v1/quotes/Q-2025-0001").status_code == 404
    for verb in ("submit", "send"):
        assert nothing_written(ben, f"/Q-2025-0001/{verb}").status_code == 404
    refused = nothing_written(ben, body=OFFER)
    assert (refused.status_code, refused.json()) == (400, {"customer": ["There is no customer 'contoso'."]})


@pytest.mark.parametrize(
    ("change", "status", "answer"),
    [
        ({"customer": "nobody"}, 400, {"customer": ["There is no customer 'nobody'."]}),
        ({"rate_card": "none"}, 400, {"rate_card": ["There is no rate card 'none'."]}),
        ({"owner": "nobody"}, 400, {"owner": ["There is no owner 'nobody'."]}),
        ({"lines": [{"product": "none"}]}, 400, {"lines": {"0": {"product": ["There is no such product."]}}}),
        (
            {"valid_until": "2025-12-14"},
            409,
            {"detail": "The last day to accept this offer has passed; choose a later one."},
        ),
        ({"lines": [{"product": "platform-fee"}] * 2}, 409, {"detail": "Platform fee is in this offer twice."}),
        (
            {"lines": [{"product": "platform-fee", "expected_usage": "5"}]},
            409,
            {"detail": "Platform fee is not measured: give a quantity, not an expected usage."},
        ),
        (
            {"commit": {"access": {"amount": "40.00", "currency": "EUR"}, "price": usd("36.00")}},
            409,
            {"detail": "This offer is in USD, not in EUR."},
        ),
    ],
)
def test_all_of_it_or_nothing(ben: Client, change: dict, status: int, answer: dict) -> None:
    refused = nothing_written(ben, body=OFFER | change)
    assert (refused.status_code, refused.json()) == (status, answer)
    assert Quote.objects.count() == 0


@pytest.mark.parametrize("number", [15, 1.5, "1e1", "NaN", "", None, "١٥"])
def test_numbers_are_text_in_plain_digits(ben: Client, number: Any) -> None:
    line = {"product": "output-tokens", "discount_percent": number}
    assert nothing_written(ben, body=OFFER | {"lines": [line]}).status_code == 400


@pytest.mark.parametrize("money", [4000, "40", {"amount": 40, "currency": "USD"}, {"amount": "40"}, usd("1e3")])
def test_money_is_an_amount_and_a_currency(ben: Client, money: Any) -> None:
    commit = {"access": money, "price": usd("36.00")}
    assert nothing_written(ben, body=OFFER | {"commit": commit}).status_code == 400


def test_a_session_needs_its_token() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.person("ben"), backend="django.contrib.auth.backends.ModelBackend")
    assert nothing_written(client, body=OFFER).status_code == 403


def test_the_schema_describes_every_call(client: Client) -> None:
    paths = client.get("/api/schema/", headers={"Accept": "application/json"}).json()["paths"]
    ours = {path: sorted(verbs) for path, verbs in paths.items() if "quotes" in path}
    assert ours == {
        "/api/v1/quotes": ["post"],
        "/api/v1/quotes/{number}": ["get"],
        "/api/v1/quotes/{number}/submit": ["post"],
        "/api/v1/quotes/{number}/send": ["post"],
    }
    draft = paths["/api/v1/quotes"]["post"]
    assert sorted(draft["responses"]) == ["201", "409"]
