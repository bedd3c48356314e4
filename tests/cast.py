"""The cast and what they work on: people with their roles, a seller, a customer, a price list, a quote, a contract.

Every builder finds what it needs or makes it, through the operations that people use. Time is `NOW` unless said.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Group, User
from django.utils import timezone

from catalog import operations as catalog
from catalog.models import Feature, Product, RateCard, RateCardVersion
from config.cast import CAST
from contracts import operations as contracts
from contracts.changes import ChangeContract
from contracts.models import (
    Amendment,
    Contract,
    Customer,
    CustomField,
    EntitlementOverride,
    LegalEntity,
    Package,
    PackageVersion,
    UsageCap,
)
from contracts.operations.packages import Request
from contracts.packages import PackagedLine, PackageTerms
from contracts.scheduled import AgreedCharge
from contracts.terms import AgreedCommit, AgreedLine, AgreedRule, SignedTerms
from governance import approvals, roles
from governance.acts import Act
from governance.change import change
from governance.models import ApprovalPolicy, ApprovalRequest, SystemKey
from governance.policies import install_policies
from invoicing.models import UnpricedUsage
from metering.corrections import apply_correction, draft_correction, revert_correction
from metering.meters.defining import define_meter
from metering.models import CustomerAlias, Meter, Outcome, OutcomeDefinition
from metering.outcomes import decisions
from metering.outcomes.definitions import define_outcome
from metering.outcomes.reporting import report
from metering.outcomes.reports import Report
from metering.outcomes.settlement import settle_due
from metering.registry.aliases import define_alias
from pricing.charges import Charge, Flat, Graduated, PerUnit, Tier
from pricing.money import ZERO
from pricing.periods import Period
from quoting import operations as quoting
from quoting.models import Quote, QuoteVersion

NOW = datetime(2025, 12, 15, 9, tzinfo=UTC)
START_ON = date(2026, 1, 1)
VALID_UNTIL = date(2026, 1, 31)
MILLION = Decimal(1_000_000)
INPUT = Graduated((Tier(10 * MILLION, Decimal("2.50")), Tier(None, Decimal("2.00"))), per=MILLION)
OUTPUT = PerUnit(Decimal("10.00"), per=MILLION)
FEE = Flat(Decimal("20.00"))

# Everybody in the demo company; Dan is the customer's person and Eve a stranger, and neither has a role.
PEOPLE: dict[str, tuple[str, str, str | None]] = {
    **{each.username: (each.first_name, each.last_name, each.role) for each in CAST},
    "dan": ("Dan", "Contoso", None),
    "eve": ("Eve", "Stranger", None),
}


def person(username: str) -> User:
    """One of the cast, in their role; Dan and Eve have none and cannot enter the admin."""
    if user := User.objects.filter(username=username).first():
        return user
    first, last, role = PEOPLE[username]
    user = User.objects.create_user(
        username, f"{username}@quoin.test", "quoin", first_name=first, last_name=last, is_staff=role is not None
    )
    if role:
        if not Group.objects.filter(name=role).exists():
            roles.install_roles()
        user.groups.add(Group.objects.get(name=role))
    return user


def system_key(*scopes: str, name: str = "erp", **fields: Any) -> dict[str, str]:
    """The headers of a system with a key that it has just used; where the name is taken, of another one."""
    fields.setdefault("last_used_at", timezone.now())
    while SystemKey.objects.filter(name=name).exists():
        name += "-2"
    _, text = SystemKey.objects.create_key(name=name, scopes=list(scopes), **fields)
    return {"Authorization": f"Api-Key {text}"}


def act(by: User | str | None = None, because: str = "Because it is agreed", at: datetime = NOW) -> Act:
    """An act of a person (or of the product itself) at NOW."""
    if by is None:
        return Act.of_system("test", because, at)
    return Act.of_user(person(by) if isinstance(by, str) else by, because, at)


def dans(because: str = "Accepted on the offer's page", at: datetime = NOW) -> Act:
    """An act of the customer's person, who has no account."""
    return Act(None, "Dan Contoso", because, at)


def policies() -> None:
    if not ApprovalPolicy.objects.exists():
        install_policies(act=act(because="Installed"))


def seller() -> LegalEntity:
    """Quoin Inc., 24 hours of grace, 30 days to pay."""
    return LegalEntity.objects.filter(key="quoin").first() or contracts.create_legal_entity(
        key="quoin",
        name="Quoin Inc.",
        address="1 Corner Street\nSpringfield",
        country="US",
        email="billing@quoin.test",
        act=act(because="Founded"),
    )


