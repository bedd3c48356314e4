"""The verbs of packages: keep them, draft a version, publish or withdraw it, and sign customers up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from contracts.checks import check_line_money, check_money, checked
from contracts.models import (
    Contract,
    Customer,
    LegalEntity,
    Package,
    PackageCommit,
    PackageLine,
    PackageVersion,
    SignUp,
)
from contracts.operations.parties import create_customer
from contracts.operations.signing import sign_contract
from contracts.package_queries import (
    check_priced,
    contents_of,
    draft_of,
    offer_of,
    publication_facts,
    version_on_offer,
)
from contracts.packages import PackageTerms, check_package, signed_terms
from contracts.terms import SignedTerms, term_of_contract
from governance import approvals
from governance.acts import Act, Refused
from governance.approvals import hash_of
from governance.change import change, locked
from governance.models import ApprovalRequest
from pricing.money import plain
from pricing.periods import local_day

Status = PackageVersion.Status


def create_package(*, key: str, name: str, legal_entity: LegalEntity, act: Act, **fields: Any) -> Package:
    """A package with nothing in it yet. `Refused`, naming the field, for a bad or taken key."""
    package = Package(key=key, name=name, legal_entity=legal_entity, **fields)
    with change("package.created", package, act):
        checked(package).save()
    return package


def update_package(package: Package, *, act: Act, **fields: Any) -> Package:
    """What is given changes, and nothing of what its versions say; the key is part of addresses and never does."""
    with change("package.updated", package, act):
        package = locked(package)
        if fields.get("key", package.key) != package.key:
            raise Refused("key: The key of a package never changes: its page has it for an address.")
        for name, value in fields.items():
            setattr(package, name, value)
        checked(package).save()
    return package


def draft_package(package: Package, terms: PackageTerms | None = None, *, act: Act) -> PackageVersion:
    """Make the draft of the next version say this; without terms start it with what is on offer."""
    with transaction.atomic():
        package = locked(package)
        version = draft_of(package)
        if version is None:
            version = PackageVersion(package=package)
        elif terms is None:
            raise Refused(f"{package} has a draft already; edit, publish or withdraw that.")
        if terms is None:
            latest = version_on_offer(package)
            if latest is None:
                raise Refused(f"{package} has no version to start from yet.")
            terms = contents_of(latest)
        with change("package.drafted", version, act):
            _write(version, terms)
    return version


def submit_package(version: PackageVersion, *, act: Act) -> list[ApprovalRequest]:
    """Ask those who must agree to its publication; whom there is to ask. Editing it afterwards asks anew."""
    with change("package.submitted", version, act):
        version = _draft(version)
        check_priced(version, at=act.at)
        return approvals.ask(version, publication_facts(version), act=act)


def publish_package(version: PackageVersion, *, act: Act) -> PackageVersion:
    """From now on this is what is signed; contracts signed before keep their version. It never changes any more."""
    with change("package.published", version, act):
        version = _draft(version)
        check_priced(version, at=act.at)
        approvals.require_none_outstanding(version, publication_facts(version))
        version.become(Status.PUBLISHED)
        version.number = (version.package.versions.aggregate(last=Max("number"))["last"] or 0) + 1
        version.published_at = act.at
        version.save()
    return version


def withdraw_package(version: PackageVersion, *, act: Act) -> PackageVersion:
    """Give a draft up."""
    with change("package.withdrawn", version, act):
        version = _draft(version)
        approvals.close(version, act=act)
        version.become(Status.WITHDRAWN)
        version.save()
    return version


@dataclass(frozen=True, slots=True)
class Request:
    """A request to sign up: under its key, which `source` chose, it is served once however often it is sent.

    `customer` describes a new one, or names by its key one there is; that one stays as it is. No day: today.
    `stamp`, if given, is that of the offer that was read.
    """

    source: str
    key: str
    customer: Mapping[str, Any]
    signed_by: str
    quantities: Mapping[str, Decimal] = field(default_factory=dict)
    start_on: date | None = None
    stamp: str = ""
    from_ip: str | None = None

    def hash(self, package: Package) -> str:
        """Of what is asked, whoever asks and from where."""
        quantities = {key: plain(quantity) for key, quantity in self.quantities.items()}
        customer = {name: str(value) for name, value in self.customer.items()}
        return hash_of([package.key, customer, self.signed_by, quantities, self.start_on])


def sign_up(package: Package, request: Request, *, act: Act) -> tuple[Contract, bool]:
    """Sign the package's latest version for a new customer or an existing one: the contract, and whether it is new.

    `Refused` if the package is not open, the offer changed since it was read, or usage would be billed twice.
    """
    with transaction.atomic():
        _one_at_a_time(f"sign-up {request.source} {request.key}")
        served = SignUp.objects.filter(source=request.source, request_key=request.key).first()
        if served is not None:
            if served.asked != request.hash(package):
                raise Refused("This request was served before with other contents; send another one under a new key.")
            return served.contract, False
        version = version_on_offer(package)
        if version is None or not version.package.is_open:
            raise Refused(f"Nobody can sign up to {package} at the moment.")
        offer = offer_of(version, at=act.at)
        if request.stamp not in ("", offer.stamp):
            raise Refused("The terms or prices of this package have changed meanwhile; please read them again.")
        customer = _customer(request, offer.terms.rate_card.currency, act)
        terms = signed_terms(
            offer,
            customer,
            start_on=_first_day(request, customer, act),
            signed_by=request.signed_by,
            quantities=request.quantities,
        )
        _must_not_bill_twice(terms)
        contract = sign_contract(terms, act=act)
        SignUp.objects.create(
            source=request.source,
            request_key=request.key,
            asked=request.hash(package),
            contract=contract,
            from_ip=request.from_ip,
            at=act.at,
        )
    return contract, True


def _customer(request: Request, currency: str, act: Act) -> Customer:
    key = str(request.customer["key"])
    _one_at_a_time(f"customer {key}")
    if there := Customer.objects.filter(key=key).select_for_update(of=("self",)).first():
        return there
    return create_customer(**{"currency": currency, **request.customer}, act=act)


def _first_day(request: Request, customer: Customer, act: Act) -> date:
    today = local_day(act.at, customer.time_zone)
    if request.start_on is not None and request.start_on < today:
        raise Refused("start_on: A package is signed for today or later.")
    return request.start_on or today


def _must_not_bill_twice(terms: SignedTerms) -> None:
    """Usage names its customer alone, so two contracts of one customer that measure the same would both bill it."""
    whole = term_of_contract(terms.start_on, terms.months, terms.customer.time_zone)
    measured = [line.product.pk for line in terms.lines if line.product.meter_id is not None]
    others = Contract.objects.filter(
        customer=terms.customer,
        end_at__gt=whole.start,
        start_at__lt=whole.end,
        lines__product__in=measured,
        lines__end_at__gt=whole.start,
    )
    if other := others.first():
        raise Refused(f"customer: {other} bills the same usage of {terms.customer} already; change that contract.")


def _draft(version: PackageVersion) -> PackageVersion:
    locked(version.package)
    version = locked(version)
    if version.status != Status.DRAFT:
        raise Refused(f"{version} is {version.get_status_display().lower()}; only a draft can be changed or published.")
    return version


def _write(version: PackageVersion, terms: PackageTerms) -> None:
    """Make the draft say exactly this."""
    check_package(terms)
    currency = terms.rate_card.currency
    for name in ("rate_card", "months", "follows_card", "renews_itself", "anchor_day", "proration", "trial_days"):
        setattr(version, name, getattr(terms, name))
    checked(version).save()
    for part in (*version.lines.all(), *version.commits.all()):
        part.delete()
    for position, line in enumerate(terms.lines, 1):
        check_line_money(line, currency)
        names = ("product", "label", "quantity", "is_chosen", "discount_percent", "discount_amount", "minimum")
        fields = {name: getattr(line, name) for name in (*names, "from_month", "phase_months")}
        checked(PackageLine(version=version, position=position, **fields)).save()
    for commit in terms.commits:
        check_money(commit.access_amount, currency, "access")
        check_money(commit.price, currency, "price")
        checked(
            PackageCommit(
                version=version,
                name=commit.name,
                access_amount=commit.access_amount,
                price=commit.price,
                product_keys=list(commit.product_keys),
                priority=commit.priority,
            )
        ).save()


def _one_at_a_time(what: str) -> None:
    """Held until the transaction ends, so that of two that ask the same the second sees what the first did."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [what])
