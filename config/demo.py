"""The demo company: half a year of business, made through the same operations as real business, once.

Northwind AI sells a language model by the token. Some customers run their commits down, some will not use them up; one
price change and one discount wait for approval; some usage could not be counted. So every page has something to show.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction
from guardian.shortcuts import assign_perm

from catalog import operations as catalog
from catalog.models import Product, RateCard, RateCardVersion
from config import demo_catalog, demo_outcomes
from config.cast import install_cast, install_seller
from config.standard_prices import MILLION, standard_prices, standard_products
from contracts import operations as contracts
from contracts.models import Contract, Customer, LegalEntity
from governance import approvals
from governance.acts import Act
from governance.doors import SERVE_CUSTOMER
from governance.models import ApprovalRequest
from invoicing import operations as invoicing
from invoicing.models import Invoice
from invoicing.settlement import record_payment
from metering.models import EventType
from metering.operations import ingest
from metering.quarantine import at_risk
from metering.registry.registering import change_event_type, publish_schema
from metering.wire.events import Event
from pricing.periods import add_months
from quoting import drafting
from quoting import operations as quoting
from quoting.models import Quote, QuoteVersion

SOURCE = "inference-gateway"
HISTORY_MONTHS = 6
NO_TRAFFIC = "The newer products have no traffic yet."


@dataclass(frozen=True, slots=True)
class Deal:
    """One customer and their offer. `months_ago` is when the contract began; `ends` says how far the offer has come.

    Expected tokens are millions a month; `real` is how much of the expectation is used in fact. `resolutions` are those
    of the agent, a month.
    """

    name: str
    city: str
    contact: str
    ends: str  # draft, in_review, sent, accepted, declined
    months_ago: int
    input_millions: int
    output_millions: int
    discount: int = 0
    commit: tuple[int, int] | None = None
    real: Decimal = Decimal(1)
    follows_card: bool = False
    resolutions: int = 0

    @property
    def key(self) -> str:
        return self.name.split()[0].lower()


DEALS = [
    Deal("Contoso Ltd", "Seattle, WA", "Dan Contoso", "accepted", 6, 900, 180, 15, (27_000, 24_300), Decimal("1.05")),
    Deal("Adventure Works", "Denver, CO", "Ada Venture", "accepted", 6, 700, 160, follows_card=True, resolutions=90),
    Deal(
        "Fabrikam Robotics",
        "Detroit, MI",
        "Fay Brick",
        "accepted",
        5,
        1500,
        220,
        12,
        (15_000, 13_500),
        Decimal("1.4"),
        follows_card=True,
    ),
    Deal("Tailspin Health", "Boston, MA", "Tess Spinner", "accepted", 5, 600, 90, 8, (24_000, 21_600), Decimal("0.3")),
    Deal("Proseware Inc.", "Austin, TX", "Pro Ware", "sent", 0, 400, 80, 10, (6_000, 5_400)),
    Deal("Wide World Importers", "New York, NY", "Will Wide", "in_review", 0, 2000, 400, 22, (30_000, 26_000)),
    Deal("Litware Games", "Portland, OR", "Lit Ware", "draft", 0, 120, 45),
    Deal("Coho Winery", "Napa, CA", "Coco Ho", "declined", 1, 80, 20, 5),
]


@transaction.atomic
def load(now: datetime) -> bool:
    """Make the demo company as of `now`, unless a company is there already. Returns whether it was made."""
    if LegalEntity.objects.exists():
        return False
    people = install_cast()
    this_month = now.date().replace(day=1)
    opening = _at(add_months(this_month, -HISTORY_MONTHS - 1))
    seller = install_seller(grace_hours=24, act=Act.of_system("installation", "The company that sells", opening))
    card = _publish_prices(people, opening)
    for deal in DEALS:
        _offer(deal, card, seller, people, now)
    for month_end in (add_months(this_month, -back) for back in range(HISTORY_MONTHS - 1, -1, -1)):
        _use(add_months(month_end, -1), month_end)
        _bill_and_collect(month_end, now)
    _use(this_month, now.date())
    _propose_new_prices(card, people, now - timedelta(days=1))
    _say_what_events_carry(people, now - timedelta(days=1))
    _send_what_cannot_be_counted(now)
    demo_outcomes.settle(now)
    demo_outcomes.contest(people, now - timedelta(hours=1))
    return True


def _publish_prices(people: dict[str, User], at: datetime) -> RateCard:
    ann = Act.of_user(people["ann"], "Launch prices", at)
    products = standard_products(ann)
    card = catalog.create_rate_card(
        key="standard-usd", name="Standard USD", currency="USD", notice_days=14, is_public=True, act=ann
    )
    draft = standard_prices(card, products, act=ann)
    demo_catalog.price_everything(draft, act=ann)
    demo_catalog.know_costs_and_features(at, act=ann)
    demo_outcomes.define(act=ann)
    opens_at = at + timedelta(hours=1)
    _publish(draft, people, opens_at, act=ann)
    later = Act.of_user(people["ann"], "The European market", opens_at)
    _publish(demo_catalog.open_europe(card, act=later), people, opens_at, act=later)
    return card


def _publish(draft: RateCardVersion, people: dict[str, User], effective_from: datetime, *, act: Act) -> None:
    draft = catalog.submit_version(draft, warnings_accepted=NO_TRAFFIC, act=act)
    _approve(draft.pk, people["cara"], "Margins hold at these prices", act.at)
    catalog.publish_version(draft, effective_from=effective_from, act=act)


def _propose_new_prices(card: RateCard, people: dict[str, User], at: datetime) -> None:
    """Submitted, and waiting for finance."""
    ann = Act.of_user(people["ann"], "Follow the new model's cost", at)
    draft = demo_catalog.propose_new_prices(card, at, act=ann)
    catalog.submit_version(draft, warnings_accepted=NO_TRAFFIC, act=ann)


def _offer(deal: Deal, card: RateCard, seller: LegalEntity, people: dict[str, User], now: datetime) -> None:
    """The customer, the quote with its lines, and as much of its life as the deal has behind it."""
    start = add_months(now.date().replace(day=1), -deal.months_ago if deal.months_ago else 1)
    at = min(_at(start - timedelta(days=12)), now - timedelta(days=3))
    ben = Act.of_user(people["ben"], "New business", at)
    customer = contracts.create_customer(
        key=deal.key,
        name=deal.name,
        email=f"{deal.contact.split()[0].lower()}@{deal.key}.example",
        billing_address=f"1 Main Street\n{deal.city}\nUnited States",
        act=ben,
    )
    assign_perm(SERVE_CUSTOMER, people["ben"], customer)
    version = _version(deal, customer, card, seller, people["ben"], start, ben)
    if deal.ends == "draft":
        return
    version = quoting.submit(version, act=ben)
    if deal.ends == "in_review":
        return
    _approve(version.pk, people["dee"], "A reference customer in a new segment", at + timedelta(hours=3))
    later = Act.of_user(people["ben"], "Agreed on the call", at + timedelta(days=1))
    version = quoting.send(QuoteVersion.objects.get(pk=version.pk), act=later)
    answered = Act(None, f"{deal.contact} (customer)", "Answered on the offer's page", at + timedelta(days=2))
    if deal.ends == "accepted":
        quoting.accept(version, name=deal.contact, from_ip=None, act=answered)
    elif deal.ends == "declined":
        quoting.decline(version, name=deal.contact, reason="We stay with our present provider this year.", act=answered)


def _version(
    deal: Deal, customer: Customer, card: RateCard, seller: LegalEntity, owner: User, start: date, act: Act
) -> QuoteVersion:
    quote: Quote = drafting.draft_quote(
        customer=customer,
        rate_card=card,
        owner=owner,
        legal_entity=seller,
        title=f"Language model for {deal.name}",
        start_on=start,
        months=12,
        valid_until=max(start, act.at.date()) + timedelta(days=30),
        opportunity_key=f"OPP-{deal.key}",
        follows_card=deal.follows_card,
        act=act,
    )
    version = quote.versions.get()
    expected = {"input-tokens": deal.input_millions, "output-tokens": deal.output_millions}
    for key, millions in expected.items():
        product = Product.objects.get(key=key)
        discount = Decimal(deal.discount)
        drafting.set_line(version, product, expected_usage=millions * MILLION, discount_percent=discount, act=act)
    if deal.resolutions:
        product, expected_results = Product.objects.get(key="resolved-outcome"), Decimal(deal.resolutions)
        drafting.set_line(version, product, expected_usage=expected_results, act=act)
    drafting.set_line(version, Product.objects.get(key="platform-fee"), quantity=Decimal(1), act=act)
    if deal.commit:
        access, price = map(Decimal, deal.commit)
        drafting.set_commit(version, name="Prepaid usage", access_amount=access, price=price, product_keys=[], act=act)
    return version


def _approve(subject: object, approver: User, because: str, at: datetime) -> None:
    for request in ApprovalRequest.objects.filter(subject_id=str(subject), status="pending"):
        approvals.approve(request, act=Act.of_user(approver, because, at))


def _use(first: date, end: date) -> None:
    """Usage of every running contract from the first day until `end`, sent the day after it happened."""
    for day in (first + timedelta(days=n) for n in range((end - first).days)):
        events = [event for deal in DEALS if deal.ends == "accepted" for event in _events(deal, day)]
        ends = _at(day + timedelta(days=1))
        ingest(events, source=SOURCE, at=ends)
        for deal in DEALS:
            if deal.resolutions and _contract(deal, day):
                demo_outcomes.happen(deal.key, day, ends)


def _events(deal: Deal, day: date) -> Iterator[Event]:
    """Four summaries a day for a customer whose contract has begun; weekdays are busier, and usage grows."""
    contract = _contract(deal, day)
    if contract is None:
        return
    age = (day - contract.start_at.date()).days
    busy = Decimal("1.2") if day.weekday() < 5 else Decimal("0.5")
    share = deal.real * busy * (1 + Decimal(age) / 400) / 30 / 4
    for hour in (2, 8, 14, 20):
        yield Event(
            id=f"{deal.key}-{day}-{hour}",
            type="llm.request",
            time=_at(day).replace(hour=hour),
            customer_key=deal.key,
            properties={
                "input_tokens": int(deal.input_millions * MILLION * share),
                "output_tokens": int(deal.output_millions * MILLION * share),
            },
        )


def _contract(deal: Deal, day: date) -> Contract | None:
    """The one that has begun by a day."""
    return Contract.objects.filter(customer__key=deal.key, start_at__lte=_at(day)).first()


def _bill_and_collect(month_end: date, now: datetime) -> None:
    """Bill when the grace is over; what is older than a month is paid by bank transfer ten days later."""
    at = _at(month_end) + timedelta(hours=24)
    if at > now:
        return
    invoicing.bill_due(through=at, act=Act.of_system("timetable", "Monthly billing", at))
    paid_at = at + timedelta(days=10)
    if paid_at > now - timedelta(days=20):
        return
    for invoice in Invoice.objects.filter(status=Invoice.Status.FINALIZED, total__gt=0, issued_at__lte=at):
        record_payment(
            invoice,
            amount=invoice.total,
            currency=invoice.currency,
            method="bank transfer",
            external_id=f"BT-{invoice.number}",
            received_at=paid_at,
            act=Act.of_system("bank statement", "Transfer received", paid_at),
        )


def _say_what_events_carry(people: dict[str, User], at: datetime) -> None:
    """The schema of the gateway's events, who looks after them, and which of them are billed."""
    act = Act.of_user(people["eric"], "Agreed with the team of the gateway", at)
    requests = EventType.objects.get(key="llm.request")
    tokens = {"type": "integer", "minimum": 0}
    schema = {
        "type": "object",
        "required": ["input_tokens", "output_tokens"],
        "properties": {
            "input_tokens": tokens | {"description": "What the customer sent"},
            "output_tokens": tokens | {"description": "What the model wrote"},
            "duration": {"type": "number", "minimum": 0, "description": "Until the last token"},
            "test": {"type": "boolean", "description": "Traffic of our own", "examples": [False]},
        },
    }
    publish_schema(requests, schema=schema, units={"duration": "ms"}, act=act)
    change_event_type(
        requests, name="Requests of models", owner=people["eric"], billable_when="NOT coalesce(test, false)", act=act
    )


def _send_what_cannot_be_counted(now: datetime) -> None:
    """Three events with a mistake each, which wait in quarantine with the reason; and one of our own, not billed."""
    when = now - timedelta(hours=2)
    good: dict[str, object] = {"input_tokens": 12_000, "output_tokens": 800}
    mistakes: Sequence[tuple[str, str, dict[str, object]]] = [
        ("contosso", "llm.request", good),
        ("contoso", "llm.requests", good),
        ("fabrikam", "llm.request", {"input_tokens": 5_000}),
    ]
    events = [
        Event(id=f"mistake-{number}", type=kind, time=when, customer_key=customer, properties=properties)
        for number, (customer, kind, properties) in enumerate(mistakes, start=1)
    ]
    own = Event(id="test-1", type="llm.request", time=when, customer_key="contoso", properties=good | {"test": True})
    ingest([*events, own], source=SOURCE, at=now)
    at_risk.estimate(at=now)


def _at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 0, 0, tzinfo=UTC)
