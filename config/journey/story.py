"""The story, chapter by chapter. Each chapter sets the clock, acts as one of the cast, and works off what is due."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

import requests
from django.contrib.auth.models import User
from django.core.management import call_command
from guardian.shortcuts import assign_perm

from catalog import operations as catalog
from catalog.models import Product, RateCard
from config.cast import install_cast, install_seller
from config.journey.stage import Stage
from config.journey.usage_file import Request
from config.standard_prices import MILLION, standard_prices, standard_products
from contracts import operations as contracts
from contracts.models import Contract, Customer, LegalEntity
from governance import approvals
from governance.acts import Act, Refused
from governance.doors import SERVE_CUSTOMER
from governance.models import ApprovalRequest, SystemKey
from invoicing import operations as invoicing
from invoicing.models import Invoice
from pricing.periods import add_months, midnight
from quoting import drafting
from quoting import operations as quoting
from quoting.models import Quote, QuoteVersion

BATCH = 1_000
GRACE_HOURS = 12
OPPORTUNITY = "OPP-1001"
Progress = Callable[[str, int, int], None]


@dataclass
class Story:
    """What the chapters know of each other."""

    stage: Stage
    usage: list[Request]
    start: date
    progress: Progress
    people: dict[str, User] = field(default_factory=dict)
    usage_answers: dict[str, int] = field(default_factory=lambda: {"accepted": 0, "duplicates": 0})
    refusals: list[str] = field(default_factory=list)
    seller: LegalEntity = field(init=False)
    card: RateCard = field(init=False)
    customer: Customer = field(init=False)
    quote: Quote = field(init=False)
    contract: Contract = field(init=False)

    def act(self, who: str, because: str, at: datetime) -> Act:
        return Act.of_user(self.people[who], because, at)

    def must_refuse(self, attempt: Callable[[], Any]) -> None:
        """The attempt must be declined; its sentence goes to the summary."""
        try:
            attempt()
        except Refused as refusal:
            self.refusals.append(str(refusal))
        else:
            raise AssertionError("something that must be refused was allowed")


def play(story: Story) -> None:
    """All chapters in order."""
    chapters = [install, publish_prices, quote_and_approve, accept, measure_and_bill]
    for number, chapter in enumerate(chapters):
        story.progress(str(chapter.__doc__).split(".")[0], number, len(chapters))
        chapter(story)
    story.progress("Done", len(chapters), len(chapters))


def install(story: Story) -> None:
    """Set up the company. Roles, approval policies, accounts, people."""
    at = _clock(story, days_before=14)
    call_command("install", verbosity=0, stdout=_Nowhere())
    story.people = install_cast()
    story.seller = install_seller(
        grace_hours=GRACE_HOURS, act=Act.of_system("installation", "The company that sells", at)
    )


def publish_prices(story: Story) -> None:
    """Publish the rate card. The pricing manager drafts, finance approves."""
    at = _clock(story, days_before=13)
    ann = story.act("ann", "Prices for the launch", at)
    products = standard_products(ann)
    story.card = catalog.create_rate_card(key="standard-usd", name="Standard USD", currency="USD", act=ann)
    draft = standard_prices(story.card, products, act=ann)
    catalog.submit_version(draft, act=ann)
    (request,) = _pending(draft)
    story.must_refuse(lambda: approvals.approve(request, act=story.act("ann", "I am sure", at)))
    story.must_refuse(lambda: catalog.publish_version(draft, effective_from=at, act=ann))
    approvals.approve(request, act=story.act("cara", "Margins hold", at))
    catalog.publish_version(draft, effective_from=at, act=ann)
    story.stage.work_off(at)


def quote_and_approve(story: Story) -> None:
    """Quote twelve months. Deal desk must agree to 15 % before it can be sent."""
    at = _clock(story, days_before=7)
    ben = story.act("ben", "New business", at)
    story.customer = contracts.create_customer(
        key="contoso",
        name="Contoso Ltd",
        email="dan@contoso.example",
        billing_address="1 Harbour Road\nSeattle, WA 98101\nUnited States",
        act=ben,
    )
    assign_perm(SERVE_CUSTOMER, story.people["ben"], story.customer)
    story.quote = drafting.draft_quote(
        customer=story.customer,
        rate_card=story.card,
        owner=story.people["ben"],
        legal_entity=story.seller,
        title="Conversational AI for Contoso",
        start_on=story.start,
        months=12,
        valid_until=story.start + timedelta(days=14),
        opportunity_key=OPPORTUNITY,
        act=ben,
    )
    version = story.quote.versions.get()
    expected = {"input-tokens": 20 * MILLION, "output-tokens": 4 * MILLION}
    for key, usage in expected.items():
        product = Product.objects.get(key=key)
        drafting.set_line(version, product, expected_usage=usage, discount_percent=Decimal(15), act=ben)
    drafting.set_line(version, Product.objects.get(key="platform-fee"), quantity=Decimal(1), act=ben)
    drafting.set_commit(
        version, name="Prepaid usage", access_amount=Decimal("40.00"), price=Decimal("36.00"), product_keys=[], act=ben
    )
    _go_round_the_approval(story, version, at)
    (request,) = _pending(version)
    approvals.approve(request, act=story.act("dee", "A reference customer", at))
    quoting.send(QuoteVersion.objects.get(pk=version.pk), act=ben)
    story.stage.work_off(at)


def accept(story: Story) -> None:
    """Accept on the signed-link page. The contract is signed in the same transaction."""
    at = _clock(story, days_before=3)
    link = story.stage.link_in_mail("Q-", "/q/")
    story.stage.fill_in_form(link, decision="accept", name="Dan Contoso", consent="on")
    story.contract = Contract.objects.get(customer=story.customer)
    story.stage.work_off(at)


def measure_and_bill(story: Story) -> None:
    """Measure, bill and collect. Month by month, everything twice."""
    key = usage_key("inference-gateway")
    months = by_month(story.usage)
    for number, (month_end, rows) in enumerate(months):
        story.stage.set_clock(month_end)
        send_usage(story, rows, key)
        if number == len(months) - 1:
            send_usage(story, story.usage, key)
        at = story.stage.set_clock(month_end + timedelta(hours=GRACE_HOURS))
        for _ in range(2):
            invoicing.bill_due(through=at, act=Act.of_system("timetable", "Monthly billing", at))
        story.stage.work_off(at)
        at = story.stage.set_clock(month_end + timedelta(days=1, hours=9))
        pay_at_stripe(story)
        story.stage.work_off(at)


def by_month(usage: list[Request]) -> list[tuple[datetime, list[Request]]]:
    """The rows of each month in the order of time, with the instant at which the month ends."""
    months = groupby(sorted(usage, key=_when), key=lambda row: row.at.date().replace(day=1))
    return [(midnight(add_months(first_day, 1), "UTC"), list(rows)) for first_day, rows in months]


def send_usage(story: Story, rows: list[Request], key: str) -> None:
    """Post rows to the API as an outside system would, in batches of 1,000."""
    session = requests.Session()
    session.headers["Authorization"] = f"Api-Key {key}"
    for first in range(0, len(rows), BATCH):
        batch = rows[first : first + BATCH]
        answer = session.post(
            f"{story.stage.url}/api/v1/usage-events",
            json=[event_of(row, story.customer.key) for row in batch],
            timeout=120,
        )
        answer.raise_for_status()
        for outcome, count in answer.json().items():
            if outcome != "events":
                story.usage_answers[outcome] = story.usage_answers.get(outcome, 0) + count
        story.progress(f"Sending usage: {min(first + BATCH, len(rows)):,} of {len(rows):,} requests", 4, 5)


def pay_at_stripe(story: Story) -> None:
    """The customer pays every open invoice on Stripe's page; Stripe tells us, twice."""
    for invoice in story.stage.stripe.open_invoices():
        story.stage.stripe.pay(invoice)


