"""A file becomes requests: what is planned, what is asked, what is refused; and back to a file, the same."""

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User

from catalog import operations
from catalog.models import CostRate, Product, RateCard, RateCardVersion, SelectionRule
from catalog.portable import applying, checking, planning, report
from catalog.portable.document import Document, read
from catalog.portable.exporting import export
from catalog.portable.nodes import Unreadable
from catalog.portable.writing import TOP, as_yaml
from governance.acts import Refused
from governance.models import Change
from metering.models import Meter
from tests.catalog.cards import APRIL, DEARER, MARCH, MAY, agree, by
from tests.catalog.conftest import Publish
from tests.catalog.portable.files import FULL
from tests.refusals import refused

pytestmark = pytest.mark.django_db
WHY = "Nobody has used the meters yet"
LATER = MARCH + timedelta(hours=1)


def applied(document: Document, user: User, at: datetime = MARCH) -> list[RateCardVersion]:
    return applying.apply(document, warnings_accepted=WHY, act=by(user, "From staging", at))[1]


def published(document: Document, ann: User, cara: User) -> None:
    """Apply it and let everybody agree, in March."""
    for version in sorted(applied(document, ann), key=lambda each: each.card.base_id is not None):
        agree(version, cara)
        operations.publish_version(version, act=by(ann))


# ---------------------------------------------------------------- there and back
def test_into_an_empty_installation_and_out_again_is_the_same_file(ann: User, cara: User) -> None:
    published(read(FULL), ann, cara)
    assert as_yaml(export(at=MARCH)) == TOP + "\n" + FULL


def test_tags_come_along_in_their_order(ann: User, cara: User) -> None:
    tagged = FULL.replace(
        "    internal_unit: second\n", "    internal_unit: second\n    tags:\n      - gpu\n      - eu\n"
    )
    published(read(tagged), ann, cara)
    assert Product.objects.get(key="gpu").tags == ["gpu", "eu"]
    assert as_yaml(export(at=MARCH)) == TOP + "\n" + tagged


def test_what_is_exported_is_what_is_here(ann: User, cara: User) -> None:
    published(read(FULL), ann, cara)
    exported = read(as_yaml(export(at=LATER)))
    assert planning.plan(exported, at=LATER).is_empty
    before = Change.objects.count()
    assert applied(exported, ann, LATER) == []
    assert Change.objects.count() == before


def test_of_chosen_cards_only_what_they_need_comes_along(ann: User, cara: User) -> None:
    published(read(FULL), ann, cara)
    operations.create_product(key="other", name="Other", kind="recurring", act=by(ann))
    operations.create_rate_card(key="other", name="Other", currency="USD", act=by(ann))
    eu = export(["eu"], at=MARCH)
    assert set(eu.rate_cards) == {"eu", "standard"}
    assert set(eu.products) == {"gpu", "input-tokens", "seats", "setup", "support"}
    assert (set(eu.meters), set(eu.features)) == ({"gpu-seconds", "tokens"}, {"sso", "workspaces"})
    assert eu.selection_rules is None
    with pytest.raises(Refused, match="There is no rate card none"):
        export(["none"], at=MARCH)


def test_a_card_without_prices_is_exported_without(card: RateCard, ann: User) -> None:
    exported = export(at=MARCH)
    assert exported.rate_cards["standard-usd"].rates is None
    assert planning.plan(exported, at=MARCH).is_empty


def test_as_of_an_instant(publish: Publish) -> None:
    publish()
    publish(DEARER, at=APRIL)
    march, april = (export(at=at).rate_cards["standard-usd"].rates["input-tokens"] for at in (LATER, APRIL))  # type: ignore[index]
    assert (march.charge.kind, april.charge.kind) == ("graduated", "per_unit")


# ---------------------------------------------------------------- the request
def test_prices_become_requests_and_are_not_live(ann: User) -> None:
    versions = applied(read(FULL), ann)
    assert {(str(version.card), version.status) for version in versions} == {
        ("Europe", "in_review"),
        ("Standard", "in_review"),
    }
    assert not RateCardVersion.objects.filter(status="published").exists()
    standard = next(version for version in versions if version.card.key == "standard")
    assert (standard.note, standard.rates.count(), standard.warnings_accepted) == ("Spring prices", 5, WHY)
    assert {change.because for change in Change.objects.filter(name="rate_card.drafted")} == {"From staging"}


