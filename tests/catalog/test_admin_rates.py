"""The pages of a price: what they begin with, what they are told while one types, and what they save."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from catalog import operations, presets
from catalog.models import Product, Rate, RateCard, RateCardVersion
from catalog.rate_forms import written
from governance.clock import clock_set_to
from governance.models import Change
from metering.models import Meter
from pricing.charges import Charge, Flat, PerGroup, PerUnit, PerWindow, Tier, Volume, load
from tests.catalog.cards import APRIL, DEARER, MILLION, TIERED, TIERED_SENTENCE, by
from tests.catalog.conftest import Publish

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
WHY = {"because": "New prices"}
BILLED = {"cycle_months": "1", **WHY}
RUNS = {
    "new_name": "Agent runs", "new_key": "agent-runs", "new_kind": "usage", "new_unit": "run",
    "event_type": "agent.run", "aggregation": "count", "property": "",
    "charge": written(PerUnit(Decimal("0.50"))), **BILLED,
}  # fmt: skip


ONE_EACH = PerUnit(Decimal(1))


def body_of(charge: Charge, trial: dict[str, Any], **more: Any) -> str:
    return json.dumps({"text": written(charge), "trial": trial, **more})


@pytest.fixture(autouse=True)
def in_april():
    with clock_set_to(APRIL):
        yield


def add_url(draft: RateCardVersion, query: str = "") -> str:
    return reverse("admin:catalog_rate_add", args=[draft.pk]) + query


def edit_url(draft: RateCardVersion, product: Product) -> str:
    return reverse("admin:catalog_rate_edit", args=[draft.pk, product.key])


def asked(client: Client, draft: RateCardVersion, charge: Charge | dict[str, Any] | str, **more: Any) -> HttpResponse:
    """The question that the page's script puts to the server."""
    text = charge if isinstance(charge, str) else written(charge)
    body = {"text": text, "product": "input-tokens", "cycle_months": "1", "in_advance": False, "trial": {}, **more}
    url = reverse("admin:catalog_rate_preview", args=[draft.pk])
    return client.post(url, json.dumps(body), content_type="application/json")


def told(client: Client, draft: RateCardVersion, charge: Charge | dict[str, Any] | str, **more: Any) -> dict[str, Any]:
    answer = asked(client, draft, charge, **more)
    assert answer.status_code == 200
    return answer.json()


# ---------------------------------------------------------------- a price that is new in the draft
def test_a_new_price_begins_with_a_choice_of_presets_and_kinds(
    signed_in: SignIn, draft: RateCardVersion, ann: User
) -> None:
    text = signed_in(ann).get(add_url(draft)).text
    for preset in presets.PRESETS:
        assert f'href="?preset={preset.key}"' in text
    for kind in presets.KINDS:
        assert f'href="?kind={kind.name}"' in text


def test_every_kind_on_the_page_is_a_kind_of_charge_and_can_be_begun_with(
    signed_in: SignIn, draft: RateCardVersion, ann: User
) -> None:
    client = signed_in(ann)
    for kind in presets.KINDS:
        form = client.get(add_url(draft, f"?kind={kind.name}")).context["form"]
        assert json.loads(form.initial["charge"]) == {"kind": kind.name}


def test_a_preset_makes_meter_product_and_price_in_one_go(signed_in: SignIn, draft: RateCardVersion, ann: User) -> None:
    client = signed_in(ann)
    changes = Change.objects.count()
    form = client.get(add_url(draft, "?preset=gpu-hour")).context["form"]
    typed = {name: value for name, value in form.initial.items() if value is not False}
    answer = client.post(add_url(draft), {**typed, **WHY}, follow=True)
    (message,) = answer.context["messages"]
    prices = "a100, us: $2.00 each; h100, us: $4.00 each; h100, eu: $4.50 each; otherwise $5.00 each"
    assert str(message) == f"GPU hour: By gpu, region: {prices}."
    meter, product = Meter.objects.get(key="gpu-hour"), Product.objects.get(key="gpu-hour")
    assert (meter.event_type, meter.aggregation, meter.property, meter.unit) == ("gpu.session", "sum", "hours", "hour")
    assert (product.name, product.kind, product.meter, product.unit) == ("GPU hour", "usage", meter, "hour")
    assert draft.rates.get(product=product).charge == presets.BY_KEY["gpu-hour"].charge
    assert [change.name for change in Change.objects.order_by("id")[changes:]] == [
        "rate_card.product_launched",
        "meter.defined",
        "event_type.registered",
        "product.created",
        "rate_card.rate_set",
    ]


