"""The catalog's pages: what each person can do there, what is refused, and what the pages say."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog import operations
from catalog.models import Product, RateCard, RateCardVersion
from catalog.rate_forms import written
from governance.clock import clock_set_to
from governance.models import ApprovalRequest, Change
from governance.roles import FINANCE
from metering.models import Meter
from pricing.charges import Flat
from tests.catalog.cards import APRIL, DEARER, MARCH, MAY, TIERED, TIERED_SENTENCE, agree, by
from tests.catalog.conftest import Publish

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
WHY = {"because": "New prices"}
BUTTONS = ["submit", "publish", "reopen", "roll_back", "withdraw"]


@pytest.fixture(autouse=True)
def in_april():
    with clock_set_to(APRIL):
        yield


def page(client: Client, thing: Any) -> HttpResponse:
    return client.get(reverse(f"admin:catalog_{thing._meta.model_name}_change", args=[thing.pk]))


def press(client: Client, thing: Any, button: str, **typed: str) -> list[str]:
    """Confirm a button's dialog and return the messages of the page it leads to."""
    url = reverse(f"admin:catalog_{thing._meta.model_name}_{button}", args=[thing.pk])
    answer = client.post(url, {"_form_submitted": "1", "warnings_accepted": "Meant so", **WHY, **typed})
    if "HX-Redirect" not in answer.headers:
        return [str(answer.status_code)]
    return [str(message) for message in client.get(answer.headers["HX-Redirect"]).context["messages"]]


def rate_url(draft: RateCardVersion, product: Product | None = None) -> str:
    if product is None:
        return reverse("admin:catalog_rate_add", args=[draft.pk])
    return reverse("admin:catalog_rate_edit", args=[draft.pk, product.key])


# ---------------------------------------------------------------- the journey of a price
def test_ann_takes_a_price_from_product_to_publication(
    signed_in: SignIn, tokens: Product, ann: User, cara: User
) -> None:
    client = signed_in(ann)
    typed = {"name": "Standard USD", "key": "standard-usd", "currency": "usd", "notice_days": "0", **WHY}
    client.post(reverse("admin:catalog_ratecard_add"), typed, follow=True)
    card = RateCard.objects.get()
    assert press(client, card, "draft", note="Spring") == ["The next version of Standard USD is a draft."]
    draft = RateCardVersion.objects.get()
    rate = {
        "product": tokens.key,
        "charge": written(TIERED),
        "cycle_months": "1",
        **WHY,
    }
    answer = client.post(rate_url(draft), rate, follow=True)
    assert [str(message) for message in answer.context["messages"]] == [f"Input tokens: {TIERED_SENTENCE}."]
    assert press(client, draft, "submit") == ["Sent for review; finance must agree."]
    assert press(client, draft, "publish") == [
        "This needs approval first: finance (prices of Standard USD are to be published)."
    ]
    agree(draft, cara, APRIL)
    assert press(client, draft, "publish", effective_from="2026-05-01T00:00") == [
        "Standard USD v1 is published, in force from 1 May 2026, 00:00 UTC."
    ]
    draft.refresh_from_db()
    assert (card.currency, draft.status, draft.effective_from) == ("USD", "published", MAY)
    assert draft.rates.get().charge == TIERED


def test_an_empty_date_publishes_at_once(signed_in: SignIn, draft: RateCardVersion, ann: User, cara: User) -> None:
    operations.submit_version(draft, warnings_accepted="Meant so", act=by(ann))
    agree(draft, cara)
    press(signed_in(ann), draft, "publish")
    draft.refresh_from_db()
    assert draft.effective_from == APRIL


def test_ann_rolls_back_with_one_button(signed_in: SignIn, publish: Publish, card: RateCard, ann: User) -> None:
    first = publish()
    publish(DEARER, at=MARCH.replace(day=9))
    client = signed_in(ann)
    assert press(client, first, "roll_back") == ["Standard USD v3 is in force, with the prices of version 1."]
    assert TIERED_SENTENCE in page(client, card).text