def test_what_is_missing_is_made_first(ann: User) -> None:
    applied(read(FULL), ann)
    assert set(Meter.objects.values_list("key", flat=True)) == {"gpu-seconds", "tokens"}
    seats = Product.objects.get(key="seats")
    assert {grant.feature.key: grant.value for grant in seats.grants.all()} == {"sso": "", "workspaces": "5"}
    assert CostRate.objects.filter(product__key="input-tokens").count() == 2
    assert RateCard.objects.get(key="eu").base == RateCard.objects.get(key="standard")
    assert [rule.name for rule in SelectionRule.objects.all()] == ["Europe", "Everybody else"]


def test_applied_again_while_in_review_it_is_a_no_op_that_says_so(ann: User) -> None:
    applied(read(FULL), ann)
    before = Change.objects.count()
    asked, versions = applying.apply(read(FULL), act=by(ann, "Again", LATER))
    assert (versions, Change.objects.count()) == ([], before)
    assert [card.says for card in asked.cards] == [
        "Europe: this very change is in review; nothing to do.",
        "Standard: this very change is in review; nothing to do.",
    ]
    assert asked.is_empty


def test_once_scheduled_there_is_nothing_to_do(ann: User, cara: User) -> None:
    document = read(FULL.replace("    version:\n", "    version:\n      planned_from: 2026-04-01\n"))
    published(document, ann, cara)
    [_, standard] = planning.plan(document, at=LATER).cards
    assert (standard.state, standard.says) == (
        "scheduled",
        "Standard: these prices are published and take effect on 2026-04-01 00:00 UTC.",
    )
    assert planning.plan(document, at=MAY).is_empty
    at_once = planning.plan(read(FULL), at=LATER).cards[1]
    assert at_once.state == "new"


def test_another_live_draft_is_in_the_way(ann: User, cara: User) -> None:
    published(read(FULL), ann, cara)
    operations.draft_version(RateCard.objects.get(key="eu"), act=by(ann))
    dearer = read(FULL.replace('unit_price: "33"', 'unit_price: "34"'))
    assert [card.state for card in planning.plan(dearer, at=LATER).cards] == ["blocked", "as it is"]
    with refused("Europe already has a version draft with other prices; finish or discard that first."):
        applied(dearer, ann, LATER)


def test_a_change_says_before_and_after(ann: User, cara: User) -> None:
    published(read(FULL), ann, cara)
    text = FULL.replace('unit_price: "2.00"', 'unit_price: "1.90"').replace('base_factor: "1.1"', "base_factor: 1.2")
    text = text.replace('      setup:\n        charge: {kind: flat, amount: "500"}\n        cycle_months: 0\n', "")
    text = text.replace("name: Seats", "name: Seat licences").replace("is_public: true", "is_public: false")
    text = text.replace('workspaces: "5"', 'workspaces: "6"')
    asked = planning.plan(read(text), at=LATER)
    assert [str(each) for each in asked.differences] == [
        "~ seats name: Seats → Seat licences",
        "~ seats grants: sso nothing, workspaces 5 → sso nothing, workspaces 6",
        "~ standard is_public: yes → no",
    ]
    eu, standard = asked.cards
    first = "First 10,000,000 at $2.50 per million"
    assert [str(each) for each in eu.differences] == ["~ eu base_factor: 1.1 → 1.2"]
    monthly = "per million, monthly, in arrears"
    assert [str(each) for each in standard.differences] == [
        f"~ input-tokens: {first}, then $2.00 {monthly} → {first}, then $1.90 {monthly}",
        "- setup: $500.00 flat, once, in arrears",
    ]
    found = report.text(report.report(asked, act=by(None, at=LATER)))
    assert found.startswith("At once:\n  ~ seats name: Seats → Seat licences\n")
    assert "Standard: a change request is to be made." in found
    assert found.endswith("3 changes at once, 2 change requests.")


def test_a_plan_leaves_no_trace(ann: User, cara: User) -> None:
    asked, before = planning.plan(read(FULL), at=MARCH), Change.objects.count()
    found = report.report(asked, act=by(None))
    assert set(found.findings) == set(found.impacts) == {"eu", "standard"}
    assert not RateCard.objects.exists()
    assert Change.objects.count() == before