def contoso(**fields: Any) -> Customer:
    """Contoso Ltd, in dollars and UTC; Ben serves it."""
    return customer(**({"key": "contoso", "name": "Contoso Ltd", "email": "dan@contoso.test"} | fields))


def customer(key: str, **fields: Any) -> Customer:
    """A customer with that key, served by Ben, who brought it."""
    if found := Customer.objects.filter(key=key).first():
        return found
    given = {"name": key.title(), "email": f"billing@{key}.test", "billing_address": "2 Side Street\nGotham"} | fields
    return contracts.create_customer(key=key, act=act("ben", "New customer"), **given)


def meter(key: str, property: str) -> Meter:  # noqa: A002 - the field's name
    return Meter.objects.filter(key=key).first() or define_meter(
        key=key,
        name=key.replace("-", " ").capitalize(),
        event_type="llm.request",
        aggregation="sum",
        property=property,
        unit="token",
        act=act("eric", "We sell this"),
    )


def product(key: str) -> Product:
    """`input-tokens`, `output-tokens`, `platform-fee`, and `setup`, which the standard card does not price."""
    if found := Product.objects.filter(key=key).first():
        return found
    name, kind, metered, unit, account = {
        "input-tokens": ("Input tokens", "usage", "ContextTokens", "token", "4000"),
        "output-tokens": ("Output tokens", "usage", "GeneratedTokens", "token", "4000"),
        "platform-fee": ("Platform fee", "recurring", None, "month", "4100"),
        "seats": ("Seats", "recurring", None, "seat", "4100"),
        "setup": ("Setup", "one_time", None, "setup", "4100"),
    }[key]
    return catalog.create_product(
        key=key,
        name=name,
        kind=kind,
        meter=meter(key, metered) if metered else None,
        unit=unit,
        revenue_account=account,
        act=act("ann", "We sell this"),
    )


def card() -> RateCard:
    return RateCard.objects.filter(key="standard-usd").first() or catalog.create_rate_card(
        key="standard-usd", name="Standard USD", currency="USD", act=act("ann", "First price list")
    )


def standard_card() -> RateCardVersion:
    """Version 1 of Standard USD, published with finance's approval: the two kinds of tokens and the platform fee."""
    published = card().versions.filter(number=1).first()
    return published or publish({"input-tokens": INPUT, "output-tokens": OUTPUT, "platform-fee": FEE})


def starter(**fields: Any) -> PackageTerms:
    """A year on Standard USD: a tenth off the input tokens, the platform fee, and a credit of $5."""
    given: dict[str, Any] = {
        "rate_card": standard_card().card,
        "months": 12,
        "lines": [
            PackagedLine(product("input-tokens"), discount_percent=Decimal(10)),
            PackagedLine(product("platform-fee"), quantity=Decimal(1)),
        ],
        "commits": [AgreedCommit("Welcome credit", Decimal(5), ZERO)],
    }
    return PackageTerms(**(given | fields))


def package(terms: PackageTerms | None = None, *, key: str = "starter", at: datetime = NOW) -> PackageVersion:
    """The next version of a package, drafted and published by Ann with finance's approval."""
    policies()
    found = Package.objects.filter(key=key).first() or contracts.create_package(
        key=key, name=key.title(), legal_entity=seller(), act=act("ann", "For those who start", at)
    )
    draft = contracts.draft_package(found, terms or starter(), act=act("ann", "What starters need", at))
    contracts.submit_package(draft, act=act("ann", "Please check", at))
    approve_all(draft, "cara", at)
    return contracts.publish_package(draft, act=act("ann", "Agreed", at))


def signed_up(key: str = "1", customer_key: str = "northwind", *, at: datetime = NOW, **fields: Any) -> Contract:
    """Northwind signs the latest version of the starter package, which is published if there is none."""
    found = Package.objects.filter(key="starter", versions__status="published").first() or package().package
    buyer = {"key": customer_key, "name": "Northwind", "email": "ap@northwind.test"}
    wanted = Request("key shop", key, buyer, "Nora North", **fields)
    return contracts.sign_up(found, wanted, act=Act(None, "key shop", "Signed up", at))[0]


def costs_features_and_rules() -> None:
    """A cost of the input tokens, a feature that the platform fee grants, and a rule that gives everybody the card."""
    ann = act("ann", "So that all is known")
    catalog.set_cost(product("input-tokens"), unit_cost=Decimal(1), per=MILLION, currency="USD", since=NOW, act=ann)
    feature = catalog.create_feature(key="sso", name="Single sign-on", act=ann)
    catalog.grant_feature(product("platform-fee"), feature, act=ann)
    catalog.create_rule(name="Everybody", card=card(), conditions={}, act=ann)


