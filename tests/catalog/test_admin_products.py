"""The pages of products, features, costs and selection rules: uses, refusals, and who sees costs."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from catalog import operations
from catalog.models import CostRate, Feature, FeatureGrant, Product, RateCard, RateCardVersion, SelectionRule
from contracts import operations as contracts
from governance.clock import clock_set_to
from governance.models import Change
from tests.catalog.cards import APRIL, DEARER, MARCH, MAY, TIERED_SENTENCE, agree, by
from tests.catalog.conftest import Publish

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
WHY = {"because": "New prices"}


@pytest.fixture(autouse=True)
def in_april():
    with clock_set_to(APRIL):
        yield


def page(client: Client, thing: Any) -> HttpResponse:
    return client.get(reverse(f"admin:catalog_{thing._meta.model_name}_change", args=[thing.pk]))


def press(client: Client, thing: Any, button: str, **typed: str) -> list[str]:
    """Confirm a button's dialog: the messages of the page it leads to, or the dialog's errors."""
    url = reverse(f"admin:catalog_{thing._meta.model_name}_{button}", args=[thing.pk])
    answer = client.post(url, {"_form_submitted": "1", **WHY, **typed})
    if answer.status_code == 403:
        return ["403"]
    if "HX-Redirect" not in answer.headers:
        return [f"{name}: {error}" for name, errors in answer.context["form"].errors.items() for error in errors]
    return [str(message) for message in client.get(answer.headers["HX-Redirect"]).context["messages"]]


# ---------------------------------------------------------------- products
def test_a_product_s_page_shows_every_card_that_prices_it(
    signed_in: SignIn, publish: Publish, card: RateCard, tokens: Product, ben: User, ann: User
) -> None:
    publish()
    publish(DEARER, effective_from=MAY)
    operations.draft_version(card, act=by(ann, at=APRIL))
    cards = page(signed_in(ben), tokens).context["cards"]
    assert [(row["standing"], row["sentence"]) for row in cards] == [
        ("In force", TIERED_SENTENCE),
        ("Scheduled", "$3.00 per million"),
        ("Draft", TIERED_SENTENCE),
    ]


def test_cards_that_inherit_a_price_are_named(
    signed_in: SignIn, publish: Publish, card: RateCard, tokens: Product, ann: User, cara: User
) -> None:
    publish()
    europe = operations.create_rate_card(key="europe", name="Europe", currency="USD", base=card, act=by(ann))
    draft = operations.draft_version(europe, act=by(ann))
    operations.submit_version(draft, warnings_accepted="Meant so", act=by(ann, at=APRIL))
    agree(draft, cara, APRIL)
    operations.publish_version(RateCardVersion.objects.get(pk=draft.pk), act=by(ann, at=APRIL))
    [row] = page(signed_in(ann), tokens).context["cards"]
    assert [heir.key for heir in row["heirs"]] == ["europe"]


def test_ann_adds_a_cost_and_cara_reads_it_but_ben_does_not(
    signed_in: SignIn, tokens: Product, ann: User, ben: User, cara: User
) -> None:
    typed = {"unit_cost": "0.90", "per": "1000000", "currency": "usd", "since": "2026-03-01T00:00", "dimensions": ""}
    assert press(signed_in(ann), tokens, "add_cost", **typed) == [
        "Input tokens costs $0.90 per 1,000,000 tokens from 1 March 2026, 00:00 UTC."
    ]
    later = typed | {"unit_cost": "1.08", "since": "2026-03-15T00:00"}
    press(signed_in(ann), tokens, "add_cost", **later)
    press(signed_in(ann), tokens, "add_cost", **later | {"unit_cost": "2", "dimensions": "model: large"})
    large, *rows = page(signed_in(cara), tokens).context["costs"]
    assert (large["what"], large["percent"]) == ("model large", "")
    assert [(row["what"], row["text"], row["percent"], row["is_now"]) for row in rows] == [
        ("all usage", "$1.08 per 1,000,000 tokens", "+20 %", True),
        ("all usage", "$0.90 per 1,000,000 tokens", "", False),
    ]
    assert press(signed_in(cara), tokens, "add_cost", **typed) == ["403"]
    answer = page(signed_in(ben), tokens)
    assert "What it costs us" not in answer.text
    assert "$1.08" not in answer.text
    assert signed_in(ben).get(reverse("admin:catalog_costrate_changelist")).status_code == 403
    assert "$1.08 per 1,000,000 tokens" in signed_in(cara).get(reverse("admin:catalog_costrate_changelist")).text


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"unit_cost": "-1"}, "unit_cost: Ensure this value is greater than or equal to 0."),
        ({"per": "0"}, "A cost is not negative, and given for more than nothing."),
        ({"currency": "XXX"}, "XXX is not a currency one can be billed in."),
        ({"dimensions": "large"}, "dimensions: Write it as “model: large, region: eu”."),
    ],
)
def test_a_cost_that_is_none_is_refused(
    signed_in: SignIn, tokens: Product, ann: User, typed: dict[str, str], sentence: str
) -> None:
    form = {"unit_cost": "1", "per": "1", "currency": "USD", "since": "", "dimensions": ""} | typed
    assert press(signed_in(ann), tokens, "add_cost", **form) == [sentence]
    assert CostRate.objects.count() == 0


def test_what_is_in_use_is_not_deleted_and_its_uses_are_listed(
    signed_in: SignIn, publish: Publish, tokens: Product, fee: Product, ann: User, ben: User
) -> None:
    publish()
    client = signed_in(ann)
    assert press(client, tokens, "delete_unused") == [
        "Input tokens is in use: Standard USD v1. Stop selling it instead."
    ]
    assert press(client, fee, "delete_unused") == ["Platform fee is deleted."]
    assert [product.key for product in Product.objects.all()] == ["input-tokens"]
    changes = Change.objects.count()
    assert press(signed_in(ben), tokens, "delete_unused") == ["403"]
    assert Change.objects.count() == changes


# ---------------------------------------------------------------- features
def test_a_feature_is_made_granted_and_linked_both_ways(signed_in: SignIn, fee: Product, ann: User) -> None:
    client = signed_in(ann)
    typed = {"name": "Requests a minute", "key": "rpm", "kind": "limit", "description": "", **WHY}
    client.post(reverse("admin:catalog_feature_add"), typed, follow=True)
    feature = Feature.objects.get(key="rpm")
    assert press(client, fee, "grant", feature=str(feature.pk), value="6000", window="cycle", is_hard="on") == [
        "Platform fee grants Requests a minute: 6,000."
    ]
    assert reverse("admin:catalog_feature_change", args=[feature.pk]) in page(client, fee).text
    assert reverse("admin:catalog_product_change", args=[fee.pk]) in page(client, feature).text
    assert press(client, feature, "delete_unused") == [
        "Requests a minute is granted by Platform fee; revoke it there first."
    ]
    assert press(client, fee, "revoke", feature=str(feature.pk)) == ["Platform fee grants Requests a minute no more."]
    assert press(client, feature, "delete_unused") == ["Requests a minute is deleted."]
    assert (Feature.objects.count(), FeatureGrant.objects.count()) == (0, 0)


# ---------------------------------------------------------------- selection rules
@pytest.fixture
def rules(card: RateCard, ann: User) -> list[SelectionRule]:
    """Europe gets its own card, everybody else the standard one."""
    europe = operations.create_rate_card(key="europe", name="Europe", currency="EUR", act=by(ann))
    return [
        operations.create_rule(name="Europe", card=europe, conditions={"region": ["EU", "CH"]}, act=by(ann)),
        operations.create_rule(name="Everybody", card=card, conditions={}, act=by(ann)),
    ]


def test_conditions_are_typed_and_read_as_words(
    signed_in: SignIn, rules: list[SelectionRule], card: RateCard, ann: User
) -> None:
    client = signed_in(ann)
    typed = {"name": "Partners", "card": str(card.pk), "channel": "reseller, marketplace", "country": " ", **WHY}
    assert client.post(reverse("admin:catalog_selectionrule_add"), typed).status_code == 302
    rule = SelectionRule.objects.get(name="Partners")
    assert (rule.position, rule.conditions) == (3, {"channel": ["reseller", "marketplace"]})
    assert "channel reseller or marketplace" in client.get(reverse("admin:catalog_selectionrule_changelist")).text
    form = page(client, rule).context["adminform"].form
    assert (form["channel"].value(), form["region"].value()) == ("reseller, marketplace", "")
    url = reverse("admin:catalog_selectionrule_change", args=[rule.pk])
    client.post(url, {**typed, "channel": "reseller", "segment": "startup", "is_active": "on"})
    rule.refresh_from_db()
    assert rule.conditions == {"segment": ["startup"], "channel": ["reseller"]}


def test_rules_are_reordered_and_deleted(signed_in: SignIn, rules: list[SelectionRule], ann: User, ben: User) -> None:
    client = signed_in(ann)
    assert press(client, rules[1], "ask_earlier") == ["“Everybody” is asked before “Europe” now."]
    assert [rule.name for rule in SelectionRule.objects.all()] == ["Everybody", "Europe"]
    assert press(client, rules[1], "ask_earlier") == [
        "Ask earlier is not possible any more: 1. Everybody has changed meanwhile."
    ]
    assert press(client, rules[1], "delete_rule") == ["Rule 1. Everybody is deleted."]
    assert press(signed_in(ben), rules[0], "delete_rule") == ["403"]
    assert [rule.name for rule in SelectionRule.objects.all()] == ["Europe"]


def test_the_rules_say_which_card_and_why(signed_in: SignIn, rules: list[SelectionRule], ann: User, ben: User) -> None:
    url = reverse("admin:catalog_selectionrule_explain")
    for key, region in (("contoso", "EU"), ("coho", "US")):
        contracts.create_customer(
            key=key, name=key.capitalize(), email=f"x@{key}.test", region=region, act=by(None, at=MARCH)
        )
    client = signed_in(ann)
    chosen = client.get(url, {"customer": "contoso"}).context["selection"]
    assert (chosen.card.key, len(chosen.steps)) == ("europe", 1)
    by_hand = client.get(url, {"region": "US"}).context["selection"]
    assert (by_hand.card.key, by_hand.steps[0]) == ("standard-usd", "1. Europe: no, region is US, not EU or CH.")
    several = client.get(url, {"customer": "co"}).context
    assert (several["selection"], [known.name for known in several["found"]]) == (None, ["Coho", "Contoso"])
    assert client.get(url).context["selection"] is None
    hidden = signed_in(ben).get(url, {"customer": "contoso"})  # Ben does not serve it
    assert (hidden.context["selection"], hidden.context["found"]) == (None, [])
