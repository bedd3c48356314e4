"""What every test may ask for: a browser, one for the whole run, and a fresh page in it."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from config import browser as chromium

# Playwright's sync API keeps an event loop running, which Django would take for asynchronous code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window. Fails, and never skips, when there is none."""
    executable = chromium.executable()
    if executable is None:
        pytest.fail(
            "No browser to test with. Type: sudo apt install chromium (or brew install --cask chromium)."
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=chromium.FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page, 1440 by 900, with no cookies of another test. Waits of more than ten seconds fail."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()
