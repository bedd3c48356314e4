"""What every test may ask for: a browser, one for the whole run, and a fresh page in it; the cast."""

import os
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, sync_playwright

from config import browser as chromium
from governance.acts import Act
from tests import cast

# Playwright's sync API keeps an event loop running, which Django would take for asynchronous code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window. Fails, and never skips, when there is none."""
    executable = chromium.executable()
    if executable is None:
        pytest.fail("No browser to test with. Type: sudo apt install chromium (or brew install --cask chromium).")
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


@pytest.fixture
def act() -> Callable[..., Act]:
    """`act(user, because="…", at=…)`: what somebody of the cast, or with None the product itself, does."""
    return cast.act


@pytest.fixture
def ann(db: None) -> User:
    """Pricing manager."""
    return cast.person("ann")


@pytest.fixture
def ben(db: None) -> User:
    """Sales rep."""
    return cast.person("ben")


@pytest.fixture
def dee(db: None) -> User:
    """Deal desk."""
    return cast.person("dee")


@pytest.fixture
def cara(db: None) -> User:
    """Finance."""
    return cast.person("cara")


@pytest.fixture
def cleo(db: None) -> User:
    """Customer success."""
    return cast.person("cleo")


@pytest.fixture
def eric(db: None) -> User:
    """Engineer."""
    return cast.person("eric")


@pytest.fixture
def ada(db: None) -> User:
    """Administrator."""
    return cast.person("ada")


@pytest.fixture
def dan(db: None) -> User:
    """The customer's person, without a role."""
    return cast.person("dan")
