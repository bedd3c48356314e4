"""The page of a rate card and the review of a version: figures, what is coming, the past, and who may see what."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog import operations
from catalog.models import Product, RateCard, RateCardVersion
from governance.clock import clock_set_to
from pricing.charges import Flat, Graduated, PerUnit, Tier, Volume
from tests.catalog.cards import APRIL, DEARER, MARCH, MAY, MILLION, TIERED, TIERED_SENTENCE, agree, by
from tests.catalog.conftest import Publish

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
WHY = {"because": "New prices"}


@pytest.fixture(autouse=True)
def in_april():
    with clock_set_to(APRIL):
        yield


def page(client: Client, thing: Any, **query: str) -> HttpResponse:
    return client.get(reverse(f"admin:catalog_{thing._meta.model_name}_change", args=[thing.pk]), query)


def dialog(client: Client, thing: Any, button: str) -> HttpResponse:
    return client.get(reverse(f"admin:catalog_{thing._meta.model_name}_{button}", args=[thing.pk]))


def press(client: Client, thing: Any, button: str, **typed: str) -> list[str]:
    """Confirm a button's dialog: the messages of the page it leads to, or the dialog's errors."""
    url = reverse(f"admin:catalog_{thing._meta.model_name}_{button}", args=[thing.pk])
    answer = client.post(url, {"_form_submitted": "1", **WHY, **typed})
    if "HX-Redirect" not in answer.headers:
        return [f"{name}: {error}" for name, errors in answer.context["form"].errors.items() for error in errors]
    return [str(message) for message in client.get(answer.headers["HX-Redirect"]).context["messages"]]


def costs(product: Product, cara: User, cost: str = "1.00") -> None:
    operations.set_cost(
        product, unit_cost=Decimal(cost), per=MILLION, currency="USD", since=MARCH, act=by(cara, "The cloud's bill")
    )


def submitted(draft: RateCardVersion, ann: User, cara: User) -> RateCardVersion:
    operations.submit_version(draft, warnings_accepted="Meant so", act=by(ann, at=APRIL))
    agree(draft, cara, APRIL)
    return RateCardVersion.objects.get(pk=draft.pk)


@pytest.fixture
def europe(card: RateCard, publish: Publish, fee: Product, ann: User, cara: User) -> RateCard:
    """A card eight percent below Standard USD that prices only the fee itself."""
    publish()
    europe = operations.create_rate_card(
        key="europe", name="Europe", currency="USD", base=card, region="EU", act=by(ann)
    )
    draft = operations.draft_version(europe, act=by(ann))
    operations.plan_version(draft, base_factor=Decimal("0.92"), act=by(ann))
    operations.set_rate(draft, fee, Flat(Decimal(20)), act=by(ann))
    operations.publish_version(submitted(draft, ann, cara), act=by(ann, at=APRIL))
    return europe


# ---------------------------------------------------------------- figures
def test_margin_at_list_is_shown_from_the_cost_of_the_day_to_those_who_may_see_it(
    signed_in: SignIn, card: RateCard, publish: Publish, tokens: Product, ann: User, ben: User, cara: User
) -> None:
    publish()
    costs(tokens, cara)
    operations.set_cost(
        tokens, unit_cost=Decimal("2.40"), per=MILLION, currency="USD", since=MAY, act=by(cara, "Dearer in May")
    )
    for person in (ann, cara):
        shown = page(signed_in(person), card).context["price_list"][0]
        assert shown.margin.high == Decimal(60)
        assert Decimal(50) < shown.margin.low < shown.margin.high
    answer = page(signed_in(ben), card)
    assert answer.context["price_list"][0].margin is None
    assert "Margin" not in answer.text
    assert page(signed_in(ann), card, at="2026-05-02T00:00").context["price_list"][0].margin.is_loss


def test_a_cost_in_another_currency_gives_no_margin(
    signed_in: SignIn, card: RateCard, publish: Publish, tokens: Product, ann: User, cara: User
) -> None:
    publish()
    operations.set_cost(tokens, unit_cost=Decimal(1), per=MILLION, currency="EUR", since=MARCH, act=by(cara))
    assert page(signed_in(ann), card).context["price_list"][0].margin is None


def test_the_curve_says_its_figures(signed_in: SignIn, card: RateCard, publish: Publish, ann: User) -> None:
    publish()
    curve = page(signed_in(ann), card).context["price_list"][0].curve
    assert "10,000,000 tokens: $25.00, $2.50 per million tokens" in curve
    assert 'class="total"' in curve


def test_inherited_prices_say_where_they_come_from(signed_in: SignIn, europe: RateCard, ann: User) -> None:
    answer = page(signed_in(ann), europe)
    fee, tokens = sorted(answer.context["price_list"], key=lambda shown: shown.row.product.key, reverse=True)
    assert (fee.row.sentence, fee.inherited_from) == ("$20.00 flat", "")
    assert tokens.inherited_from == "from Standard USD × 0.92"
    assert tokens.row.sentence == "First 10,000,000 at $2.30 per million, then $1.84 per million"
    base = page(signed_in(ann), RateCard.objects.get(key="standard-usd"))
    assert [heir.key for heir in base.context["heirs"]] == ["europe"]


def test_pages_take_the_same_queries_however_many_rates(
    signed_in: SignIn, card: RateCard, publish: Publish, tokens: Product, ann: User, cara: User
) -> None:
    client = signed_in(ann)
    publish()
    draft = operations.draft_version(card, act=by(ann, at=APRIL))
    operations.set_rate(draft, tokens, DEARER, act=by(ann, at=APRIL))

    def queries() -> list[int]:
        counted = []
        for answer in ({}, {"at": "2026-04-30T00:00"}):
            with CaptureQueriesContext(connection) as captured:
                assert page(client, card, **answer).status_code == 200
            counted.append(len(captured))
        with CaptureQueriesContext(connection) as captured:
            page(client, draft)
        return [*counted, len(captured)]

    queries()  # the first page of all fills caches
    with_one = queries()
    for number in range(4):
        product = operations.create_product(
            key=f"p{number}", name=f"Product {number}", kind="usage", meter=tokens.meter, unit="token", act=by(ann)
        )
        costs(product, cara)
        operations.set_rate(draft, product, TIERED, act=by(ann, at=APRIL))
    assert queries() == with_one


# ---------------------------------------------------------------- what is coming, what was
def test_the_draft_and_what_is_scheduled_stand_above_the_prices(
    signed_in: SignIn, card: RateCard, publish: Publish, tokens: Product, ann: User
) -> None:
    publish(PerUnit(Decimal("2.00"), MILLION))
    publish(DEARER, effective_from=MAY)
    draft = operations.draft_version(card, note="Back again", act=by(ann, at=APRIL))
    answer = page(signed_in(ann), card)
    told = [(each.standing, [shown.percent for shown in each.differences]) for each in answer.context["coming"]]
    assert told == [("draft", []), ("scheduled", ["+50 %"])]
    assert "takes effect on <strong>1 May 2026, 00:00 UTC</strong>" in answer.text
    # Planned for after the scheduled version, the draft would take its prices back.
    operations.plan_version(draft, planned_from=MAY + timedelta(days=9), act=by(ann, at=APRIL))
    review = page(signed_in(ann), draft)
    assert review.context["before"].number == 2
    assert [shown.percent for shown in review.context["difference"]] == ["−33 %"]


def test_a_past_price_is_shown_with_who_published_it_when_and_why(
    signed_in: SignIn, card: RateCard, publish: Publish, tokens: Product, fee: Product, ann: User, cara: User
) -> None:
    publish()
    draft = operations.draft_version(card, act=by(ann, "A fee", at=MARCH.replace(day=9)))
    operations.set_rate(draft, fee, Flat(Decimal(20)), act=by(ann, at=MARCH.replace(day=9)))
    operations.submit_version(draft, warnings_accepted="Meant so", act=by(ann, at=MARCH.replace(day=9)))
    agree(draft, cara, MARCH.replace(day=9))
    operations.publish_version(draft, act=by(ann, "A platform fee at last", at=MARCH.replace(day=9)))
    then = page(signed_in(ann), card, at="2026-03-20T10:00")
    told = {
        shown.row.product.key: (shown.since.version.number, shown.since.published.because)
        for shown in then.context["price_list"]
    }
    assert told == {"input-tokens": (1, "New prices"), "platform-fee": (2, "A platform fee at last")}
    earlier = page(signed_in(ann), card, at="2026-03-03T10:00")
    assert [shown.row.product.key for shown in earlier.context["price_list"]] == ["input-tokens"]
    assert "no prices were in force" in page(signed_in(ann), card, at="2026-02-01T00:00").text


@pytest.mark.parametrize("nonsense", ["yesterday", "2026-99-99T00:00", "9999-12-31T23:59:59+99:00", "x" * 300])
def test_an_instant_that_is_none_shows_the_present(
    signed_in: SignIn, card: RateCard, publish: Publish, ann: User, nonsense: str
) -> None:
    publish()
    answer = page(signed_in(ann), card, at=nonsense)
    assert (answer.status_code, answer.context["as_of"]) == (200, None)


def test_any_two_versions_are_compared_tier_by_tier(
    signed_in: SignIn, card: RateCard, publish: Publish, ben: User
) -> None:
    first = publish()
    finer = Graduated((Tier(MILLION, Decimal("2.50")), Tier(None, Decimal("1.90"))), MILLION)
    second = publish(finer, at=MARCH.replace(day=9))
    third = publish(DEARER, at=MARCH.replace(day=19))
    url = reverse("admin:catalog_ratecard_compare", args=[card.pk])
    answer = signed_in(ben).get(url, {"before": str(first.pk), "after": str(second.pk)})
    [shown] = answer.context["difference"]
    assert [(part.where, part.before, part.after) for part in shown.parts] == [
        ("up to 1,000,000", "$2.50 per million", "$2.50 per million"),
        ("1,000,000 to 10,000,000", "$2.50 per million", "$1.90 per million"),
        ("above 10,000,000", "$2.00 per million", "$1.90 per million"),
    ]
    usual = signed_in(ben).get(url)
    assert (usual.context["before"], usual.context["after"]) == (second, third)
    assert signed_in(ben).get(url, {"before": str(first.pk), "after": str(first.pk)}).context["difference"] == []
    assert signed_in(ben).get(url, {"before": "nonsense", "after": "x"}).status_code == 200


# ---------------------------------------------------------------- the verbs
def test_a_card_is_rolled_back_and_what_is_scheduled_is_named(
    signed_in: SignIn, card: RateCard, publish: Publish, ann: User
) -> None:
    first = publish()
    publish(DEARER, at=MARCH.replace(day=9))
    publish(PerUnit(Decimal("2.80"), MILLION), effective_from=MAY)
    operations.draft_version(card, act=by(ann, at=APRIL))
    client = signed_in(ann)
    asked = dialog(client, card, "roll_back")
    assert "<strong>Version 3</strong>, on 1 May 2026, 00:00 UTC" in asked.text
    assert [version.number for version in asked.context["form"].fields["to"].queryset] == [1]
    assert press(client, card, "roll_back", to=str(first.pk)) == [
        "Standard USD v4 is in force, with the prices of version 1."
    ]
    now = page(client, card)
    assert [shown.row.sentence for shown in now.context["price_list"]] == [TIERED_SENTENCE]
    assert [each.edition.standing for each in now.context["chapters"]] == [
        "draft", "scheduled", "in force", "superseded", "superseded",
    ]  # fmt: skip


def test_a_card_rolls_back_only_to_its_own_past(
    signed_in: SignIn, card: RateCard, publish: Publish, europe: RateCard, ann: User
) -> None:
    publish(DEARER, at=MARCH.replace(day=9))
    foreign = europe.versions.get(number=1)
    versions = RateCardVersion.objects.count()
    assert press(signed_in(ann), card, "roll_back", to=str(foreign.pk)) == [
        "to: Select a valid choice. That choice is not one of the available choices."
    ]
    assert RateCardVersion.objects.count() == versions


def test_a_card_is_described_anew(signed_in: SignIn, card: RateCard, ann: User) -> None:
    client = signed_in(ann)
    assert dialog(client, card, "describe").context["form"].initial["name"] == "Standard USD"
    typed = {"name": "World USD", "region": "World", "notice_days": "30", "is_public": "on"}
    assert press(client, card, "describe", **typed) == ["World USD is described anew."]
    card.refresh_from_db()
    assert (card.name, card.region, card.segment, card.notice_days, card.is_public) == (
        "World USD",
        "World",
        "",
        30,
        True,
    )


def test_a_draft_is_planned(signed_in: SignIn, draft: RateCardVersion, ann: User) -> None:
    client = signed_in(ann)
    assert "base_factor" not in dialog(client, draft, "plan").context["form"].fields
    typed = {"note": "Spring", "planned_from": "2026-05-01T00:00", "reach": "from_date"}
    typed |= {"existing_from": "2026-06-01T00:00", "publish_when_approved": "on"}
    assert press(client, draft, "plan", **typed) == ["Planned."]
    draft.refresh_from_db()
    assert (draft.planned_from, draft.existing_from.month, draft.publish_when_approved) == (MAY, 6, True)
    assert "New and existing contracts from 1 Jun 2026, 00:00 UTC" in page(client, draft).text
    assert dialog(client, draft, "plan").context["form"]["planned_from"].value().month == 5
    assert 'value="2026-05-01T00:00"' in dialog(client, draft, "plan").text


def test_a_plan_that_cannot_be_is_refused_in_red(signed_in: SignIn, draft: RateCardVersion, ann: User) -> None:
    typed = {"reach": "new_only", "existing_from": "2026-06-01T00:00"}
    assert press(signed_in(ann), draft, "plan", **typed) == [
        "Only a version that reaches existing contracts from a date has such a date."
    ]
    draft.refresh_from_db()
    assert (draft.reach, draft.existing_from) == ("from_date", None)


def test_the_factor_of_the_base_is_planned_where_there_is_one(signed_in: SignIn, europe: RateCard, ann: User) -> None:
    draft = operations.draft_version(europe, act=by(ann, at=APRIL))
    client = signed_in(ann)
    assert press(client, draft, "plan", reach="from_date", base_factor="0.9") == ["Planned."]
    draft.refresh_from_db()
    assert draft.base_factor == Decimal("0.9")
    shown = page(client, draft).context["fields"]
    assert [(field.field, field.before, field.after) for field in shown] == [("Base prices times", "0.92", "0.9")]


def test_warnings_are_told_before_submission_and_want_a_reason(
    signed_in: SignIn, draft: RateCardVersion, tokens: Product, ann: User
) -> None:
    cliff = Volume((Tier(MILLION, Decimal(3)), Tier(None, Decimal(2))), MILLION)
    operations.set_rate(draft, tokens, cliff, act=by(ann))
    client = signed_in(ann)
    warned = [found.rule for found in page(client, draft).context["findings"] if found.severity == "warning"]
    assert "volume_cliff" in warned
    assert all(rule in dialog(client, draft, "submit").text for rule in warned)
    assert press(client, draft, "submit") == ["warnings_accepted: This field is required."]
    draft.refresh_from_db()
    assert draft.status == "draft"
    assert press(client, draft, "submit", warnings_accepted="We know") == ["Sent for review; finance must agree."]
    assert "“We know”" in page(client, draft).text


# ---------------------------------------------------------------- the money
def test_the_blast_radius_comes_after_the_page_and_not_to_everybody(
    signed_in: SignIn, draft: RateCardVersion, ann: User, ben: User
) -> None:
    url = reverse("admin:catalog_ratecardversion_impact", args=[draft.pk])
    assert f'hx-get="{url}"' in page(signed_in(ann), draft).text
    assert "No contract follows this card" in signed_in(ann).get(url).text
    assert url not in page(signed_in(ben), draft).text
    assert signed_in(ben).get(url).status_code == 403
