"""Outcomes in the admin: the list with its totals, a page with what happened, the buttons."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from governance.clock import clock_set_to
from governance.models import Change
from metering.models import Outcome, OutcomeDefinition
from metering.outcomes.decisions import dispute
from metering.outcomes.reporting import report
from metering.outcomes.reports import Evidence
from metering.outcomes.settlement import settle_due
from tests.metering.outcomes.conftest import NOON, WINDOW, act, said

LIST = "admin:metering_outcome_changelist"
DEFINITION = {
    "name": "Resolved",
    "key": "resolved",
    "description": "No answer for three days",
    "attribution_key": "ticket",
    "scope": "customer",
    "settlement_hours": "48",
    "counts_in": "occurred",
    "sources": ["vendor", "customer"],
    "because": "We sell results now",
}


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with clock_set_to(NOON):
        yield


@pytest.fixture
def engineer(client: Client, eric: User) -> Client:
    client.force_login(eric)
    return client


@pytest.fixture
def success(client: Client, cleo: User) -> Client:
    client.force_login(cleo)
    return client


def reported(attribution: str = "c-1", **fields: Any) -> Outcome:
    (answer,) = report([said(attribution, **fields)], act=act())
    return answer.outcome


def page_of(client: Client, outcome: Outcome) -> str:
    return client.get(reverse("admin:metering_outcome_change", args=[outcome.pk])).content.decode()


def press(client: Client, button: str, outcome: Outcome, **form: str) -> Any:
    url = reverse(f"admin:metering_outcome_{button}", args=[outcome.pk])
    return client.post(url, {"_form_submitted": "1", "because": "They told us"} | form)


def now(outcome: Outcome) -> Outcome:
    return Outcome.objects.get(pk=outcome.pk)


def test_an_engineer_defines_an_outcome_and_changes_how_it_settles(engineer: Client) -> None:
    response = engineer.post(reverse("admin:metering_outcomedefinition_add"), DEFINITION)
    assert response.status_code == 302
    made = OutcomeDefinition.objects.get()
    assert (made.event_type, made.settlement_hours, made.counts_in) == ("outcome.resolved", 48, "occurred")
    assert (made.sources, made.evidence_required) == (["customer", "vendor"], False)
    page = reverse("admin:metering_outcomedefinition_change", args=[made.pk])
    changed = {**DEFINITION, "settlement_hours": "24", "evidence_required": "on", "key": "other", "scope": "day"}
    assert engineer.post(page, changed | {"because": "Faster"}).status_code == 302
    made.refresh_from_db()
    assert (made.settlement_hours, made.evidence_required, made.key, made.scope) == (24, True, "resolved", "customer")
    assert Change.objects.get(name="outcome_definition.revised").because == "Faster"


@pytest.mark.parametrize(
    "fields", [{"because": " "}, {"key": "no slug"}, {"settlement_hours": "-1"}, {"sources": ["x"]}, {"name": ""}]
)
def test_an_impossible_definition_is_said_on_the_form(engineer: Client, fields: dict[str, Any]) -> None:
    response = engineer.post(reverse("admin:metering_outcomedefinition_add"), DEFINITION | fields)
    assert response.status_code == 200
    assert response.context["errors"]
    assert not OutcomeDefinition.objects.exists()


def test_a_refused_definition_is_a_red_message(engineer: Client) -> None:
    url = reverse("admin:metering_outcomedefinition_add")
    assert engineer.post(url, DEFINITION | {"attribution_key": "value"}).status_code == 302
    assert "Every outcome has its own value" in engineer.get(url).content.decode()
    assert not OutcomeDefinition.objects.exists()


def test_without_outcomes_the_list_says_what_to_do(success: Client, resolution: OutcomeDefinition) -> None:
    assert "No outcome was reported yet" in success.get(reverse(LIST)).content.decode()


def test_the_list_counts_by_status_and_customer_and_says_what_settles_next(
    success: Client, resolution: OutcomeDefinition
) -> None:
    reported("1")
    reported("2", time=NOON - timedelta(hours=70))
    reported("3", customer_key="fabrikam")
    dispute(reported("4"), act=act())
    response = success.get(reverse(LIST))
    assert [(label, count) for _, label, count, _ in response.context["cards"]] == [
        ("Provisional", 3), ("Final", 0), ("Reversed", 0), ("Disputed", 1),
    ]  # fmt: skip
    assert response.context["next"] == "in 2\xa0hours"
    customers = [(key, standing.total, countdown) for key, standing, countdown in response.context["customers"]]
    assert customers == [("contoso", 3, "in 2\xa0hours"), ("fabrikam", 1, "in 3\xa0days")]
    shown = success.get(reverse(LIST), {"status__exact": "disputed"})
    assert [each.attribution for each in shown.context["cl"].result_list] == ["4"]
    found = success.get(reverse(LIST), {"q": "fabrikam"})
    assert [each.attribution for each in found.context["cl"].result_list] == ["3"]


def test_the_list_takes_the_same_queries_for_one_and_for_many(
    success: Client, resolution: OutcomeDefinition, django_assert_num_queries: Callable[..., Any]
) -> None:
    reported("1")
    with CaptureQueriesContext(connection) as first:
        success.get(reverse(LIST))
    reported("2")
    reported("3", customer_key="fabrikam")
    with django_assert_num_queries(len(first)):
        success.get(reverse(LIST))


def test_a_page_tells_what_happened_with_its_evidence(success: Client, resolution: OutcomeDefinition) -> None:
    evidence = Evidence("https://desk.example/1?a=<b>".replace("<b>", "b"), "sha256:abc", "<b>The transcript</b>")
    outcome = reported(evidence=[evidence])
    settle_due(act=act(NOON + WINDOW))
    page = page_of(success, outcome)
    assert 'href="https://desk.example/1?a=b" target="_blank" rel="noopener noreferrer nofollow"' in page
    assert "&lt;b&gt;The transcript&lt;/b&gt;" in page
    assert f"id={outcome.pk}%2Ffinal&amp;source=outcomes" in page or f"id={outcome.pk}%2Ffinal&source=outcomes" in page


def test_the_buttons_decide_with_a_reason(success: Client, resolution: OutcomeDefinition) -> None:
    outcome = reported()
    assert "Uphold" not in page_of(success, outcome)
    press(success, "dispute", outcome)
    assert now(outcome).status == "disputed"
    press(success, "uphold", outcome)
    assert now(outcome).status == "provisional"
    press(success, "attach", outcome, url="https://desk.example/1", hash="", note="")
    press(success, "reverse", outcome)
    assert now(outcome).status == "reversed"
    kinds = [(entry.kind, entry.by) for entry in outcome.entries.all()]
    assert kinds == [
        ("reported", "help desk"),
        ("disputed", "Cleo Success"),
        ("upheld", "Cleo Success"),
        ("evidence", "Cleo Success"),
        ("reversed", "Cleo Success"),
    ]
    assert Change.objects.get(name="outcome.reversed").because == "They told us"
    page = page_of(success, outcome)
    assert "Attach evidence" not in page


def test_a_link_that_is_none_is_said_in_the_dialog(success: Client, resolution: OutcomeDefinition) -> None:
    outcome = reported()
    response = press(success, "attach", outcome, url="javascript:alert(1)", hash="", note="")
    assert "An address begins with http" in response.content.decode()
    assert list(outcome.entries.values_list("kind", flat=True)) == ["reported"]


def test_an_engineer_reads_and_does_not_decide(engineer: Client, resolution: OutcomeDefinition) -> None:
    outcome = reported()
    assert "Reverse" not in page_of(engineer, outcome)
    assert press(engineer, "reverse", outcome).status_code == 403
    assert now(outcome).status == "provisional"
