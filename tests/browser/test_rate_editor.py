"""The editor of a price in a real browser: what one types, what one sees of it at once, and what is saved."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from catalog import operations as catalog
from catalog import presets
from catalog.models import RateCardVersion
from governance.clock import clock_set_to
from pricing.charges import KINDS, dump, load
from pricing.schema import charge_schema
from tests import cast

PASTE = """(input, text) => {
    const clipboard = new DataTransfer();
    clipboard.setData("text/plain", text);
    input.dispatchEvent(new ClipboardEvent("paste", {clipboardData: clipboard, bubbles: true, cancelable: true}));
}"""
SENTENCE = ".rate-sentence"
TOTAL = "[data-part=total]"


@pytest.fixture
def draft(live_server: LiveServer) -> Iterator[RateCardVersion]:
    """A draft of Ann's with the prices in force."""
    with clock_set_to(cast.NOW):
        cast.standard_card()
        yield catalog.draft_version(cast.card(), act=cast.act("ann"))


@pytest.fixture
def anns(page: Page, live_server: LiveServer, draft: RateCardVersion) -> Iterator[Page]:
    """A browser in which Ann has signed in. At the end nothing in it may have gone wrong."""
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("response", lambda answer: complaints.append(answer.url) if answer.status >= 400 else None)
    sign_in(page, live_server)
    yield page
    page.wait_for_load_state("networkidle")
    assert complaints == []


def sign_in(page: Page, live_server: LiveServer) -> None:
    cast.person("ann")
    page.goto(live_server.url)
    page.fill("[name=username]", "ann")
    page.fill("[name=password]", "quoin")
    page.press("[name=password]", "Enter")
    page.wait_for_url(f"{live_server.url}/admin/")


def open_new(page: Page, live_server: LiveServer, draft: RateCardVersion, query: str = "") -> None:
    page.goto(live_server.url + reverse("admin:catalog_rate_add", args=[draft.pk]) + query)


def field(page: Page, path: str) -> Any:
    return page.locator(f'[data-path="{path}"]')


def typed(page: Page) -> dict[str, Any]:
    """The charge as it would be posted now."""
    return json.loads(page.locator("[name=charge]").input_value())


# ---------------------------------------------------------------- a price from a preset to the list
def test_from_a_preset_to_the_list_in_one_go(anns: Page, live_server: LiveServer, draft: RateCardVersion) -> None:
    open_new(anns, live_server, draft)
    anns.get_by_role("link", name="Agent run").click()
    expect(anns.locator(SENTENCE)).to_have_text(
        "First 1,000 at $0.50 each, up to 10,000 at $0.40 each, then $0.30 each"
    )
    anns.fill("#rate-try", "12k")
    expect(anns.locator(TOTAL)).to_have_text("$4,700.00")
    curve = anns.locator(".rate-chart polyline").first.get_attribute("points")
    field(anns, "tiers[1].unit_price").fill("0.45")
    expect(anns.locator(SENTENCE)).to_contain_text("up to 10,000 at $0.45 each")
    expect(anns.locator(TOTAL)).to_have_text("$5,150.00")
    rows = anns.locator(".rate-fall tbody tr td:last-child").all_inner_texts()
    assert rows == ["$500.00", "$4,050.00", "$600.00"]
    assert anns.locator(".rate-chart polyline").first.get_attribute("points") != curve
    assert "10,000 runs: $4,550.00, $0.455 per run" in anns.locator(".rate-chart title").all_text_contents()
    anns.get_by_role("radio", name="Volume").click()
    expect(anns.locator(".rate-cliff").last).to_contain_text("Cliff: 10,001 runs cost $1,499.70 less than 10,000.")
    anns.get_by_role("radio", name="Graduated", exact=True).click()
    anns.fill("[name=new_name]", "Agent runs")
    anns.fill("[name=because]", "We sell agents now")
    anns.get_by_role("button", name="Save the price").click()
    sentence = "First 1,000 at $0.50 each, up to 10,000 at $0.45 each, then $0.30 each"
    expect(anns.locator(".quoin-table", has_text="Agent runs").first).to_contain_text(sentence)
    rate = draft.rates.select_related("product__meter").get(product__name="Agent runs")
    assert rate.charge.sentence("USD") == sentence
    assert rate.product.meter.event_type == "agent.run"


