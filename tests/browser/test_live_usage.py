"""The live page in a real browser: it moves while events come in, without complaints and without a jump."""

from datetime import UTC, date, datetime

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from metering.operations import ingest
from metering.wire.events import Event
from tests import cast

SHIFTS = """
    window.shifted = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((each) => { window.shifted += each.value; }))
        .observe({ type: "layout-shift" });
"""
pytestmark = pytest.mark.django_db(transaction=True)


def report(name: str, tokens: int) -> None:
    at = datetime.now(UTC)
    given = {"ContextTokens": tokens, "GeneratedTokens": 1}
    ingest([Event(name, "llm.request", at, "contoso", given)], source="gateway", at=at)


def test_figures_move_within_five_seconds_of_an_event(page: Page, live_server: LiveServer) -> None:
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    cast.signed_contract(start_on=date(datetime.now(UTC).year, 1, 1))
    cast.person("cara")
    report("first", 1_000)
    page.goto(f"{live_server.url}/admin/login/?next=/admin/insights/live/%3Fcustomer=contoso")
    page.fill("[name=username]", "cara")
    page.fill("[name=password]", "quoin")
    page.press("[name=password]", "Enter")
    figure = page.locator("[data-figure^=meter-input-tokens]")
    expect(figure).to_have_text("1,000")
    page.evaluate(SHIFTS)
    report("second", 234_000)
    expect(figure).to_have_text("235,000", timeout=5_000)
    assert page.evaluate("window.shifted") == 0
    assert complaints == []