@pytest.mark.parametrize("preset", presets.PRESETS, ids=lambda preset: preset.key)
def test_every_preset_can_be_saved_as_it_is(
    signed_in: SignIn, draft: RateCardVersion, ann: User, preset: presets.Preset
) -> None:
    client = signed_in(ann)
    form = client.get(add_url(draft, f"?preset={preset.key}")).context["form"]
    typed = {name: value for name, value in form.initial.items() if value is not False}
    client.post(add_url(draft), {**typed, "new_key": f"my-{preset.key}", **WHY})
    rate = draft.rates.get(product__key=f"my-{preset.key}")
    assert (rate.charge, rate.cycle_months, rate.in_advance) == (preset.charge, 1, preset.in_advance)


def test_an_existing_product_and_an_existing_meter_will_do(
    signed_in: SignIn, draft: RateCardVersion, tokens: Product, ann: User
) -> None:
    client = signed_in(ann)
    client.post(add_url(draft), {**RUNS, "meter": "tokens", "event_type": ""})
    assert Product.objects.get(key="agent-runs").meter == tokens.meter
    operations.remove_rate(draft, tokens, act=by(ann))
    client.post(add_url(draft), {"product": "input-tokens", "charge": written(DEARER), **BILLED})
    assert draft.rates.get(product=tokens).charge == DEARER
    assert Meter.objects.count() == 1


def test_a_refusal_writes_neither_meter_nor_product(
    signed_in: SignIn, draft: RateCardVersion, tokens: Product, ann: User
) -> None:
    changes = Change.objects.count()
    answer = signed_in(ann).post(add_url(draft), {**RUNS, "in_advance": "on"})
    assert "Agent runs is measured; it can only be billed in arrears." in answer.text
    taken = signed_in(ann).post(add_url(draft), {**RUNS, "new_key": "input-tokens"})
    assert "There is already a product with the key input-tokens." in taken.text
    assert (Meter.objects.count(), Product.objects.count(), Change.objects.count()) == (1, 2, changes)


def test_a_card_with_a_base_begins_with_the_price_of_its_base(
    signed_in: SignIn, publish: Publish, card: RateCard, tokens: Product, ann: User
) -> None:
    publish()
    delta = operations.create_rate_card(key="eu", name="EU", currency="USD", base=card, act=by(ann))
    draft = operations.draft_version(delta, act=by(ann, at=APRIL))
    form = signed_in(ann).get(add_url(draft, "?product=input-tokens")).context["form"]
    assert (form.initial["product"], load(json.loads(form.initial["charge"]))) == (tokens, TIERED)


def test_without_leave_to_create_products_or_meters_they_are_not_asked_for(
    signed_in: SignIn, draft: RateCardVersion, ann: User
) -> None:
    group = ann.groups.get()
    group.permissions.remove(group.permissions.get(codename="add_meter"))
    client = signed_in(ann)
    answer = client.post(add_url(draft), {**RUNS, "meter": ""})
    assert answer.context["form"].errors == {"meter": ["Choose the meter that measures it."]}
    group.permissions.remove(group.permissions.get(codename="add_product", content_type__app_label="catalog"))
    answer = client.post(add_url(draft), RUNS)
    assert answer.context["form"].errors == {"product": ["This field is required."]}
    assert Product.objects.filter(key="agent-runs").count() == 0


# ---------------------------------------------------------------- a price there is
def test_a_price_is_shown_as_it_was_saved_and_saved_anew(
    signed_in: SignIn, draft: RateCardVersion, tokens: Product, ann: User
) -> None:
    client = signed_in(ann)
    page = client.get(edit_url(draft, tokens))
    assert load(json.loads(page.context["form"].initial["charge"])) == TIERED
    assert f"Now: <strong>{TIERED_SENTENCE}</strong>" in page.text
    client.post(edit_url(draft, tokens), {"charge": written(DEARER), "cycle_months": "3", **WHY})
    rate = draft.rates.get(product=tokens)
    assert (rate.charge, rate.cycle_months, rate.in_advance) == (DEARER, 3, False)


def test_what_cannot_be_priced_is_shown_again_with_the_field_that_is_wrong(
    signed_in: SignIn, draft: RateCardVersion, tokens: Product, ann: User
) -> None:
    typed = json.dumps({"kind": "per_unit", "unit_price": "1", "per": "0"})
    answer = signed_in(ann).post(edit_url(draft, tokens), {"charge": typed, **BILLED})
    assert answer.context["form"].errors == {"charge": ["per: must be greater than 0"]}
    assert "per: must be greater than 0" in answer.text
    assert answer.context["form"]["charge"].value() == typed
    assert draft.rates.get(product=tokens).charge == TIERED