# ---------------------------------------------------------------- the table of tiers
def test_rows_of_a_spreadsheet_fill_the_tiers(anns: Page, live_server: LiveServer, draft: RateCardVersion) -> None:
    open_new(anns, live_server, draft, "?kind=graduated")
    sheet = "Up to\tPrice\n1,000\t$0.10\n10,000\t$0.08\n100000\t0.05\nabove\t0.02\n"
    field(anns, "tiers[0].up_to").evaluate(PASTE, sheet)
    edges = ["1000", "10000", "100000", None]
    assert [tier.get("up_to") for tier in typed(anns)["tiers"]] == edges
    assert [tier["unit_price"] for tier in typed(anns)["tiers"]] == ["0.10", "0.08", "0.05", "0.02"]
    expect(anns.locator(SENTENCE)).to_contain_text("up to 100,000 at $0.05 each, then $0.02 each")
    assert anns.locator("td.rate-from").all_inner_texts() == ["0", "1,000", "10,000", "100,000"]
    field(anns, "tiers[1].unit_price").evaluate(PASTE, "0.07\t5\n0.04\t\n")
    assert [tier["unit_price"] for tier in typed(anns)["tiers"]] == ["0.10", "0.07", "0.04", "0.02"]
    assert [tier.get("flat_fee") for tier in typed(anns)["tiers"]] == [None, "5", None, None]
    field(anns, "tiers[0].up_to").evaluate(PASTE, "0\t50\t3\n50\t80\t2\n80\t\t1")
    assert typed(anns)["tiers"] == [
        {"up_to": "50", "unit_price": "3"},
        {"up_to": "80", "unit_price": "2", "flat_fee": "5"},
        {"up_to": None, "unit_price": "1"},
    ]


def test_tiers_are_typed_without_a_mouse(anns: Page, live_server: LiveServer, draft: RateCardVersion) -> None:
    open_new(anns, live_server, draft, "?kind=graduated")
    field(anns, "tiers[0].up_to").focus()
    for key in ("100", "Tab", "3", "Enter", "1k", "Tab", "2", "ArrowDown", "1"):
        anns.keyboard.press(key) if len(key) > 3 or key == "Tab" else anns.keyboard.type(key)
    assert typed(anns)["tiers"] == [
        {"up_to": "100", "unit_price": "3"},
        {"up_to": "1000", "unit_price": "2"},
        {"up_to": None, "unit_price": "1"},
    ]
    anns.keyboard.press("Alt+ArrowUp")
    assert [(tier["up_to"], tier["unit_price"]) for tier in typed(anns)["tiers"]] == [
        ("100", "3"),
        ("1000", "1"),
        (None, "2"),
    ]
    anns.keyboard.press("Shift+Delete")
    assert [(tier["up_to"], tier["unit_price"]) for tier in typed(anns)["tiers"]] == [("100", "3"), (None, "2")]
    field(anns, "tiers[1].up_to").fill("500")
    anns.keyboard.press("Tab")
    assert [tier["up_to"] for tier in typed(anns)["tiers"]] == ["100", "500", None]
    assert anns.evaluate("document.activeElement.dataset.path") == "tiers[1].unit_price"