def test_a_draft_is_reopened_edited_and_withdrawn(
    signed_in: SignIn, draft: RateCardVersion, fee: Product, ann: User
) -> None:
    client = signed_in(ann)
    press(client, draft, "submit")
    assert press(client, draft, "reopen") == ["It is a draft again."]
    typed = {"charge": written(Flat(Decimal("25.00"))), "cycle_months": "1", **WHY}
    client.post(rate_url(draft, fee), typed, follow=True)
    assert draft.rates.get(product=fee).charge.sentence("USD") == "$25.00 flat"
    client.post(rate_url(draft, fee), {**typed, "_remove": "1"}, follow=True)
    assert [rate.product.key for rate in draft.rates.all()] == ["input-tokens"]
    assert press(client, draft, "withdraw") == ["Withdrawn."]


def test_a_product_is_made_and_described_anew(signed_in: SignIn, ann: User, tokens: Product) -> None:
    client = signed_in(ann)
    typed = {"name": "GPU", "key": "gpu", "kind": "usage", "meter": str(tokens.meter_id), "unit": "hour"}
    typed |= {"revenue_account": "4000", "recognition": "as_delivered", "description": "", "tags": "gpu, eu", **WHY}
    assert client.post(reverse("admin:catalog_product_add"), typed).status_code == 302
    gpu = Product.objects.get(key="gpu")
    client.post(
        reverse("admin:catalog_product_change", args=[gpu.pk]), {**typed, "name": "GPU hours", "kind": "recurring"}
    )
    gpu.refresh_from_db()
    assert (gpu.name, gpu.kind, gpu.is_active, gpu.tags) == ("GPU hours", "usage", False, ["gpu", "eu"])
    assert [c.name for c in Change.objects.filter(subject_id=str(gpu.pk))] == ["product.created", "product.updated"]


def test_products_are_found_by_their_tags(signed_in: SignIn, ann: User, tokens: Product, fee: Product) -> None:
    client, listed = signed_in(ann), reverse("admin:catalog_product_changelist")
    typed = {"name": fee.name, "unit": "month", "revenue_account": "4000", "recognition": "as_delivered", **WHY}
    change = reverse("admin:catalog_product_change", args=[fee.pk])
    assert client.post(change, {**typed, "tags": "not a tag"}).status_code == 200
    client.post(change, {**typed, "tags": "fees", "is_active": "on"})
    for question in ("?tag=fees", "?q=fees"):
        assert list(client.get(listed + question).context["cl"].queryset) == [fee]


# ---------------------------------------------------------------- refusals
def test_refusals_are_red_messages_and_change_nothing(
    signed_in: SignIn, publish: Publish, card: RateCard, ann: User
) -> None:
    published = publish()
    client = signed_in(ann)
    for button, sentence in [
        ("withdraw", "Withdraw is not possible any more: Standard USD v1 has changed meanwhile."),
        ("roll_back", "Roll back to this is not possible any more: Standard USD v1 has changed meanwhile."),
        ("submit", "Submit for review is not possible any more: Standard USD v1 has changed meanwhile."),
        ("publish", "Publish is not possible any more: Standard USD v1 has changed meanwhile."),
        ("reopen", "Reopen is not possible any more: Standard USD v1 has changed meanwhile."),
    ]:
        assert press(client, published, button) == [sentence]
    operations.draft_version(card, act=by(ann, at=APRIL))
    assert press(client, card, "draft") == [
        "Draft next version is not possible any more: Standard USD has changed meanwhile."
    ]
    assert list(RateCardVersion.objects.order_by("number").values_list("status", flat=True)) == [
        "published",
        "draft",
    ]


def test_ann_cannot_approve_her_own_publication(signed_in: SignIn, draft: RateCardVersion, ann: User) -> None:
    client = signed_in(ann)
    press(client, draft, "submit")
    request = ApprovalRequest.objects.get()
    url = reverse("admin:governance_approvalrequest_approve", args=[request.pk])
    assert client.post(url, {"_form_submitted": "1", **WHY}).status_code == 403
    ann.groups.add(Group.objects.get(name=FINANCE))
    assert client.post(url, {"_form_submitted": "1", **WHY}).headers["HX-Redirect"]
    request.refresh_from_db()
    assert request.status == "pending"