def test_a_rule_list_is_made_to_match(ann: User, cara: User) -> None:
    published(read(FULL), ann, cara)
    rules = """selection_rules:
  - {name: Resellers, card: standard, conditions: {channel: [reseller]}}
  - {name: Everybody else, card: standard}
  - {name: Europe, card: eu, conditions: {region: [eu, uk]}, is_active: false}
"""
    asked = read(rules)
    assert [each.kind for each in planning.plan(asked, at=LATER).differences] == ["removed", "added", "added"]
    applied(asked, ann, LATER)
    assert export(at=LATER).selection_rules == asked.selection_rules
    applied(read("selection_rules: []"), ann, LATER)
    assert not SelectionRule.objects.exists()


def test_products_and_grants_follow_the_file(ann: User, cara: User) -> None:
    published(read(FULL), ann, cara)
    text = """products:
  seats: {name: Seats, kind: recurring, unit: user, revenue_account: "4100", grants: {sso: ""}, is_active: false}
"""
    applied(read(text), ann, LATER)
    assert export(at=LATER).products["seats"] == read(text).products["seats"]


def test_windows_go_in_and_come_out_again(ann: User, cara: User) -> None:
    published(read(FULL), ann, cara)
    text = """
features:
  gpu-time:
    name: GPU time
    kind: metered
    meter: gpu-seconds
  sso:
    name: Single sign-on
  workspaces:
    name: Workspaces
    kind: limit

products:
  seats:
    name: Seats
    kind: recurring
    unit: seat
    revenue_account: "4100"
    grants:
      gpu-time:
        - {value: "900", is_hard: false}
        - {value: "60", window: five_hours, is_per_seat: true}
      workspaces:
        value: "5"
        is_per_seat: true
"""
    applied(read(text), ann, LATER)
    there = export(at=LATER)
    assert (there.features, there.products["seats"]) == (read(text).features, read(text).products["seats"])
    written = as_yaml(Document(features=there.features, products={"seats": there.products["seats"]}))
    assert written.endswith(text)
    single = text.replace('        - {value: "900", is_hard: false}\n', "")
    (change,) = planning.plan(read(single), at=LATER).differences
    assert (change.before, change.after) == (
        "gpu-time 900 soft or 60 five_hours a seat, workspaces 5 a seat",
        "gpu-time 60 five_hours a seat, workspaces 5 a seat",
    )
    applied(read(single), ann, LATER)
    assert export(at=LATER).products["seats"] == read(single).products["seats"]


# ---------------------------------------------------------------- what cannot be done
def told(text: str, at: datetime = MARCH) -> list[str]:
    asked = planning.plan(read(text), at=at)
    with pytest.raises(Unreadable) as refusal:
        checking.check(asked)
    return [each.located("F") for each in refusal.value.problems]


def test_terms_that_do_not_fit_are_told_with_their_lines() -> None:
    text = """features:
  sso: {name: SSO, meter: none}
  calls: {name: Calls, kind: metered}
  places: {name: Places, kind: limit}
products:
  a:
    name: A
    kind: recurring
    grants:
      sso: "yes"
      places: {value: "5", window: week}
"""
    assert told(text) == [
        "F:2: features.sso.meter: only metered features have one",
        "F:3: features.calls.meter: a metered feature needs one",
        "F:10: products.a.grants.sso.value: One that is on or off has no value; leave this empty.",
        "F:11: products.a.grants.places.window: Only a metered allowance has a window.",
    ]


def test_a_feature_is_granted_once_a_window() -> None:
    text = 'products: {a: {name: A, kind: recurring, grants: {sso: [{value: "1"}, {value: "2"}]}}}'
    with pytest.raises(Unreadable, match="must hold one for each window"):
        read(text)