# ---------------------------------------------------------------- what is wrong
def test_an_error_stands_at_the_field_it_names(anns: Page, live_server: LiveServer, draft: RateCardVersion) -> None:
    open_new(anns, live_server, draft, "?preset=tokens-in")
    field(anns, "tiers[0].up_to").fill("many")
    cell = anns.locator("td", has=field(anns, "tiers[0].up_to"))
    expect(cell.locator(".quoin-error")).to_have_text("Must be a number written in plain digits, as text.")
    field(anns, "tiers[0].up_to").fill("10M")
    expect(cell.locator(".quoin-error")).to_be_hidden()
    anns.locator("[data-around=adjusted]").click()
    field(anns, "percent_off").fill("101")
    spot = anns.locator(".rate-field", has=field(anns, "percent_off")).locator(".quoin-error")
    expect(spot).to_have_text("Must not be more than 100.")
    field(anns, "percent_off").fill("")
    anns.locator("[data-around=allowance]").click()
    field(anns, "charge.units").fill("-5")
    spot = anns.locator(".rate-field", has=field(anns, "charge.units")).locator(".quoin-error")
    expect(spot).to_have_text("Must not be negative.")
    anns.fill("#rate-try", "lots")
    field(anns, "charge.units").fill("1,000,000")
    expect(anns.locator("[data-error=trial]")).to_have_text("“lots” is not a number.")


def test_what_is_not_filled_in_yet_is_no_error_until_it_is_passed_by(
    anns: Page, live_server: LiveServer, draft: RateCardVersion
) -> None:
    with anns.expect_response("**/rate-preview/"):
        open_new(anns, live_server, draft, "?kind=package")
    assert anns.locator(".quoin-error:visible").count() == 0
    field(anns, "unit_price").focus()
    anns.keyboard.press("Tab")
    spot = anns.locator(".rate-field", has=field(anns, "unit_price")).locator(".quoin-error")
    expect(spot).to_have_text("Is required.")


def test_an_error_in_the_json_stands_below_it(anns: Page, live_server: LiveServer, draft: RateCardVersion) -> None:
    open_new(anns, live_server, draft, "?preset=tokens-in")
    anns.get_by_role("tab", name="As JSON").click()
    anns.fill("[name=charge]", '{"kind": "per_unit", "unit_price": "-1"}')
    expect(anns.locator("[data-error=charge]")).to_have_text("unit_price: must not be negative.")
    anns.fill("[name=charge]", '{"kind": ')
    expect(anns.locator("[data-error=charge]")).to_have_text("Line 1, column 10: this is not JSON.")
    anns.get_by_role("tab", name="Form").click()
    expect(anns.locator("[data-error=charge]")).to_contain_text("The form cannot show this")
    expect(anns.locator("[data-part=json]")).to_be_visible()


# ---------------------------------------------------------------- all that the kernel can do
def test_the_form_has_every_field_of_every_kind(anns: Page, live_server: LiveServer, draft: RateCardVersion) -> None:
    open_new(anns, live_server, draft, "?kind=per_unit")
    drawn = anns.evaluate(
        """async () => {
            const {KINDS, AROUND} = await import("/static/catalog/editor/kinds.js");
            return Object.fromEntries(Object.entries({...KINDS, ...AROUND}).map(
                ([kind, spec]) => [kind, spec.fields.map(field => field.name)]));
        }"""
    )
    elsewhere = {"matrix": {"by", "default"}, "capacity": {"by"}}
    shown = {kind: {"kind", *names, *elsewhere.get(kind, ())} for kind, names in drawn.items()}
    wanted = {kind: set(charge_schema()["$defs"][kind]["properties"]) for kind in KINDS}
    assert shown == {kind: names - {"charge"} if kind in AROUND else names for kind, names in wanted.items()}
    assert {kind.name for kind in presets.KINDS} == set(KINDS) - AROUND


