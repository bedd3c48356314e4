"""Drafting, reviewing, publishing, withdrawing and rolling back; each refusal leaves nothing behind."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from catalog import operations
from catalog.models import Product, Rate, RateCard, RateCardVersion
from catalog.queries import version_at
from governance import approvals
from governance.acts import Refused
from governance.models import ApprovalRequest, Change
from pricing.charges import Flat, PerUnit
from tests.catalog.cards import APRIL, DEARER, MARCH, MAY, TIERED, agree, by
from tests.catalog.conftest import Publish

pytestmark = pytest.mark.django_db


def test_a_version_goes_from_draft_through_approval_to_published(draft: RateCardVersion, ann: User, cara: User) -> None:
    submitted = operations.submit_version(draft, act=by(ann))
    agree(submitted, cara)
    published = operations.publish_version(submitted, effective_from=APRIL, act=by(ann))
    assert (published.status, published.number, published.effective_from) == ("published", 1, APRIL)
    names = Change.objects.filter(subject_id=str(draft.pk)).order_by("id").values_list("name", flat=True)
    assert list(names) == [
        "rate_card.drafted",
        "rate_card.rate_set",
        "rate_card.rate_set",
        "rate_card.submitted",
        "approval.requested",
        "rate_card.published",
    ]


def test_a_draft_starts_with_the_rates_in_force(card: RateCard, publish: Publish, ann: User) -> None:
    published = publish()
    draft = operations.draft_version(card, act=by(ann, at=APRIL))
    assert [rate.charge for rate in draft.rates.all()] == [rate.charge for rate in published.rates.all()]
    assert draft.number is None


def test_a_card_has_one_live_draft(draft: RateCardVersion, ann: User) -> None:
    with pytest.raises(Refused, match="already has a version draft"):
        operations.draft_version(draft.card, act=by(ann))
    operations.submit_version(draft, act=by(ann))
    with pytest.raises(Refused, match="already has a version in review"):
        operations.draft_version(draft.card, act=by(ann))
    assert RateCardVersion.objects.count() == 1


def test_setting_a_rate_again_replaces_it(draft: RateCardVersion, tokens: Product, ann: User) -> None:
    operations.set_rate(draft, tokens, DEARER, act=by(ann))
    assert draft.rates.get(product=tokens).charge == DEARER
    assert draft.rates.count() == 2


def test_a_rate_can_be_taken_off_a_draft(draft: RateCardVersion, tokens: Product, ann: User) -> None:
    operations.remove_rate(draft, tokens, act=by(ann))
    assert [rate.product.key for rate in draft.rates.all()] == ["platform-fee"]
    with pytest.raises(Refused, match="no rate in this draft"):
        operations.remove_rate(draft, tokens, act=by(ann))


@pytest.mark.parametrize(
    ("product", "charge", "terms", "why"),
    [
        ("input-tokens", Flat(Decimal(5)), {}, "is measured; it needs a price per unit"),
        ("input-tokens", DEARER, {"in_advance": True}, "only be billed in arrears"),
        ("input-tokens", DEARER, {"cycle_months": 0}, "at least one month"),
        ("platform-fee", Flat(Decimal(5)), {"cycle_months": 0}, "at least one month"),
    ],
)
def test_a_price_that_could_not_be_billed_is_refused(
    draft: RateCardVersion, ann: User, product: str, charge: Flat | PerUnit, terms: dict, why: str
) -> None:
    before = list(Rate.objects.values_list("product__key", "charge"))
    with pytest.raises(Refused, match=why):
        operations.set_rate(draft, Product.objects.get(key=product), charge, **terms, act=by(ann))
    assert list(Rate.objects.values_list("product__key", "charge")) == before


def test_a_product_sold_once_has_no_cycle(draft: RateCardVersion, ann: User) -> None:
    setup = operations.create_product(key="setup", name="Setup", kind="one_time", act=by(ann))
    with pytest.raises(Refused, match="sold once; its cycle is 0 months"):
        operations.set_rate(draft, setup, Flat(Decimal(500)), act=by(ann))
    rate = operations.set_rate(draft, setup, Flat(Decimal(500)), cycle_months=0, act=by(ann))
    assert rate.cycle_months == 0


def test_an_empty_draft_is_not_submitted(card: RateCard, ann: User) -> None:
    draft = operations.draft_version(card, act=by(ann))
    with pytest.raises(Refused, match="no rates yet"):
        operations.submit_version(draft, act=by(ann))
    assert (RateCardVersion.objects.get().status, ApprovalRequest.objects.count()) == ("draft", 0)


def test_a_machine_cannot_ask_for_approval(draft: RateCardVersion) -> None:
    with pytest.raises(Refused, match="signed-in person"):
        operations.submit_version(draft, act=by(None))
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_rates_rest_while_their_version_is_in_review(draft: RateCardVersion, tokens: Product, ann: User) -> None:
    operations.submit_version(draft, act=by(ann))
    with pytest.raises(Refused, match="in review; reopen it"):
        operations.set_rate(draft, tokens, DEARER, act=by(ann))
    with pytest.raises(Refused, match="in review; reopen it"):
        operations.remove_rate(draft, tokens, act=by(ann))
    assert draft.rates.get(product=tokens).charge == TIERED


def test_nothing_is_published_without_approval(draft: RateCardVersion, ann: User) -> None:
    with pytest.raises(Refused, match="is draft and cannot become published"):
        operations.publish_version(draft, effective_from=APRIL, act=by(ann))
    operations.submit_version(draft, act=by(ann))
    with pytest.raises(Refused, match="needs approval first: finance"):
        operations.publish_version(draft, effective_from=APRIL, act=by(ann))
    draft.refresh_from_db()
    assert (draft.status, draft.number, draft.effective_from) == ("in_review", None, None)


def test_nobody_approves_their_own_publication(draft: RateCardVersion, ann: User) -> None:
    operations.submit_version(draft, act=by(ann))
    request = ApprovalRequest.objects.get()
    with pytest.raises(Refused, match="You asked for this approval"):
        approvals.approve(request, act=by(ann))
    request.refresh_from_db()
    assert (request.status, request.decided_by) == ("pending", None)


def test_whoever_edited_the_draft_cannot_approve_it(
    draft: RateCardVersion, tokens: Product, ann: User, cara: User
) -> None:
    operations.set_rate(draft, tokens, DEARER, act=by(cara))
    operations.submit_version(draft, act=by(ann))
    with pytest.raises(Refused, match="You have edited"):
        approvals.approve(ApprovalRequest.objects.get(), act=by(cara))


def test_a_price_changed_after_approval_needs_approval_again(
    draft: RateCardVersion, tokens: Product, ann: User, cara: User
) -> None:
    operations.submit_version(draft, act=by(ann))
    agree(draft, cara)
    operations.reopen_version(draft, act=by(ann))
    operations.set_rate(draft, tokens, DEARER, act=by(ann))
    operations.submit_version(draft, act=by(ann))
    with pytest.raises(Refused, match="needs approval first"):
        operations.publish_version(draft, effective_from=APRIL, act=by(ann))
    states = ApprovalRequest.objects.order_by("requested_at", "status").values_list("status", flat=True)
    assert sorted(states) == ["pending", "superseded"]


def test_an_approval_stands_when_nothing_changed_meanwhile(draft: RateCardVersion, ann: User, cara: User) -> None:
    operations.submit_version(draft, act=by(ann))
    agree(draft, cara)
    operations.reopen_version(draft, act=by(ann))
    operations.submit_version(draft, act=by(ann))
    assert operations.publish_version(draft, effective_from=APRIL, act=by(ann)).status == "published"


def test_reopening_takes_the_question_back(draft: RateCardVersion, ann: User) -> None:
    operations.submit_version(draft, act=by(ann))
    assert operations.reopen_version(draft, act=by(ann)).status == "draft"
    assert ApprovalRequest.objects.get().status == "superseded"


def test_two_versions_do_not_take_effect_at_one_instant(publish: Publish, ann: User) -> None:
    publish(effective_from=MAY)
    with pytest.raises(Refused, match="Version 1 takes effect at that very instant"):
        publish(DEARER, effective_from=MAY)
    assert RateCardVersion.objects.filter(status="published").count() == 1


def test_a_published_version_is_not_edited(publish: Publish, tokens: Product, ann: User) -> None:
    published = publish()
    with pytest.raises(Refused, match="never changes; draft a new one"):
        operations.set_rate(published, tokens, DEARER, act=by(ann))
    with pytest.raises(Refused, match="cannot become draft"):
        operations.reopen_version(published, act=by(ann))
    assert published.rates.get().charge == TIERED


def test_scheduled_prices_can_be_withdrawn(card: RateCard, publish: Publish, ann: User) -> None:
    first, second = publish(), publish(DEARER, effective_from=MAY)
    operations.withdraw_version(second, act=by(ann, at=APRIL))
    assert version_at(card, MAY) == first


def test_prices_in_force_are_not_withdrawn(publish: Publish, ann: User) -> None:
    published = publish()
    with pytest.raises(Refused, match="have taken effect; roll back"):
        operations.withdraw_version(published, act=by(ann))
    published.refresh_from_db()
    assert published.status == "published"


def test_giving_up_a_version_in_review_takes_its_question_back(draft: RateCardVersion, ann: User) -> None:
    operations.submit_version(draft, act=by(ann))
    operations.withdraw_version(draft, act=by(ann))
    assert ApprovalRequest.objects.get().status == "superseded"
    assert operations.draft_version(draft.card, act=by(ann)).status == "draft"


def test_roll_back_puts_the_old_prices_in_force_at_once(card: RateCard, publish: Publish, ann: User) -> None:
    first, second = publish(), publish(DEARER, at=APRIL)
    scheduled = publish(PerUnit(Decimal(4)), at=APRIL, effective_from=MAY.replace(day=20))
    draft = operations.draft_version(card, act=by(ann, at=APRIL))
    restored = operations.roll_back(card, to=first, act=by(ann, "Too dear", MAY))
    assert (restored.number, restored.restores, restored.effective_from) == (4, first, MAY)
    assert [rate.charge for rate in restored.rates.all()] == [TIERED]
    assert [version_at(card, at) for at in (MARCH, APRIL, MAY)] == [first, second, restored]
    assert version_at(card, MAY.replace(day=20)) == scheduled
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_only_what_was_in_force_can_be_put_back(card: RateCard, publish: Publish, ann: User) -> None:
    first = publish()
    scheduled = publish(DEARER, effective_from=MAY)
    draft = operations.draft_version(card, act=by(ann, at=APRIL))
    other = operations.create_rate_card(key="eu", name="EU", currency="EUR", act=by(ann))
    for to, why in [
        (scheduled, "has been in force"),
        (draft, "has been in force"),
        (first, "already in force"),
    ]:
        with pytest.raises(Refused, match=why):
            operations.roll_back(card, to=to, act=by(ann, at=APRIL))
    with pytest.raises(Refused, match="another rate card"):
        operations.roll_back(other, to=first, act=by(ann, at=APRIL))
    assert RateCardVersion.objects.filter(restores__isnull=False).count() == 0


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"key": "platform-fee", "kind": "recurring"}, "already a product with the key"),
        ({"key": "calls", "kind": "usage"}, "needs the meter"),
        ({"key": "calls", "kind": "barter"}, "is one of: usage, recurring, one_time"),
    ],
)
def test_a_product_that_makes_no_sense_is_refused(ann: User, fee: Product, fields: dict, why: str) -> None:
    with pytest.raises(Refused, match=why):
        operations.create_product(**fields, name="Calls", act=by(ann))
    assert Product.objects.count() == 1


def test_only_usage_products_have_a_meter(ann: User, tokens: Product) -> None:
    with pytest.raises(Refused, match="Only usage products have a meter"):
        operations.create_product(key="fee", name="Fee", kind="recurring", meter=tokens.meter, act=by(ann))
    assert Product.objects.count() == 1


def test_a_rate_card_needs_a_free_key_and_a_real_currency(ann: User, card: RateCard) -> None:
    with pytest.raises(Refused, match="XXX is not a currency"):
        operations.create_rate_card(key="other", name="Other", currency="XXX", act=by(ann))
    with pytest.raises(Refused, match="already a rate card with the key standard-usd"):
        operations.create_rate_card(key="standard-usd", name="Again", currency="USD", act=by(ann))
    assert RateCard.objects.count() == 1