def test_a_reason_is_enough_to_take_a_price_off_and_needed(
    signed_in: SignIn, draft: RateCardVersion, fee: Product, ann: User
) -> None:
    client = signed_in(ann)
    client.post(edit_url(draft, fee), {"_remove": "1", "charge": "", "because": ""})
    assert draft.rates.filter(product=fee).count() == 1
    client.post(edit_url(draft, fee), {"_remove": "1", "charge": "not JSON at all", **WHY})
    assert draft.rates.filter(product=fee).count() == 1
    client.post(edit_url(draft, fee), {"_remove": "1", "charge": written(Flat(Decimal(1))), **WHY})
    assert draft.rates.filter(product=fee).count() == 0


# ---------------------------------------------------------------- what it would mean
def test_the_page_is_told_what_the_kernel_says(signed_in: SignIn, draft: RateCardVersion, ann: User) -> None:
    said = told(signed_in(ann), draft, TIERED, trial={"quantity": "25000000"})
    assert said["errors"] == []
    assert said["shape"] == {"basis": "quantity", "by": [], "window": "", "each": False}
    assert f'<p class="rate-sentence">{TIERED_SENTENCE}</p>' in said["meaning"]
    assert "<title>10,000,000 tokens: $25.00, $2.50 per million tokens</title>" in said["meaning"]
    assert said["meaning"].count("<svg") == 2
    for row in ("10,000,000 at $2.50 per million</td><td>$25.00", "15,000,000 at $2.00 per million</td><td>$30.00"):
        assert row in said["tried"]
    assert '<td data-part="total">$55.00</td>' in said["tried"]
    assert Rate.objects.get(version=draft, product__key="input-tokens").charge == TIERED


def test_a_cliff_is_told_with_its_figure(signed_in: SignIn, draft: RateCardVersion, ann: User) -> None:
    steps = Volume(
        (Tier(Decimal(1_000), Decimal("0.10")), Tier(Decimal(10_000), Decimal("0.08")), Tier(None, Decimal("0.05")))
    )
    said = told(signed_in(ann), draft, steps)
    assert "Cliff: 10,001 tokens cost $299.95 less than 10,000." in said["meaning"]
    assert "Cliff: 1,001 tokens cost $19.92 less than 1,000." in said["meaning"]


@pytest.mark.parametrize(
    ("charge", "where", "what"),
    [
        ({"kind": "per_unit", "unit_price": "-1"}, "unit_price", "must not be negative"),
        (
            {"kind": "graduated", "tiers": [{"up_to": "9", "unit_price": "1"}, {"up_to": "9", "unit_price": "1"}]},
            "tiers[1].up_to",
            "the last tier must be open",
        ),
        (
            {
                "kind": "adjusted",
                "charge": {
                    "kind": "matrix",
                    "by": ["model"],
                    "cells": [{"values": ["a"], "charge": {"kind": "package", "unit_price": "1", "size": "0"}}],
                },
            },
            "charge.cells[0].charge.size",
            "must be greater than 0",
        ),
        ({"kind": "no-such"}, "kind", None),
        ("{", "charge", "line 1, column 2: this is not JSON"),
        ('"flat"', "kind", None),
    ],
)
def test_an_error_names_the_field_it_belongs_to(
    signed_in: SignIn, draft: RateCardVersion, ann: User, charge: Any, where: str, what: str | None
) -> None:
    said = told(signed_in(ann), draft, charge)
    assert [error["where"] for error in said["errors"]] == [where]
    assert what is None or said["errors"][0]["what"] == what
    assert list(said) == ["errors"]


def test_a_price_that_does_not_fit_the_product_is_told_beside_its_meaning(
    signed_in: SignIn, draft: RateCardVersion, ann: User
) -> None:
    said = told(signed_in(ann), draft, Flat(Decimal(5)))
    assert said["errors"] == [
        {
            "where": "",
            "what": "Input tokens is measured; it needs a price per unit, not one that ignores what was used.",
        }
    ]
    assert "$5.00 flat" in said["meaning"]
    fresh = told(signed_in(ann), draft, Flat(Decimal(5)), product="", kind="recurring", unit="month")
    assert fresh["errors"] == []


def test_usage_told_apart_is_tried_row_by_row(signed_in: SignIn, draft: RateCardVersion, ann: User) -> None:
    charge = {
        "kind": "matrix",
        "by": ["model"],
        "cells": [{"values": ["large"], "charge": {"kind": "per_unit", "unit_price": "2"}}],
    }
    first = told(signed_in(ann), draft, charge)
    assert (first["shape"]["by"], first["examples"], first["tried"]) == (["model"], [{"values": ["large"]}], "")
    parts = [{"quantity": "700", "values": ["large"]}, {"quantity": "3", "values": ["small"]}]
    said = told(signed_in(ann), draft, charge, trial={"parts": parts})
    assert "large: 700 at $2.00 each</td><td>$1,400.00" in said["tried"]
    assert "No price covers 3 model small." in said["tried"]