AROUND = {"adjusted", "committed", "in_unit", "per_group", "per_window", "converted", "allowance"}
EACH = {"kind": "per_unit", "unit_price": "2", "per": "1000"}
TIERS = {"kind": "graduated", "tiers": [{"up_to": "9", "unit_price": "2"}, {"up_to": None, "unit_price": "1"}]}
NESTED = [
    *(dump(preset.charge) for preset in presets.PRESETS),
    {"kind": "volume", "charge_flat_at_zero": True, "tiers": [
        {"up_to": "9", "unit_price": "2", "flat_fee": "5", "block": "3"},
        {"up_to": None, "unit_price": "1", "cap": "7"}]},
    {"kind": "adjusted", "amount_off": "1", "percent_off": "2", "minimum": "3", "maximum": "400", "charge": {
        "kind": "committed", "amount": "500", "overage_factor": "1.5", "true_up": False, "charge": {
            "kind": "in_unit", "unit": "credit", "price": "0.01", "charge": {
                "kind": "per_group", "by": ["project", "team"], "charge": {
                    "kind": "per_window", "window": "day", "charge": {"kind": "allowance", "units": "100", "charge": {
                        "kind": "converted", "operation": "divide", "factor": "1024", "rounding": "up",
                        "precision": "2", "charge": TIERS}}}}}}},
    {"kind": "per_window", "window": "hour", "charge": EACH, "hours": [
        {"from_hour": "22", "to_hour": "6", "charge": {"kind": "allowance", "units": "5", "charge": TIERS}}]},
    {"kind": "matrix", "by": ["model", "region"], "default": TIERS, "cells": [
        {"values": ["large", None], "charge": EACH}, {"values": [None, "eu"], "charge": {
            "kind": "adjusted", "minimum": "5", "charge": {"kind": "volume", "tiers": [
                {"up_to": None, "unit_price": "3"}]}}}]},
    {"kind": "capacity", "by": "unit", "tiers": [
        {"limits": {"bandwidth": "10", "members": "5"}, "price": "10"},
        {"limits": {"bandwidth": None, "members": None}, "price": "100"}]},
    {"kind": "capacity", "tiers": [{"limits": {"": "10"}, "price": "10"}, {"limits": {"": None}, "price": "20"}]},
    {"kind": "percent", "percent": "1.2", "fixed_fee": "0.30", "free_transactions": "3", "free_amount": "900",
     "transaction_min": "1", "transaction_max": "9"},
    {"kind": "graduated_percent", "tiers": [{"up_to": "10000", "percent": "2"}, {"up_to": None, "percent": "1"}]},
    {"kind": "composite", "of": ["input-tokens", "no-longer-sold"], "charge": {
        "kind": "graduated_percent", "tiers": [{"up_to": None, "percent": "9", "flat_fee": "1"}]}},
    {"kind": "sum", "charges": [{"kind": "flat", "amount": "5"}, EACH, {"kind": "cheapest", "charges": [EACH, TIERS]}]},
    {"kind": "dynamic", "multiplier": "1.2"}, {"kind": "dynamic"},
    {"kind": "outcome_share", "percent": "10", "baseline": "1000"},
    {"kind": "package", "unit_price": "5", "size": "1000", "rounding": "down"},
]  # fmt: skip


def test_the_form_keeps_whatever_the_json_says(anns: Page, live_server: LiveServer, draft: RateCardVersion) -> None:
    open_new(anns, live_server, draft, "?kind=per_unit")
    assert {kind for charge in NESTED for kind in kinds_in(charge)} == set(KINDS)
    for charge in NESTED:
        anns.get_by_role("tab", name="As JSON").click()
        anns.fill("[name=charge]", json.dumps(charge))
        anns.get_by_role("tab", name="Form").click()
        expect(anns.locator("[data-part=form]")).to_be_visible()
        assert typed(anns) == charge
        assert dump(load(charge)) == charge
        expect(anns.locator(SENTENCE)).to_have_text(load(charge).sentence("USD"))


def kinds_in(value: Any) -> list[str]:
    if isinstance(value, list):
        return [kind for each in value for kind in kinds_in(each)]
    if not isinstance(value, dict):
        return []
    return [*([value["kind"]] if "kind" in value else []), *kinds_in(list(value.values()))]


