"""Who is on what: followers by the version they see, pins, quotes, and the lists that the catalog's figures lead to."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog import audience, uses
from catalog import operations as catalog
from catalog.audience import Question
from catalog.models import RateCardVersion
from contracts.models import Contract
from governance.clock import clock_set_to
from pricing.charges import PerUnit
from tests import cast

pytestmark = pytest.mark.django_db
THEN = cast.NOW + timedelta(days=30)
LATER = cast.NOW + timedelta(days=60)


@pytest.fixture(autouse=True)
def later():
    with clock_set_to(LATER):
        yield


@pytest.fixture
def followers(db: None) -> list[Contract]:
    """Contoso, which Ben brought, and Fabrikam, which he did not, both on the card from the start."""
    signed = [cast.signed_contract(follows_card=True), cast.signed_contract(to=fabrikam(), follows_card=True)]
    cast.signed_contract(to=cast.customer("tailspin"))
    return signed


def fabrikam() -> Any:
    return cast.contracts.create_customer(
        key="fabrikam", name="Fabrikam", email="ap@fabrikam.test", act=cast.act(because="Came by itself")
    )


def second_version(reach: str) -> RateCardVersion:
    """Dearer output tokens a month later, for whom the reach says."""
    ann = cast.act("ann", "New prices", THEN)
    draft = catalog.draft_version(cast.card(), act=ann)
    catalog.plan_version(draft, reach=reach, act=ann)
    dearer = PerUnit(Decimal(12), per=cast.MILLION)
    catalog.set_rate(draft, cast.product("output-tokens"), dearer, act=ann)
    draft = catalog.submit_version(draft, warnings_accepted="Meant so", act=ann)
    cast.approve_all(draft, "cara", THEN)
    return catalog.publish_version(RateCardVersion.objects.get(pk=draft.pk), act=ann)


def groups(username: str, version: RateCardVersion | None = None) -> dict[str, audience.Group]:
    question = Question(cast.card(), version, LATER, cast.person(username))
    return {group.title: group for group in audience.of(question)}


def listed(username: str, url: str) -> int:
    client = Client()
    client.force_login(cast.person(username), backend="django.contrib.auth.backends.ModelBackend")
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.context["cl"].result_count


def test_followers_stand_with_the_version_they_see_since_when_and_how(followers: list[Contract]) -> None:
    first = cast.standard_card()
    second = second_version("from_date")
    following = groups("ann")["contracts that follow"]
    assert (following.count, following.by_version) == (2, {2: 2})
    assert [(party.customer, party.since, party.how) for party in following.parties] == [
        ("Contoso Ltd", max(THEN, followers[0].start_at), "as an existing contract"),
        ("Fabrikam", max(THEN, followers[1].start_at), "as an existing contract"),
    ]
    assert groups("ann", second)["contracts that follow"].count == 2
    assert groups("ann", first)["contracts that follow"].count == 0
    pins = groups("ann", first)["contracts with pinned prices"]
    assert [party.how for party in pins.parties] == ["pinned Standard USD v1"]


def test_a_version_for_new_contracts_leaves_the_others_where_they_are(followers: list[Contract]) -> None:
    second = second_version("new_only")
    assert groups("ann")["contracts that follow"].by_version == {1: 2}
    assert groups("ann", second)["contracts that follow"].count == 0
    assert [party.how for party in groups("ann")["contracts that follow"].parties] == ["signed at these prices"] * 2


def test_every_figure_leads_to_a_list_as_long_as_it_says(followers: list[Contract]) -> None:
    cast.quote_for_contoso(title="Open")
    second = second_version("from_date")
    for username in ("ann", "ben"):
        for version in (None, second, cast.standard_card()):
            for group in groups(username, version).values():
                assert listed(username, group.url) == group.count, (username, version, group.title)
        for kind in uses.of(cast.product("input-tokens"), cast.person(username)):
            assert listed(username, kind.url) == len(kind.uses), (username, kind.title)
    for nonsense in ("x", "00000000-0000-0000-0000-000000000000"):
        for name in ("follows", "pins", "sells"):
            assert listed("ann", f"/admin/contracts/contract/?{name}={nonsense}") == 0
        for name in ("prices", "offers"):
            assert listed("ann", f"/admin/quoting/quote/?{name}={nonsense}") == 0


def test_a_rep_hears_of_the_customers_they_serve_alone(followers: list[Contract]) -> None:
    assert [party.customer for party in groups("ben")["contracts that follow"].parties] == ["Contoso Ltd"]
    assert groups("ben")["contracts that follow"].count == 1
    assert groups("eric") == {}
    found = uses.of(cast.product("input-tokens"), cast.person("ben"))
    assert not any("Fabrikam" in use.text for kind in found for use in kind.uses)
    everything = [use.text for kind in uses.of(cast.product("input-tokens")) for use in kind.uses]
    assert any("Fabrikam" in text for text in everything)
    assert audience.customers("fabrikam", cast.person("ben")) == []
    assert [known.name for known in audience.customers("fabri", cast.person("ann"))] == ["Fabrikam"]


def test_the_questions_are_as_many_for_many_contracts(db: None) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            groups("ann")
        return len(captured)

    cast.signed_contract(follows_card=True)
    count()
    with_one = count()
    for key in ("fourth", "wide", "coho"):
        cast.signed_contract(to=cast.customer(key), follows_card=True)
    assert count() == with_one