def test_transactions_are_tried_one_by_one(signed_in: SignIn, draft: RateCardVersion, ann: User) -> None:
    charge = {"kind": "percent", "percent": "1.2", "fixed_fee": "0.30", "free_transactions": "3", "free_amount": "2000"}
    parts = [{"quantity": amount} for amount in ["300", "300", "300", *["1300"] * 7]]
    said = told(signed_in(ann), draft, charge, trial={"parts": parts})
    assert said["shape"] == {"basis": "quantity", "by": [], "window": "", "each": True}
    assert '<td data-part="total">$111.30</td>' in said["tried"]


@pytest.mark.parametrize(
    "trial",
    [
        {"quantity": "many"}, {"quantity": "-1"}, {"quantity": None}, {"quantity": 5}, {}, {"quantity": "1e9"},
        {"quantity": "NaN"},
    ],
)  # fmt: skip
def test_a_quantity_that_is_none_is_told_at_the_box(
    signed_in: SignIn, draft: RateCardVersion, ann: User, trial: dict[str, Any]
) -> None:
    said = told(signed_in(ann), draft, TIERED, trial=trial)
    assert [error["where"] for error in said["errors"]] == ["trial"]
    assert said["tried"] == ""
    assert TIERED_SENTENCE in said["meaning"]


def test_the_price_in_force_and_the_margin_stand_beside_it(
    signed_in: SignIn, publish: Publish, card: RateCard, tokens: Product, ann: User
) -> None:
    publish()
    draft = operations.draft_version(card, act=by(ann, at=APRIL))
    operations.set_cost(
        tokens, unit_cost=Decimal("0.75"), per=MILLION, currency="USD", since=APRIL, act=by(ann, at=APRIL)
    )
    client = signed_in(ann)
    said = told(client, draft, DEARER, trial={"quantity": "20000000"})["tried"]
    assert f"In force: {TIERED_SENTENCE}</dt><dd>$45.00</dd>" in said
    assert '<dd class="dearer">+$15.00 (+33.3 %)</dd>' in said
    assert "<dt>Costs us</dt><dd>$15.00</dd><dt>Margin</dt><dd>$45.00 (75 %)</dd>" in said
    group = ann.groups.get()
    group.permissions.remove(group.permissions.get(codename="see_margin"))
    assert "Costs us" not in told(client, draft, DEARER, trial={"quantity": "20000000"})["tried"]


# ---------------------------------------------------------------- who may what
def test_only_who_may_edit_prices_is_answered(
    signed_in: SignIn, draft: RateCardVersion, tokens: Product, ben: User, eve: User
) -> None:
    for user in (ben, eve):
        client = signed_in(user)
        assert asked(client, draft, TIERED).status_code == 403
        assert client.get(add_url(draft)).status_code == 403
        assert client.post(add_url(draft), RUNS).status_code == 403
        assert client.post(edit_url(draft, tokens), {"charge": written(DEARER), **BILLED}).status_code == 403
    assert draft.rates.get(product=tokens).charge == TIERED
    assert Product.objects.count() == 2


@pytest.mark.parametrize(
    "body",
    [
        "", "{", "[]", "5", '{"text": 5}', '{"text": null, "trial": []}',
        '{"text": "{}", "product": "\\u0000"}', '{"trial": {"parts": 7}, "text": "{}"}',
        body_of(PerGroup(("a",), ONE_EACH), {"parts": [5]}),
        body_of(PerGroup(("a",), ONE_EACH), {"parts": [{"values": 7}]}),
        body_of(PerWindow("hour", ONE_EACH), {"parts": [{"quantity": "9" * 28, "at": "9" * 28}]}),
        body_of(PerUnit(Decimal("9" * 28)), {"quantity": "x" * 60}, cycle_months="9" * 60),
    ],
)  # fmt: skip
def test_nonsense_is_answered_not_fallen_over(signed_in: SignIn, draft: RateCardVersion, ann: User, body: str) -> None:
    url = reverse("admin:catalog_rate_preview", args=[draft.pk])
    answer = signed_in(ann).post(url, body, content_type="application/json")
    assert answer.status_code == 400 or answer.json()["errors"]
    assert signed_in(ann).get(url).status_code == 403


def test_the_largest_numbers_are_drawn_and_told_to_be_too_large_to_try(
    signed_in: SignIn, draft: RateCardVersion, ann: User
) -> None:
    most = Decimal("9" * 28)
    steps = Volume((Tier(most, most, most), Tier(None, Decimal("0.0000000000000000000000000001"))))
    said = told(signed_in(ann), draft, steps, trial={"quantity": "9" * 28})
    assert said["errors"] == [{"where": "trial", "what": "this comes to more than can be reckoned"}]
    assert said["meaning"].count("<svg") == 2