def custom_field(key: str = "industry", about: str = "customer") -> CustomField:
    """The line of business, one of two."""
    found = CustomField.objects.filter(about=about, key=key).first()
    given = {"about": about, "key": key, "name": key.title(), "type": "choice", "choices": ["retail", "mining"]}
    return found or contracts.define_custom_field(**given, act=act("ada", "We want to know"))


def noted(customer: Customer) -> Customer:
    """With a billing contact and a line of business."""
    custom_field()
    said = contracts.Noted([contracts.Contact(f"ap@{customer.key}.test", "Pat Payable")], custom={"industry": "retail"})
    return contracts.update_customer(customer, noted=said, act=act("ben", "They told us"))


def trial(to: Customer) -> EntitlementOverride:
    """Single sign-on (see above) to try out, from NOW until July."""
    sso = Feature.objects.get(key="sso")
    ends = datetime(2026, 7, 1, tzinfo=UTC)
    return contracts.override_entitlement(to, sso, is_trial=True, end_at=ends, act=act("cara", f"{to.name} tries it"))


def cap(to: Customer) -> UsageCap:
    """A hard one of $1,000 a month on the input tokens."""
    tokens = product("input-tokens")
    return contracts.set_cap(to, product=tokens, hard_limit=Decimal(1_000), act=act("cleo", f"{to.name} wants it"))


def alias(key: str = "contoso-eu", customer_key: str = "contoso") -> CustomerAlias:
    """Another name that Contoso's usage comes under."""
    contoso()
    found = CustomerAlias.objects.filter(key=key).first()
    return found or define_alias(key=key, customer_key=customer_key, act=act("eric", "Their gateway says so"))[0]


def corrections() -> None:
    """Two corrections of Contoso's January: one that was applied and taken back, one that nobody decided about."""
    day = Period(datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 1, 16, tzinfo=UTC))
    given = {"customer_key": "contoso", "event_type": "llm.request", "period": day}
    eric, cara = act("eric", "Retries were counted"), act("cara", "As agreed")
    applied = apply_correction(draft_correction(name="Taken back", act=eric, **given), act=cara)
    revert_correction(applied, act=cara)
    draft_correction(name="Undecided", act=eric, **given)


def publish(charges: dict[str, Charge], *, effective_from: datetime = NOW, at: datetime = NOW) -> RateCardVersion:
    """The next version of Standard USD: these on top of the rates in force. What is sold once is billed in advance."""
    policies()
    draft = catalog.draft_version(card(), act=act("ann", "New prices", at))
    for key, charge in charges.items():
        sold = product(key)
        once = sold.kind == Product.Kind.ONE_TIME
        catalog.set_rate(
            draft, sold, charge, cycle_months=0 if once else 1, in_advance=once, act=act("ann", "New prices", at)
        )
    draft = catalog.submit_version(draft, warnings_accepted="Meant so", act=act("ann", "Please check", at))
    approve_all(draft, "cara", at)
    return catalog.publish_version(draft, effective_from=effective_from, act=act("ann", "Agreed", at))


def approve_all(subject: Any, by: str = "dee", at: datetime = NOW) -> None:
    """Have one of the cast approve everything that is pending for a subject."""
    for request in ApprovalRequest.objects.filter(subject_id=str(subject.pk), status="pending"):
        approvals.approve(request, act=act(by, "Worth it", at))


def quote_for_contoso(
    *,
    discount: str = "15",
    commit: tuple[str, str] | None = ("40", "36"),
    to: Customer | None = None,
    start_on: date = START_ON,
    months: int = 12,
    **fields: Any,
) -> QuoteVersion:
    """The journey's offer, a draft of Ben's: 20 M input, 4 M output, the fee; a discount on usage; a prepaid commit."""
    version = empty_quote(to=to, start_on=start_on, months=months, **fields)
    ben = act("ben", "What Contoso asked for")
    usage = {"input-tokens": 20 * MILLION, "output-tokens": 4 * MILLION}
    for key, expected in usage.items():
        quoting.set_line(version, product(key), expected_usage=expected, discount_percent=Decimal(discount), act=ben)
    quoting.set_line(version, product("platform-fee"), act=ben)
    if commit:
        access, price = (Decimal(amount) for amount in commit)
        quoting.set_commit(version, access_amount=access, price=price, act=ben)
    return version


