"""The home page and the sidebar: for each role what it may see, and nothing that does not open."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from config.cast import CAST
from tests import cast


def sidebar(client: Client) -> dict[str, str]:
    groups = client.get("/admin/").context["sidebar_navigation"]
    return {item["title"]: str(item["link"]) for group in groups for item in group["items"]}


@pytest.mark.parametrize("username", [person.username for person in CAST])
def test_every_link_of_the_sidebar_opens(client: Client, db: None, username: str) -> None:
    client.force_login(cast.person(username))
    links = sidebar(client)
    assert {title: client.get(link).status_code for title, link in links.items()} == dict.fromkeys(links, 200)


def test_a_rep_is_offered_what_is_a_reps(client: Client, ben: User) -> None:
    client.force_login(ben)
    assert list(sidebar(client)) == [
        "Home", "Quotes", "Customers", "Contracts", "Amendments", "Renewals", "Custom fields", "Overrides and trials",
        "Products", "Rate cards", "Packages", "Features", "Selection rules", "Invoices", "Credit notes", "Payments",
        "Unpriced usage", "Approvals",
    ]  # fmt: skip


def test_home_names_what_waits_for_whom(client: Client, dee: User, ben: User) -> None:
    cast.quoting.submit(cast.quote_for_contoso(), act=cast.act("ben", "Ready"))
    client.force_login(dee)
    assert [request.why for request in client.get("/admin/").context["approvals"]] == ["15 % off usage"]
    client.force_login(ben)
    context = client.get("/admin/").context
    assert context["approvals"] == []
    assert [str(offer) for offer in context["offers"]] == ["Q-2025-0001 v1"]


def test_a_company_without_revenue_has_no_chart(client: Client, cara: User) -> None:
    client.force_login(cara)
    answer = client.get("/admin/")
    assert answer.context["chart"] == ""
    assert [card["figure"] for card in answer.context["figures"]] == ["$0.00", "$0.00", "0", "0", "0"]