def _go_round_the_approval(story: Story, version: QuoteVersion, at: datetime) -> None:
    """Submit, then try what a rep in a hurry would try. Each attempt is refused."""
    ben = story.act("ben", "The customer is waiting", at)
    story.must_refuse(lambda: quoting.send(version, act=ben))
    version = quoting.submit(version, act=ben)
    (request,) = _pending(version)
    story.must_refuse(lambda: approvals.approve(request, act=ben))
    story.must_refuse(lambda: quoting.send(version, act=ben))
    story.must_refuse(lambda: quoting.accept(version, name="Ben", from_ip=None, act=ben))
    line = version.lines.select_related("product")[0]
    story.must_refuse(
        lambda: drafting.set_line(
            version, line.product, expected_usage=line.expected_usage, discount_percent=Decimal(9), act=ben
        )
    )


def _pending(subject: Any) -> list[ApprovalRequest]:
    return list(ApprovalRequest.objects.filter(subject_id=str(subject.pk), status="pending"))


def _clock(story: Story, *, days_before: int) -> datetime:
    day = datetime.combine(story.start, datetime.min.time(), UTC)
    return story.stage.set_clock(day - timedelta(days=days_before) + timedelta(hours=9))


def _when(row: Request) -> datetime:
    return row.at


def usage_key(system: str) -> str:
    """A new key with which this system may report usage."""
    _, key = SystemKey.objects.create_key(name=system, scopes=["usage:write"])
    return str(key)


def event_of(row: Request, customer: str) -> dict[str, Any]:
    """A row as the API takes it."""
    return {
        "id": f"request-{row.row}",
        "type": "llm.request",
        "time": row.at.isoformat().replace("+00:00", "Z"),
        "customer": customer,
        "properties": {"input_tokens": row.input_tokens, "output_tokens": row.output_tokens},
    }


class _Nowhere:
    def write(self, text: str) -> None:
        """Swallow what a command says."""


def invoices(story: Story) -> Iterator[Invoice]:
    """Every numbered invoice of the story, in the order of the numbers."""
    yield from Invoice.objects.filter(contract=story.contract, number__isnull=False).order_by("sequence")
