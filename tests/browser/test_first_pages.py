"""The first pages in a real browser: they work under the Content-Security-Policy and fetch nothing from elsewhere."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer


@pytest.fixture
def complaints(page: Page, live_server: LiveServer) -> list[str]:
    """What the browser's console complains of, and every address outside this server that a page asks for."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("response", lambda response: found.append(response.url) if response.status >= 400 else None)
    page.on(
        "request",
        lambda request: None if request.url.startswith((live_server.url, "data:")) else found.append(request.url),
    )
    return found


def test_one_signs_in_and_arrives_at_the_home_page(page: Page, live_server: LiveServer, complaints: list[str]) -> None:
    User.objects.create_superuser("ada", "ada@example.com", "quoin")
    page.goto(live_server.url)
    page.fill("[name=username]", "ada")
    page.fill("[name=password]", "quoin")
    page.press("[name=password]", "Enter")
    page.wait_for_url(f"{live_server.url}/admin/")
    page.locator("#nav-sidebar-apps").get_by_text("Users", exact=True).click()
    page.wait_for_url(f"{live_server.url}/admin/auth/user/")
    page.wait_for_load_state("networkidle")
    assert complaints == []


def test_the_api_can_be_read_in_the_browser(page: Page, live_server: LiveServer, complaints: list[str]) -> None:
    page.goto(f"{live_server.url}/api/docs/")
    page.get_by_role("heading", name="Quoin API").wait_for()
    page.wait_for_load_state("networkidle")
    assert complaints == []
