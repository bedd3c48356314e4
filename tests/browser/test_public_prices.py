"""The public price page in a real browser: the estimate follows what is typed, frames grow, nothing is broken."""

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from playwright.sync_api import Page, expect

from catalog import operations as catalog
from config.urls import urlpatterns as ours
from governance.clock import clock_set_to
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)


def around(request: HttpRequest) -> HttpResponse:
    """Somebody's page with our prices in it, as docs/pricing.md says."""
    response = HttpResponse(
        '<iframe id="prices" src="/prices/standard-usd?embed=1" style="width: 100%; height: 50px"></iframe>'
        '<script src="/around.js"></script>'
    )
    response.xframe_options_exempt = True  # type: ignore[attr-defined]
    return response


def script(request: HttpRequest) -> HttpResponse:
    return HttpResponse(
        "addEventListener('message', (event) => {"
        "document.getElementById('prices').style.height = `${event.data.quoinHeight}px`; });",
        content_type="text/javascript",
    )


urlpatterns = [*ours, path("around", around), path("around.js", script)]


@pytest.fixture
def prices(live_server: Any) -> Any:
    with clock_set_to(cast.NOW):
        card = cast.standard_card().card
        catalog.update_rate_card(card, name="Our prices", is_public=True, act=cast.act("ann"))
        yield f"{live_server.url}/prices/standard-usd"


def test_the_estimate_follows_what_is_typed(prices: str, page: Page) -> None:
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.goto(prices)
    expect(page.locator("[data-monthly]")).to_have_text("$20.00")  # the fee is part of it from the start
    page.fill("[name=q-input-tokens]", "20,000,000")
    expect(page.locator("[data-monthly]")).to_have_text("$65.00")
    page.uncheck("[name=q-platform-fee]")
    expect(page.locator("[data-monthly]")).to_have_text("$45.00")
    assert problems == []
    page.fill("[name=q-input-tokens]", "many")
    expect(page.locator("[data-error=q-input-tokens]")).to_be_visible()
    expect(page.locator("[data-result]")).to_be_hidden()


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_sticks_out(prices: str, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(prices)
    assert page.evaluate("document.documentElement.scrollWidth") == width


@override_settings(ROOT_URLCONF="tests.browser.test_public_prices")
def test_in_a_frame_it_is_as_tall_as_it_needs(prices: str, page: Page) -> None:
    page.goto(prices.replace("/prices/standard-usd", "/around"))
    frame = page.frame_locator("#prices")
    expect(frame.locator("h1")).to_have_text("Our prices")
    page.wait_for_function("document.getElementById('prices').offsetHeight > 400")
    inner = frame.locator("html").evaluate("e => e.scrollHeight - e.clientHeight")
    assert inner <= 1
