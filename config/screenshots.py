"""Pictures of the product for the README: the demo company on a day that never changes, in the system's Chromium."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from django.core.management import call_command
from django.urls import reverse
from playwright.sync_api import Page, ViewportSize, sync_playwright

from catalog.models import RateCardVersion
from config import browser, demo
from config.cast import PASSWORD
from config.journey.stage import stage
from integrations import outbox
from invoicing.links import link_to
from invoicing.models import Invoice
from quoting.models import Quote

NOW = datetime(2026, 2, 18, 10, tzinfo=UTC)
SIZE: ViewportSize = {"width": 1440, "height": 900}
NO_BROWSER = "No browser to take pictures with. Type: sudo apt install chromium (or brew install --cask chromium)."


class NoPicture(Exception):
    """A picture cannot be taken; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: its name, who looks at which page, and what is clicked open on it first."""

    name: str
    address: str
    username: str = ""  # the customer's pages need no sign-in
    opens: str = ""


def take(folder: Path) -> Iterator[Path]:
    """Take every picture into the folder, and yield where each is."""
    executable = browser.executable()
    if executable is None:
        raise NoPicture(NO_BROWSER)
    folder.mkdir(parents=True, exist_ok=True)
    with stage() as place:
        place.set_clock(NOW)
        call_command("install", verbosity=0, stdout=io.StringIO())
        demo.load(NOW)
        outbox.drain(at=NOW)
        pictures = _pictures(place.url)
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=executable, args=browser.FLAGS)
            for picture in pictures:
                context = chromium.new_context(viewport=SIZE, color_scheme="light", reduced_motion="reduce")
                yield _take(picture, context.new_page(), f"{place.url}/admin/", folder)
                context.close()
            chromium.close()


def _pictures(url: str) -> list[Picture]:
    """Finance at home, prices being changed and shown, an offer that waits, and a month in which a commit ran out."""
    change = RateCardVersion.objects.get(card__key="standard-usd", status=RateCardVersion.Status.IN_REVIEW)
    review = reverse("admin:catalog_ratecardversion_change", args=[change.pk])
    offer = Quote.objects.get(customer__key="wide")
    invoice = Invoice.objects.filter(customer__key="fabrikam", drawn__lt=0).latest("sequence")
    page = reverse("admin:quoting_quote_change", args=[offer.pk])
    return [
        Picture("home", f"{url}/admin/", "cara"),
        Picture("prices", f"{url}{review}", "ann"),
        Picture("price-page", f"{url}/prices/standard-usd"),
        Picture("quote", f"{url}{page}", "ben"),
        Picture("invoice", f"{url}{urlsplit(link_to(invoice)).path}", opens="details:first-of-type > summary"),
    ]


def _take(picture: Picture, page: Page, admin: str, folder: Path) -> Path:
    if picture.username:
        page.goto(admin)
        page.fill("[name=username]", picture.username)
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
        page.wait_for_url(admin)
    answer = page.goto(picture.address)
    if answer is None or not answer.ok:
        raise NoPicture(f"The page of {picture.name} does not open; its picture was left as it is.")
    if picture.opens:
        page.locator(picture.opens).first.click()
    page.mouse.move(0, 0)
    page.wait_for_load_state("networkidle")
    page.evaluate("document.activeElement.blur(); document.fonts.ready")
    path = folder / f"{picture.name}.png"
    page.screenshot(path=path, animations="disabled")
    return path