def test_a_reason_is_needed(signed_in: SignIn, draft: RateCardVersion, ann: User) -> None:
    assert press(signed_in(ann), draft, "submit", because="  ") == ["200"]
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_rates_of_a_version_that_is_no_draft_are_refused(
    signed_in: SignIn, publish: Publish, tokens: Product, ann: User
) -> None:
    published = publish()
    typed = {"charge": written(DEARER), "cycle_months": "1", **WHY}
    answer = signed_in(ann).post(rate_url(published, tokens), typed)
    assert "A published version never changes; draft a new one." in answer.text
    assert published.rates.get().charge == TIERED


def test_versions_are_not_deleted_or_edited_by_hand(signed_in: SignIn, draft: RateCardVersion, ann: User) -> None:
    client = signed_in(ann)
    for thing in (draft, draft.card, draft.rates.first().product):
        url = reverse(f"admin:catalog_{thing._meta.model_name}_delete", args=[thing.pk])
        assert client.post(url, {"post": "yes"}).status_code == 403
    assert client.get(reverse("admin:catalog_ratecardversion_add")).status_code == 403
    url = reverse("admin:catalog_ratecardversion_change", args=[draft.pk])
    assert client.post(url, {"note": "x", "status": "published"}).status_code == 403
    draft.refresh_from_db()
    assert (draft.note, draft.status) == ("First prices", "draft")


def test_a_price_that_does_not_fit_the_product_is_told_above_the_form(
    signed_in: SignIn, draft: RateCardVersion, tokens: Product, ann: User
) -> None:
    typed = {"charge": written(Flat(Decimal(5))), "cycle_months": "1", **WHY}
    answer = signed_in(ann).post(rate_url(draft, tokens), typed)
    assert "Input tokens is measured; it needs a price per unit, not one that ignores what was used." in answer.text
    assert draft.rates.get(product=tokens).charge == TIERED


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"kind": "usage"}, "meter", "A usage product needs the meter that measures it."),
        ({"kind": "recurring", "meter": "tokens"}, "meter", "Only usage products have a meter; leave this empty."),
        ({"kind": "recurring", "key": "input-tokens"}, "key", "Product with this Key already exists."),
    ],
)
def test_a_mistyped_product_is_told_next_to_its_field(
    signed_in: SignIn, tokens: Product, ann: User, typed: dict, field: str, sentence: str
) -> None:
    if "meter" in typed:
        typed = {**typed, "meter": str(Meter.objects.get().pk)}
    form = {
        "name": "New",
        "key": "new",
        "unit": "unit",
        "revenue_account": "4000",
        **WHY,
        "recognition": "on_invoice",
        **typed,
    }
    answer = signed_in(ann).post(reverse("admin:catalog_product_add"), form)
    assert answer.context["adminform"].form.errors[field] == [sentence]
    assert Product.objects.count() == 1


def test_a_rate_card_in_no_currency_is_refused(signed_in: SignIn, ann: User) -> None:
    typed = {"name": "Moon", "key": "moon", "currency": "XXX", "notice_days": "0", **WHY}
    answer = signed_in(ann).post(reverse("admin:catalog_ratecard_add"), typed)
    assert answer.context["adminform"].form.errors == {"currency": ["XXX is not a currency one can be billed in."]}
    assert RateCard.objects.count() == 0


# ---------------------------------------------------------------- who may what
def test_ben_reads_prices_and_changes_nothing(
    signed_in: SignIn, draft: RateCardVersion, tokens: Product, ben: User
) -> None:
    client = signed_in(ben)
    text = page(client, draft).text
    assert TIERED_SENTENCE in text
    assert "Submit for review" not in text
    assert rate_url(draft, tokens) not in text
    changes = Change.objects.count()
    assert [press(client, draft, button) for button in BUTTONS] == [["403"]] * len(BUTTONS)
    assert press(client, draft.card, "draft") == ["403"]
    for url in (rate_url(draft), rate_url(draft, tokens)):
        assert client.post(url, WHY).status_code == 403
    for model in ("product", "ratecard"):
        assert client.post(reverse(f"admin:catalog_{model}_add"), WHY).status_code == 403
    assert client.post(reverse("admin:catalog_product_change", args=[tokens.pk]), WHY).status_code == 403
    assert Change.objects.count() == changes