def test_what_stands_around_a_price_nests_in_its_order(
    anns: Page, live_server: LiveServer, draft: RateCardVersion
) -> None:
    open_new(anns, live_server, draft, "?preset=api-call")
    for kind in ("allowance", "adjusted", "per_window", "converted"):
        anns.locator(f"[data-around={kind}]").click()
    assert kinds_in(typed(anns)) == ["adjusted", "per_window", "converted", "allowance", "per_unit"]
    field(anns, "minimum").fill("100")
    field(anns, "charge.charge.factor").fill("1,024")
    field(anns, "charge.charge.charge.units").fill("50")
    field(anns, "charge.window").select_option("month")
    assert anns.locator("[data-part=chain] li").all_inner_texts() == [
        "Usage", "anew each month", "÷ 1,024", "first 50 free", "Per unit", "at least 100 USD", "Amount",
    ]  # fmt: skip
    expect(anns.locator(SENTENCE)).to_contain_text("at least $100.00")
    anns.get_by_role("button", name="Remove anew per window").click()
    assert kinds_in(typed(anns)) == ["adjusted", "converted", "allowance", "per_unit"]


def test_a_cell_has_a_price_as_rich_as_any_other(anns: Page, live_server: LiveServer, draft: RateCardVersion) -> None:
    open_new(anns, live_server, draft, "?kind=matrix")
    field(anns, "cells[0].values[0]").fill("large")
    kind = anns.get_by_label("Kind of price").last
    kind.select_option("in_unit")
    field(anns, "cells[0].charge.unit").fill("credit")
    field(anns, "cells[0].charge.price").fill("0.01")
    anns.locator(".rate-nested .rate-inner .rate-kind").select_option("graduated")
    field(anns, "cells[0].charge.charge.tiers[0].up_to").fill("1k")
    field(anns, "cells[0].charge.charge.tiers[0].unit_price").fill("5")
    field(anns, "cells[0].charge.charge.tiers[1].unit_price").fill("3")
    expect(anns.locator(".rate-nested th", has_text="Price")).to_have_text("Price credit")
    expect(anns.locator(SENTENCE)).to_contain_text("first 1,000 at 5 credits each, then 3 credits each")
    expect(anns.locator(TOTAL)).to_have_text("$50.00")


def test_a_matrix_is_filled_and_tried_cell_by_cell(anns: Page, live_server: LiveServer, draft: RateCardVersion) -> None:
    open_new(anns, live_server, draft, "?kind=matrix")
    anns.get_by_role("button", name="Add a property").click()
    field(anns, "by[1]").fill("region")
    field(anns, "cells[0].values[0]").evaluate(PASTE, "a100\tus\t2.00\nh100\teu\t4.50\n*\teu\t3")
    assert [cell["values"] for cell in typed(anns)["cells"]] == [["a100", "us"], ["h100", "eu"], [None, "eu"]]
    quantities = anns.locator(".rate-parts [aria-label^=Quantity]")
    expect(quantities).to_have_count(3)
    for place, quantity in enumerate(("700", "300", "0")):
        quantities.nth(place).fill(quantity)
    expect(anns.locator(TOTAL)).to_have_text("$2,750.00")
    anns.locator(".rate-parts [aria-label^=gpu], .rate-parts [aria-label^=model]").nth(0).fill("b200")
    expect(anns.locator(".rate-cliff")).to_contain_text("No price covers 700 model b200, region us.")
    assert anns.locator(".rate-legend li").count() == 3


# ---------------------------------------------------------------- without the script
def test_a_price_is_set_where_the_script_does_not_run(
    page: Page, live_server: LiveServer, draft: RateCardVersion
) -> None:
    page.route("**/catalog/editor/*.js", lambda route: route.abort())
    sign_in(page, live_server)
    page.goto(live_server.url + reverse("admin:catalog_rate_edit", args=[draft.pk, "platform-fee"]))
    page.fill("[name=charge]", '{"kind": "flat", "amount": "nothing"}')
    page.fill("[name=because]", "Dearer")
    page.get_by_role("button", name="Save the price").click()
    expect(page.locator(".quoin-error", has_text="amount: must be a number")).to_be_visible()
    page.fill("[name=charge]", '{"kind": "flat", "amount": "25"}')
    page.get_by_role("button", name="Save the price").click()
    page.wait_for_url("**/change/")
    assert draft.rates.get(product__key="platform-fee").charge == load({"kind": "flat", "amount": "25"})
