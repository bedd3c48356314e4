"""Packages: drafted, agreed on, published for good; and what signing one makes."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from contracts import operations as contracts
from contracts.models import Contract, Package, PackageVersion, SignUp
from contracts.operations.packages import Request
from contracts.package_queries import contents_of, deal_of, offer_of
from contracts.packages import PackagedLine, check_package, signed_terms
from contracts.queries import deals_of, terms_of
from contracts.terms import AgreedCommit, agreed_terms
from governance.change import change
from governance.models import ApprovalRequest
from tests import cast
from tests.refusals import refused

pytestmark = pytest.mark.django_db
LATER = datetime(2026, 1, 10, tzinfo=UTC)
NEW = {"key": "northwind", "name": "Northwind", "email": "ap@northwind.test"}


def request(key: str = "1", **fields: Any) -> Request:
    return Request(**{"source": "key shop", "key": key, "customer": NEW, "signed_by": "Nora North"} | fields)


def signed(version: PackageVersion, key: str = "1", at: datetime = cast.NOW, **fields: Any) -> Contract:
    contract, is_new = contracts.sign_up(version.package, request(key, **fields), act=cast.dans(at=at))
    assert is_new
    return contract


# ---------------------------------------------------------------- from draft to publication
def test_a_version_is_published_once_finance_agrees() -> None:
    version = cast.package()
    assert (version.number, version.status, version.published_at) == (1, "published", cast.NOW)
    assert ApprovalRequest.objects.get(subject_id=str(version.pk)).decided_by == cast.person("cara")


def test_nothing_is_published_without_that() -> None:
    version = cast.package()
    draft = contracts.draft_package(version.package, act=cast.act("ann"))
    with refused("This needs approval first: finance"):
        contracts.publish_package(draft, act=cast.act("ann"))
    contracts.submit_package(draft, act=cast.act("ann"))
    cast.approve_all(draft, "cara")
    contracts.draft_package(version.package, cast.starter(months=24), act=cast.act("ann", "After all two years"))
    with refused("This needs approval first: finance"):  # what was agreed to was something else
        contracts.publish_package(draft, act=cast.act("ann"))


def test_postgresql_wants_the_approval_too() -> None:
    draft = contracts.draft_package(cast.package().package, act=cast.act("ann"))
    with (
        pytest.raises(DatabaseError, match="published with approval"),
        transaction.atomic(),
        change("package.published", draft, cast.act("ann")),
    ):
        PackageVersion.objects.filter(pk=draft.pk).update(status="published", number=2, published_at=cast.NOW)


def test_a_new_draft_starts_with_what_is_on_offer_and_there_is_one() -> None:
    version = cast.package()
    draft = contracts.draft_package(version.package, act=cast.act("ann"))
    assert contents_of(draft) == contents_of(PackageVersion.objects.get(pk=version.pk))
    with refused("has a draft already"):
        contracts.draft_package(version.package, act=cast.act("ann"))
    contracts.withdraw_package(draft, act=cast.act("ann"))
    with refused("is withdrawn; only a draft"):
        contracts.publish_package(draft, act=cast.act("ann"))


def test_a_package_that_nobody_could_be_billed_for_is_not_published() -> None:
    cast.policies()
    package = contracts.create_package(key="bad", name="Bad", legal_entity=cast.seller(), act=cast.act("ann"))
    draft = contracts.draft_package(package, cast.starter(lines=[PackagedLine(cast.product("setup"))]), act=cast.act())
    with refused("Setup has no price"):
        contracts.submit_package(draft, act=cast.act("ann"))
    with refused("Setup has no price"):
        contracts.publish_package(draft, act=cast.act("ann"))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"lines": [], "commits": []}, "nothing in this package"),
        ({"months": 0}, "at least a month"),
        ({"trial_days": 336}, "trial_days: The trial is over before"),
        ({"months": 12, "ramp": (6, 7)}, "both within 12 months"),
        ({"trial_days": 56, "ramp": (2, None)}, "trial_days: The trial is over before the first phase"),
    ],
)
def test_terms_that_nobody_could_sign(fields: dict[str, Any], sentence: str) -> None:
    ramp = fields.pop("ramp", None)
    if ramp:
        fields["lines"] = [PackagedLine(cast.product("input-tokens"), from_month=ramp[0], phase_months=ramp[1])]
    terms = cast.starter(**fields)
    with refused(sentence):
        check_package(terms)


def test_a_key_never_changes_and_is_taken_once() -> None:
    package = cast.package().package
    with refused("key: The key of a package never changes"):
        contracts.update_package(package, key="other", act=cast.act("ann"))
    with refused("key: Package with this Key already exists"):
        contracts.create_package(key="starter", name="Again", legal_entity=cast.seller(), act=cast.act("ann"))


# ---------------------------------------------------------------- what signing makes
def test_signing_up_makes_the_customer_and_the_contract_of_the_latest_version() -> None:
    contract = signed(cast.package())
    assert (contract.customer.key, contract.customer.currency) == ("northwind", "USD")
    assert (str(contract.package_version), contract.signed_by) == ("Starter v1", "Nora North")
    assert contract.pinned_version == cast.standard_card()
    lines = [(line.product.key, line.quantity, line.discount_percent) for line in contract.lines.all()]
    assert lines == [("input-tokens", None, 10), ("platform-fee", 1, 0)]
    assert [(each.name, each.balance, each.price) for each in contract.commits.all()] == [("Welcome credit", 5, 0)]


def test_the_deal_before_the_signature_is_that_of_the_contract() -> None:
    """So an estimate is what will be billed."""
    ramp = [
        PackagedLine(cast.product("input-tokens"), label="Start", phase_months=3, discount_percent=Decimal(20)),
        PackagedLine(cast.product("input-tokens"), label="Then", from_month=3, minimum=Decimal(50)),
        PackagedLine(cast.product("platform-fee"), quantity=Decimal(1)),
    ]
    bought = [AgreedCommit("Prepaid", Decimal(40), Decimal(36))]
    version = cast.package(cast.starter(lines=ramp, commits=bought, trial_days=14, anchor_day=31))
    contract = signed(version, at=LATER)
    terms = signed_terms(
        offer_of(version, at=LATER), contract.customer, start_on=date(2026, 1, 10), signed_by="x", quantities={}
    )
    before, after = agreed_terms(deal_of(terms, at=LATER)), terms_of([contract])[contract.pk]

    def said(terms: Any) -> list[Any]:
        names = ("product", "start", "end", "quantity", "cycle_months", "anchor", "proration")
        return [
            ([getattr(each.term, name) for name in names], [price.charge for price in each.term.prices], each.name)
            for each in terms
        ]

    assert said(before) == said(after)
    assert [each.label for each in contract.lines.all()] == ["Free trial", "Start", "Then", "Free trial", ""]


def test_a_trial_is_free_and_what_is_bought_is_invoiced_after_it() -> None:
    bought = [AgreedCommit("Prepaid", Decimal(40), Decimal(36))]
    contract = signed(cast.package(cast.starter(commits=bought, trial_days=14)), at=LATER)
    first, second, *_ = contract.lines.order_by("position")
    assert (first.discount_percent, first.end_at, second.start_at) == (
        100,
        second.start_at,
        datetime(2026, 1, 24, tzinfo=UTC),
    )
    (instalment,) = contract.commits.get().instalments.all()
    assert (instalment.amount, instalment.invoice_at) == (36, datetime(2026, 1, 24, tzinfo=UTC))


def test_what_is_chosen_is_at_least_the_packages_and_nothing_else_is() -> None:
    cast.standard_card()
    cast.publish({"seats": cast.OUTPUT}, effective_from=LATER)
    seats = PackagedLine(cast.product("seats"), quantity=Decimal(3), is_chosen=True)
    version = cast.package(cast.starter(lines=[seats], commits=()), at=LATER)
    assert signed(version, "1", LATER, quantities={"seats": Decimal(7)}).lines.get().quantity == 7
    assert signed(version, "2", LATER, customer=NEW | {"key": "other"}).lines.get().quantity == 3
    with refused("quantities: Seats: at least 3"):
        contracts.sign_up(version.package, request("3", quantities={"seats": Decimal(2)}), act=cast.dans(at=LATER))
    with refused("quantities: How much of input-tokens is not for the customer to say"):
        contracts.sign_up(
            version.package, request("3", quantities={"input-tokens": Decimal(9)}), act=cast.dans(at=LATER)
        )


def test_contracts_keep_the_version_they_were_signed_from() -> None:
    first = cast.package()
    old = signed(first)
    terms_before, deal_before = terms_of([old])[old.pk], deals_of([old])[old.pk]
    lines = [PackagedLine(cast.product("input-tokens")), PackagedLine(cast.product("output-tokens"))]
    second = cast.package(cast.starter(lines=lines), at=LATER)
    new = signed(second, "2", LATER, customer=NEW | {"key": "other"})
    old.refresh_from_db()
    assert (str(old.package_version), str(new.package_version)) == ("Starter v1", "Starter v2")
    assert (terms_of([old])[old.pk], deals_of([old])[old.pk]) == (terms_before, deal_before)


def test_a_published_version_stays() -> None:
    version = cast.package()
    for statement in ({"months": 1}, {"trial_days": 9}, {"status": "draft", "number": None, "published_at": None}):
        with (
            pytest.raises(DatabaseError, match="never changes"),
            transaction.atomic(),
            change("package.updated", version, cast.act("ann")),
        ):
            PackageVersion.objects.filter(pk=version.pk).update(**statement)


# ---------------------------------------------------------------- asked twice
def test_a_request_sent_twice_is_served_once() -> None:
    version = cast.package()
    contract = signed(version)
    again = contracts.sign_up(version.package, request(), act=cast.dans(at=LATER))
    assert again == (contract, False)
    assert (Contract.objects.count(), SignUp.objects.count()) == (1, 1)


def test_another_request_under_the_same_key_is_refused() -> None:
    version = cast.package()
    signed(version)
    with refused("served before with other contents"):
        contracts.sign_up(version.package, request(signed_by="Somebody else"), act=cast.dans())
    other = contracts.sign_up(
        version.package, request(source="key other", customer=NEW | {"key": "other"}), act=cast.dans()
    )
    assert other[1]  # another system's keys are its own


def test_nobody_signs_what_would_bill_their_usage_twice() -> None:
    version = cast.package()
    signed(version)
    with refused("bills the same usage of Northwind already"):
        contracts.sign_up(version.package, request("2"), act=cast.dans())
    with refused("bills the same usage of Northwind already"):
        contracts.sign_up(version.package, request("3", start_on=date(2026, 12, 14)), act=cast.dans())
    follows, _ = contracts.sign_up(version.package, request("4", start_on=date(2026, 12, 15)), act=cast.dans())
    assert follows.start_at == Contract.objects.exclude(pk=follows.pk).get().end_at


def test_nobody_signs_what_they_did_not_read() -> None:
    version = cast.package()
    read = offer_of(version, at=cast.NOW).stamp
    cast.publish({"platform-fee": cast.INPUT}, effective_from=LATER)
    with refused("have changed meanwhile"):
        contracts.sign_up(version.package, request(stamp=read), act=cast.dans(at=LATER))
    assert contracts.sign_up(version.package, request(stamp=read), act=cast.dans())[1]


def test_a_closed_package_is_not_signed() -> None:
    package = cast.package().package
    contracts.update_package(package, is_open=False, act=cast.act("ann", "Full"))
    with refused("Nobody can sign up to Starter at the moment"):
        contracts.sign_up(package, request(), act=cast.dans())
    empty = contracts.create_package(key="empty", name="Empty", legal_entity=cast.seller(), act=cast.act("ann"))
    with refused("Nobody can sign up to Empty"):
        contracts.sign_up(empty, request(), act=cast.dans())


def test_a_package_is_not_signed_for_yesterday() -> None:
    version = cast.package()
    with refused("start_on: A package is signed for today or later"):
        contracts.sign_up(version.package, request(start_on=date(2025, 12, 14)), act=cast.dans())


def test_an_existing_customer_stays_as_it_is() -> None:
    version = cast.package()
    there = cast.contoso()
    contract = signed(version, customer={"key": "contoso", "name": "Renamed", "email": "eve@eve.test"})
    there.refresh_from_db()
    assert (contract.customer, there.name, there.email) == (there, "Contoso Ltd", "dan@contoso.test")


def test_a_refused_customer_leaves_nothing() -> None:
    version = cast.package()
    with refused("email"):
        contracts.sign_up(version.package, request(customer=NEW | {"email": "nobody"}), act=cast.dans())
    assert Package.objects.count() == 1
    assert SignUp.objects.count() == 0


def test_a_monthly_package_renews_itself_and_stays_of_its_version() -> None:
    version = cast.package(cast.starter(months=1, renews_itself=True))
    contract = signed(version)
    cast.package(cast.starter(months=24), at=LATER)
    at = contract.end_at + timedelta(hours=1)
    (renewed,) = contracts.renew_due(act=cast.act(because="Its time", at=at))
    assert (contract.renewal, renewed.renews, renewed.start_at) == ("automatic", contract, contract.end_at)
    assert (renewed.package_version, renewed.renewal) == (version, "automatic")
