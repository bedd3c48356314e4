"""The whole chain in a real browser: everybody signs in and does their part, from the offer to the booked invoice."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from django.core import mail
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from contracts.models import Contract
from governance.clock import clock_set_to
from integrations import outbox
from integrations.models import Delivery
from invoicing.models import Invoice
from ledger.operations import install_accounts
from metering.operations import ingest
from metering.wire.events import Event
from tests import cast

NOISE = {"error", "warning"}
EVENTS = 20  # a month, of a twentieth of what the offer expects
FEBRUARY = datetime(2026, 2, 2, 12, tzinfo=UTC)
ACTIONS = "ul[x-bind\\:class*=showActions] a"  # the buttons at the head of a page
MARCH = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass
class House:
    """The running product, seen through browsers of their own for each person."""

    url: str
    open_browser: Callable[[], BrowserContext]
    complaints: list[str]

    def visit(self) -> Page:
        """A page of somebody nobody knows. What its console or the server complains of is kept."""
        page = self.open_browser().new_page()
        page.on("console", lambda said: self.complaints.append(said.text) if said.type in NOISE else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("response", lambda answer: self.complaints.append(answer.url) if answer.status >= 400 else None)
        return page

    def sign_in(self, username: str) -> Page:
        cast.person(username)
        page = self.visit()
        page.goto(self.url)
        page.fill("[name=username]", username)
        page.fill("[name=password]", "quoin")
        page.press("[name=password]", "Enter")
        page.wait_for_url(f"{self.url}/admin/")
        return page


@pytest.fixture
def house(browser: Browser, live_server: LiveServer, settings: Settings) -> Iterator[House]:
    settings.PUBLIC_URL = live_server.url
    opened: list[BrowserContext] = []

    def open_browser() -> BrowserContext:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        context.set_default_timeout(10_000)
        opened.append(context)
        return context

    yield House(live_server.url, open_browser, [])
    for context in opened:
        context.close()


def test_everybody_does_their_part_from_the_price_list_to_the_journal(house: House) -> None:
    with clock_set_to(cast.NOW):
        install_accounts()
        cast.seller()
        cast.contoso()
        cast.standard_card()
        ann_reads_the_price_list(house.sign_in("ann"))
        bens = house.sign_in("ben")
        ben_makes_an_offer(bens)
        ben_cannot_send_it_yet(bens)
        dee_approves(house.sign_in("dee"))
        ben_sends(bens)
        outbox.drain(at=cast.NOW)
        dan_accepts(house.visit())
    caras = house.sign_in("cara")
    use_what_was_expected(2026, 1, FEBRUARY)
    with clock_set_to(FEBRUARY):
        cara_bills(caras)
        cara_reads_the_invoice(caras)
        outbox.drain(at=FEBRUARY)
    use_what_was_expected(2026, 2, MARCH)
    with clock_set_to(MARCH):
        cara_bills(caras)
        outbox.drain(at=MARCH)
        assert [f"{each.total:.2f}" for each in Invoice.objects.order_by("sequence")] == ["36.00", "52.25", "92.25"]
        cara_reads_the_journal(caras)
        cleo_looks_at_the_contract(house.sign_in("cleo"))
        eric_looks_at_the_events(house.sign_in("eric"))
        ada_looks_at_the_trail(house.sign_in("ada"))
    assert not Delivery.objects.exclude(status=Delivery.Status.DONE).exists()
    assert house.complaints == []


# ---------------------------------------------------------------- the offer
def ann_reads_the_price_list(page: Page) -> None:
    go(page, "Rate cards")
    page.get_by_role("link", name="Standard USD").click()
    expect(page.locator(".quoin-table").first).to_contain_text(
        "First 10,000,000 at $2.50 per million, then $2.00 per million"
    )


def ben_makes_an_offer(page: Page) -> None:
    go(page, "Quotes")
    page.locator("a[href$='/quote/add/']").first.click()
    page.select_option("[name=customer]", label="Contoso Ltd")
    page.fill("[name=title]", "Language model for Contoso")
    page.fill("[name=start_on]", "2026-01-01")
    page.fill("[name=valid_until]", "2026-01-31")
    page.get_by_role("button", name="Create, then add products").click()
    add_product(page, "Input tokens", "20M", "15")
    add_product(page, "Output tokens", "4M", "15")
    add_product(page, "Platform fee", "1", "")
    page.fill("#commit-new-access_amount", "40")
    page.fill("#commit-new-price", "36")
    page.get_by_role("button", name="Offer prepaid usage").click()
    figures = page.locator(".quoin-figures")
    expect(figures).to_contain_text("$88.25 in the first month, then $92.25 a month")
    expect(figures).to_contain_text("$1,103.00")
    page.get_by_text("The same in figures").click()
    due = page.locator("details[open] tbody tr td:last-child")
    assert due.all_inner_texts() == ["$88.25", *["$92.25"] * 11]


def ben_cannot_send_it_yet(page: Page) -> None:
    confirm(page, "Submit", "They want to start in January")
    expect(page.get_by_text("It waits for approval and cannot be sent before.")).to_be_visible()
    assert buttons(page) == ["History", "Reopen", "Clone"]
    page.get_by_role("link", name="Look").click()
    expect(page.get_by_text("15 % off usage")).to_be_visible()
    assert buttons(page) == ["History"]
    page.go_back()


def dee_approves(page: Page) -> None:
    waiting = page.locator("section", has=page.get_by_role("heading", name="Waiting for you"))
    waiting.get_by_role("link", name=re.compile("15 % off usage")).click()
    confirm(page, "Approve", "A reference customer")
    expect(page.get_by_text("Approved: Q-2025-0001 v1.")).to_be_visible()
    page.goto(page.url.split("/admin/")[0] + "/admin/")
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()


def ben_sends(page: Page) -> None:
    page.reload()
    expect(page.get_by_text("Everybody who must agree has agreed. It can be sent.")).to_be_visible()
    confirm(page, "Send", "As agreed on the phone")
    expect(page.get_by_text("Q-2025-0001 is on its way to dan@contoso.test.")).to_be_visible()


def dan_accepts(page: Page) -> None:
    (message,) = mail.outbox
    assert message.to == ["dan@contoso.test"]
    link = re.search(r"http://\S+/q/\S+", str(message.body))
    assert link is not None
    page.goto(link.group())
    expect(page.locator(".cards")).to_contain_text("$1,103.00")
    page.fill("#accept-name", "Dan Contoso")
    page.check("[name=consent]")
    page.get_by_role("button", name="Accept the offer").click()
    expect(page.get_by_role("status")).to_contain_text("Thank you, this offer is accepted.")
    assert Contract.objects.get().signed_by == "Dan Contoso"


# ---------------------------------------------------------------- the bill
def use_what_was_expected(year: int, month: int, at: datetime) -> None:
    events = [
        Event(
            id=f"{month}-{number}",
            type="llm.request",
            time=datetime(year, month, number + 1, 8, tzinfo=UTC),
            customer_key="contoso",
            properties={"ContextTokens": 1_000_000, "GeneratedTokens": 200_000},
        )
        for number in range(EVENTS)
    ]
    assert {verdict.outcome for verdict in ingest(events, source="gateway", at=at)} == {"accepted"}


def cara_bills(page: Page) -> None:
    go(page, "Billing runs")
    confirm(page, "Run billing now", "The month is over", button="Run billing")
    expect(page.get_by_text(re.compile("invoices were written"))).to_be_visible()


def cara_reads_the_invoice(page: Page) -> None:
    go(page, "Invoices")
    page.get_by_role("link", name="INV-000002").click()
    lines = page.locator(".quoin-table").first
    expect(lines).to_contain_text("Total due")
    expect(lines.locator("tfoot tr").last).to_contain_text("$52.25 USD")
    lines.get_by_text("Why this number").first.click()
    steps = lines.locator("details[open]")
    for step in ("10,000,000 at $2.50 per million", "10,000,000 at $2.00 per million", "15% off", "−$6.75"):
        expect(steps).to_contain_text(step)
    document = page.request.get(page.url.replace("/change/", "/pdf/"))
    assert document.headers["content-type"] == "application/pdf"
    assert document.body().startswith(b"%PDF-")


# ---------------------------------------------------------------- afterwards
def cara_reads_the_journal(page: Page) -> None:
    go(page, "Journal")
    expect(page.locator("#result_list")).to_contain_text("Invoice INV-000003")
    expect(page.locator("#result_list")).to_contain_text("2100 Deferred revenue")


def cleo_looks_at_the_contract(page: Page) -> None:
    go(page, "Customers")
    page.get_by_role("link", name="Contoso Ltd").click()
    page.get_by_role("link", name="C-2025-0001").click()
    expect(page.get_by_text("$0.00 left, $40.00 used")).to_be_visible()


def eric_looks_at_the_events(page: Page) -> None:
    go(page, "Usage events")
    expect(page.get_by_text(f"{2 * EVENTS} usage events")).to_be_visible()
    go(page, "Quarantine")
    expect(page.get_by_role("heading", name="No quarantined events yet")).to_be_visible()


def ada_looks_at_the_trail(page: Page) -> None:
    for title in ("Users", "Roles", "API keys", "Approval policies", "Deliveries"):
        go(page, title)
    go(page, "Changes")
    expect(page.locator("#result_list")).to_contain_text("Invoice finalized")


# ---------------------------------------------------------------- what people do on every page
def go(page: Page, title: str) -> None:
    """Follow the sidebar, as people do."""
    page.locator("#nav-sidebar-apps a", has_text=re.compile(rf"\s{title}\s*$")).click()
    expect(page.locator("h1").first).to_be_visible()


def add_product(page: Page, name: str, amount: str, percent_off: str) -> None:
    choice = page.locator("#line-new-product option", has_text=name).inner_text()
    page.select_option("#line-new-product", label=choice)
    page.fill("#line-new-amount", amount)
    page.fill("#line-new-discount_percent", percent_off)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".quoin-lines strong", has_text=name)).to_be_visible()


def confirm(page: Page, action: str, because: str, *, button: str = "") -> None:
    """Press an operation's button, say why in its dialog, and go on."""
    page.locator(ACTIONS, has_text=re.compile(rf"\b{action}\s*$")).click()
    page.fill("textarea[name=because]", because)
    with page.expect_navigation():
        page.get_by_role("button", name=button or action, exact=True).last.click()


def buttons(page: Page) -> list[str]:
    """The words on the buttons that a thing's page offers at its head."""
    return [text.split("\n")[-1].strip() for text in page.locator(ACTIONS).all_inner_texts()]