def test_eve_sees_nothing_at_all(signed_in: SignIn, draft: RateCardVersion, tokens: Product, eve: User) -> None:
    client = signed_in(eve)
    for thing in (draft, draft.card, tokens):
        assert page(client, thing).status_code == 403
    for model in ("product", "ratecard", "ratecardversion"):
        assert client.get(reverse(f"admin:catalog_{model}_changelist")).status_code == 403
    for button in BUTTONS:
        assert press(client, draft, button) == ["403"]
    assert client.get(rate_url(draft)).status_code == 403


def test_cara_may_agree_but_not_publish(signed_in: SignIn, draft: RateCardVersion, ann: User, cara: User) -> None:
    operations.submit_version(draft, warnings_accepted="Meant so", act=by(ann))
    client = signed_in(cara)
    assert (
        reverse("admin:governance_approvalrequest_change", args=[ApprovalRequest.objects.get().pk])
        in page(client, draft).text
    )
    assert press(client, draft, "publish") == ["403"]


# ---------------------------------------------------------------- what the pages say
def test_the_card_shows_the_prices_in_force_and_as_of_another_day(
    signed_in: SignIn, card: RateCard, publish: Publish, ben: User
) -> None:
    publish()
    publish(DEARER, at=MARCH.replace(day=9))
    client = signed_in(ben)
    now = page(client, card)
    assert [shown.row.sentence for shown in now.context["price_list"]] == ["$3.00 per million"]
    assert [chapter.edition.standing for chapter in now.context["chapters"]] == ["in force", "superseded"]
    then = client.get(reverse("admin:catalog_ratecard_change", args=[card.pk]), {"at": "2026-03-03T10:00"})
    assert [shown.row.sentence for shown in then.context["price_list"]] == [TIERED_SENTENCE]
    assert "on 3 March 2026, 10:00 UTC: version 1" in then.text


def test_a_draft_shows_its_difference_to_the_prices_in_force(
    signed_in: SignIn, card: RateCard, publish: Publish, tokens: Product, ann: User
) -> None:
    publish()
    draft = operations.draft_version(card, act=by(ann, at=APRIL))
    operations.set_rate(draft, tokens, DEARER, act=by(ann, at=APRIL))
    shown = page(signed_in(ann), draft)
    assert [(each.row.product.key, each.row.kind) for each in shown.context["difference"]] == [
        ("input-tokens", "changed")
    ]
    assert "Will be asked on submission" in shown.text


def test_the_history_of_a_version_says_who_and_why(signed_in: SignIn, draft: RateCardVersion, ann: User) -> None:
    answer = signed_in(ann).get(reverse("admin:catalog_ratecardversion_history", args=[draft.pk]))
    assert [entry["change"].name for entry in answer.context["entries"]] == [
        "rate_card.rate_set",
        "rate_card.rate_set",
        "rate_card.drafted",
    ]


@pytest.mark.parametrize("model", ["ratecard", "product", "ratecardversion"])
def test_lists_take_the_same_queries_however_long(signed_in: SignIn, ann: User, model: str) -> None:
    client, url = signed_in(ann), reverse(f"admin:catalog_{model}_changelist")

    def add(number: int) -> None:
        card = operations.create_rate_card(key=f"c{number}", name="C", currency="USD", act=by(ann))
        operations.draft_version(card, act=by(ann))
        operations.create_product(key=f"p{number}", name="P", kind="recurring", act=by(ann))

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(url)
        return len(captured)

    add(1)
    queries()  # the first page of all fills caches
    with_one = queries()
    add(2)
    add(3)
    assert queries() == with_one
