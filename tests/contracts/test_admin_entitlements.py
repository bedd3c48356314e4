"""What customers may use, on their page, on a feature's, and overrides and trials as acts with a reason."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog.operations import delete_feature
from contracts.models import Contract, EntitlementOverride
from contracts.operations import override_entitlement
from governance.clock import clock_set_to
from governance.models import Change
from tests import cast
from tests.contracts.test_entitled import AT, contract, feature, use
from tests.refusals import refused

__all__ = ["contract"]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def in_march():
    with clock_set_to(AT):
        yield


def client_of(who: str) -> Client:
    client = Client()
    client.force_login(cast.person(who))
    return client


def page(thing: Any, who: str = "cleo") -> str:
    url = reverse(f"admin:{thing._meta.label_lower.replace('.', '_')}_change", args=[thing.pk])
    return client_of(who).get(url).text


def press(who: str, thing: Any, button: str, **typed: str) -> list[str]:
    url = reverse(f"admin:{thing._meta.label_lower.replace('.', '_')}_{button}", args=[thing.pk])
    client = client_of(who)
    answer = client.post(url, {"_form_submitted": "1", "because": "They asked", **typed})
    if "HX-Redirect" not in answer.headers:
        return [f"{name}: {text}" for name, texts in answer.context["form"].errors.items() for text in texts]
    return [str(each) for each in client.get(answer.headers["HX-Redirect"]).context["messages"]]


def test_a_customers_page_says_what_it_may_use_and_why(contract: Contract) -> None:
    feature("tokens", seats={"value": "100", "is_per_seat": True, "window": "week", "is_hard": False})
    feature("places", "limit", platform_fee={"value": "5"})
    feature("sso", "boolean", platform_fee={})
    use(250)
    with clock_set_to(AT):
        rows = (
            client_of("cleo")
            .get(reverse("admin:contracts_customer_change", args=[contract.customer_id]))
            .context["may_use"]
        )
    assert [(each.name, each.has, list(each.sources)) for each in rows] == [
        ("Places", "", [f"Platform fee in {contract.number}"]),
        ("Sso", "yes", [f"Platform fee in {contract.number}"]),
        ("Tokens", "", [f"Seats in {contract.number}"]),
    ]
    (places,), (tokens,) = rows[0].allowances, rows[2].allowances
    assert (places.has, places.used, places.percent) == ("5", "", None)
    assert (tokens.has, tokens.used, tokens.left, tokens.percent, tokens.resets) == (
        "1,000 a week, then overage",
        "250",
        "750",
        25,
        "23 Mar 2026, 00:00",
    )


def test_an_override_is_given_with_a_reason_and_ended(contract: Contract) -> None:
    made = feature("places", "limit", platform_fee={"value": "5"})
    typed = {"feature": str(made.pk), "value": "50", "window": "cycle", "is_hard": "on"}
    press("cleo", contract.customer, "override_entitlement", **typed)
    row = EntitlementOverride.objects.get()
    assert (row.value, row.reason, row.start_at, row.end_at) == ("50", "They asked", AT, None)
    assert Change.objects.get(name="entitlement.overridden").because == "They asked"
    assert "override: They asked" in page(contract.customer)
    with clock_set_to(AT + timedelta(hours=1)):
        press("cleo", row, "end")
    row.refresh_from_db()
    assert row.end_at == AT + timedelta(hours=1)


def test_what_no_feature_can_have_is_said_next_to_the_field(contract: Contract) -> None:
    made = feature("places", "limit")
    typed = {"feature": str(made.pk), "value": "many", "window": "day", "is_trial": "on"}
    assert press("cleo", contract.customer, "override_entitlement", **typed) == [
        "value: Say how much: a number in plain digits, or “unlimited”.",
        "window: Only a metered allowance has a window.",
        "end_at: A trial has an end.",
    ]
    assert not EntitlementOverride.objects.exists()


def test_a_features_page_says_who_has_it_and_why(contract: Contract) -> None:
    made = feature("places", "limit", platform_fee={"value": "5"})
    cast.customer("northwind")
    trial = {"is_trial": True, "end_at": AT + timedelta(days=1)}
    override_entitlement(contract.customer, made, value="2", **trial, act=cast.act("cleo", "To try", AT))
    text = page(made, "ann")
    assert f"Contoso: 7 (Platform fee in {contract.number}; trial, until 19 Mar 2026, 12:00: To try)" in text
    assert "Northwind" not in text
    assert "Places of Contoso: To try" in text
    assert "Contoso" not in page(made, "eric")


def test_a_feature_that_was_given_to_somebody_stays(contract: Contract) -> None:
    made = feature("sso", "boolean")
    override_entitlement(contract.customer, made, act=cast.act("cleo", "To try", AT))
    with refused("was given to somebody: .*Sso of Contoso: To try"):
        delete_feature(made, act=cast.act("ann"))