def test_names_that_nobody_knows_are_told_with_their_lines(ann: User) -> None:
    text = """products:
  a: {name: A, kind: usage, meter: none}
  b:
    name: B
    kind: recurring
    meter: none
    grants: {none: ""}
  c: {name: C, kind: usage, recognition: on_invoice}
rate_cards:
  x:
    name: X
    currency: USD
    base: none
    rates:
      d: {charge: {kind: flat, amount: 1}}
  y:
    name: Y
    currency: USD
    version: {base_factor: 2, reach: new_only, existing_from: 2027-01-01}
    rates: {}
selection_rules:
  - {name: R, card: none}
  - {name: R, card: x}
"""
    assert told(text) == [
        "F:2: products.a.meter: there is no meter none",
        "F:6: products.b.meter: only usage products have one",
        "F:6: products.b.meter: there is no meter none",
        "F:7: products.b.grants.none: there is no feature none",
        "F:8: products.c.meter: a usage product needs one",
        "F:8: products.c.recognition: usage is earned as it is delivered",
        "F:13: rate_cards.x.base: there is no rate card none",
        "F:15: rate_cards.x.rates.d: there is no product d",
        "F:19: rate_cards.y.version.base_factor: there is no base whose prices could be multiplied",
        "F:19: rate_cards.y.version.existing_from: only a version that reaches existing contracts from a date has one",
        "F:20: rate_cards.y.rates: there are none; leave rates out to leave the prices alone",
        "F:22: selection_rules[0].card: there is no rate card none",
        "F:23: selection_rules[1].name: there are two rules of that name",
    ]


def test_what_never_changes_is_told(ann: User, cara: User) -> None:
    published(read(FULL), ann, cara)
    text = FULL.replace("kind: limit", "kind: config")
    text = text.replace("base: standard", "base: eu2").replace('unit_cost: "1.10"', "unit_cost: 1.2")
    assert told(text, LATER) == [
        "F:23: features.workspaces.kind: is limit here; what a feature is never changes; name another",
        "F:41: products.input-tokens.costs[0]: is another here; supersede it by a cost from a later instant",
        "F:60: rate_cards.eu.base: is standard here; the currency and base of a card never change; name another",
        "F:60: rate_cards.eu.base: there is no rate card eu2",
    ]


def test_a_meter_is_redefined_by_the_file(ann: User, cara: User) -> None:
    published(read(FULL), ann, cara)
    lines = ("property: seconds", "condition: NOT test", "window: day", "over: sum", "dimensions: [model]")
    said = "\n    ".join(lines)
    published(read(FULL.replace("property: seconds", said)), ann, cara)
    meter = Meter.objects.get(key="gpu-seconds")
    assert (meter.condition, meter.window, meter.over, meter.dimensions) == ("NOT test", "day", "sum", ["model"])


def test_a_price_that_could_not_be_billed_is_told(ann: User) -> None:
    text = FULL.replace("cycle_months: 0", "cycle_months: 1")
    text = text.replace(
        '{kind: converted, operation: divide, factor: "3600", charge: {kind: per_unit, unit_price: "2.40"}}',
        "{kind: flat, amount: 5}",
    )
    needs = "it needs a price per unit, not one that ignores what was used."
    assert told(text) == [
        f"F:76: rate_cards.standard.rates.gpu: GPU hour is measured; {needs}",
        "F:89: rate_cards.standard.rates.setup: Setup is sold once; its cycle is 0 months.",
    ]


def test_one_thing_that_cannot_be_done_undoes_all(ann: User) -> None:
    with refused("Only a signed-in person can ask for an approval."):
        applying.apply(read(FULL), warnings_accepted=WHY, act=by(None))
    with refused("there is no rate card nowhere", Unreadable):
        applied(read(FULL.replace("card: eu,", "card: nowhere,")), ann)


def test_permissions_are_those_of_every_verb(ann: User, cara: User) -> None:
    assert applying.permissions(planning.plan(read(FULL), at=MARCH)) == {
        "catalog.add_costrate",
        "catalog.add_feature",
        "catalog.add_featuregrant",
        "catalog.add_product",
        "catalog.add_ratecard",
        "catalog.add_ratecardversion",
        "catalog.add_selectionrule",
        "catalog.change_rate",
        "catalog.delete_featuregrant",
        "catalog.publish_ratecardversion",
        "metering.add_meter",
    }
    published(read(FULL), ann, cara)
    assert applying.permissions(planning.plan(read(FULL), at=LATER)) == set()
    dearer = FULL.replace('unit_price: "33"', 'unit_price: "34"')
    assert applying.permissions(planning.plan(read(dearer), at=LATER)) == {
        "catalog.add_ratecardversion",
        "catalog.change_rate",
        "catalog.publish_ratecardversion",
    }