def empty_quote(
    *,
    to: Customer | None = None,
    start_on: date = START_ON,
    months: int = 12,
    rate_card: RateCard | str | None = "standard",
    **fields: Any,
) -> QuoteVersion:
    """A draft of Ben's with nothing in it yet, on the standard card, another, or (None) the one the rules choose."""
    policies()
    quote: Quote = quoting.draft_quote(
        customer=to or contoso(),
        rate_card=rate_card if rate_card != "standard" else standard_card().card,
        owner=person("ben"),
        start_on=start_on,
        months=months,
        valid_until=VALID_UNTIL,
        legal_entity=seller(),
        opportunity_key="OPP-1",
        act=act("ben", "Contoso asked for an offer"),
        **fields,
    )
    return quote.versions.get()


def sent(version: QuoteVersion | None = None, **fields: Any) -> QuoteVersion:
    """The offer, approved by Dee where that is needed, and sent by Ben."""
    version = quoting.submit(version or quote_for_contoso(**fields), act=act("ben", "Ready"))
    approve_all(version)
    return quoting.send(version, act=act("ben", "Off it goes"))


def unpriced_usage(contract: Contract, **fields: Any) -> UnpricedUsage:
    """A thousand of January's input tokens, of a model that has no price."""
    line = contract.lines.get(product__key="input-tokens")
    given = {
        "term": str(line.pk),
        "product_key": "input-tokens",
        "product_name": "Input tokens",
        "meter": "input-tokens",
        "unit": "token",
        "period_start": line.start_at,
        "period_end": line.start_at + timedelta(days=31),
        "due_at": line.start_at + timedelta(days=31),
        "values": {"model": "tiny"},
        "quantity": Decimal(1000),
        "reason": UnpricedUsage.Reason.NO_RATE,
        "first_seen_at": line.start_at + timedelta(days=32),
    }
    found = UnpricedUsage(contract=contract, **(given | fields))
    with change("unpriced_usage.found", found, act(because="Billing day", at=found.first_seen_at)):
        found.save()
    return found


def signed_contract(**fields: Any) -> Contract:
    """The offer, sent and accepted by Dan."""
    return quoting.accept(sent(**fields), name="Dan Contoso", from_ip="192.0.2.7", act=dans())


def charged() -> Contract:
    """A contract of Contoso's for a milestone and nothing else."""
    terms = SignedTerms(
        customer=contoso(),
        legal_entity=seller(),
        rate_card_version=standard_card(),
        currency="USD",
        start_on=START_ON,
        months=12,
        lines=[],
        signed_by="Dan Contoso",
        charges=[AgreedCharge("Go-live", Decimal(12_000), START_ON, is_milestone=True)],
    )
    return contracts.sign_contract(terms, act=act("ben"))


def withdrawn_amendment(contract: Contract) -> Amendment:
    """Another purchase order, which the customer thought better of."""
    changes, cara = [ChangeContract(purchase_order="PO-1")], act("cara", "They thought better of it")
    draft = contracts.draft_amendment(contract, changes=changes, effective_at=contract.start_at, act=cara)
    return contracts.withdraw_amendment(draft, act=cara)


def contract_with(*rules: AgreedRule, **fields: Any) -> Contract:
    """Input tokens at list prices for Contoso, signed on paper, and rules that make commits."""
    given = {
        "customer": contoso(),
        "legal_entity": seller(),
        "rate_card_version": standard_card(),
        "currency": "USD",
        "start_on": START_ON,
        "months": 12,
        "lines": [AgreedLine(product("input-tokens"))],
        "signed_by": "Dan Contoso",
        "rules": rules,
    }
    return contracts.sign_contract(SignedTerms(**(given | fields)), act=act("ben", "Agreed on paper"))


def resolution() -> OutcomeDefinition:
    """A resolved conversation, provisional for three days."""
    return OutcomeDefinition.objects.filter(key="resolution").first() or define_outcome(
        key="resolution",
        name="Resolved conversation",
        attribution_key="conversation_id",
        act=act("ann", "We sell results"),
    )


def outcomes(customer: str = "contoso") -> dict[str, Outcome]:
    """An outcome of this customer in each status, by its status; what is reversed was final before."""
    resolution()
    statuses = ["final", "reversed", "disputed", "provisional"]
    reports = [Report("resolution", customer, f"{customer}-{each}", NOW) for each in statuses[:2]]
    made = [answer.outcome for answer in report(reports, act=act())]
    days = timedelta(days=4)
    settle_due(act=act(because="The window is over", at=NOW + days))
    later = [Report("resolution", customer, f"{customer}-{each}", NOW + days) for each in statuses[2:]]
    made += [answer.outcome for answer in report(later, act=act(at=NOW + days))]
    decisions.reverse(made[1], act=act("cleo", "They wrote again", NOW + days))
    decisions.dispute(made[2], act=act("cleo", "They see it otherwise", NOW + days))
    return {each: Outcome.objects.get(pk=outcome.pk) for each, outcome in zip(statuses, made, strict=True)}
