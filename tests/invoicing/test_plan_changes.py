"""Moving a contract to another package: by an amendment, without a gap, to the cent, on one invoice."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from contracts import operations as contracts
from contracts.models import Amendment, Contract, PackageVersion
from contracts.packages import PackagedLine
from contracts.terms import AgreedCommit
from governance.acts import Act
from governance.clock import clock_set_to
from invoicing import operations as invoicing
from invoicing.models import Invoice
from metering.operations import ingest
from metering.wire.events import Event
from tests import cast
from tests.refusals import refused

pytestmark = pytest.mark.django_db
JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
MIDDLE = datetime(2026, 1, 16, 9, tzinfo=UTC)
AFTER = datetime(2026, 2, 3, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _at_the_time_of_the_cast() -> Iterator[None]:
    with clock_set_to(cast.NOW):
        yield


def starter() -> Contract:
    """Since the first of January, month by month."""
    cast.package(cast.starter(commits=(), months=1, renews_itself=True))
    return cast.signed_up(start_on=cast.START_ON)


def enterprise(**fields: Any) -> PackageVersion:
    """A year at a dearer platform, a fifth off the input tokens from the first on, and output tokens."""
    cast.publish({"seats": cast.OUTPUT, "setup": cast.FEE}, effective_from=JANUARY)
    lines = [
        PackagedLine(cast.product("input-tokens"), discount_percent=Decimal(10)),
        PackagedLine(cast.product("output-tokens")),
        PackagedLine(cast.product("platform-fee"), quantity=Decimal(1), minimum=Decimal(100)),
    ]
    return cast.package(cast.starter(**({"lines": lines, "commits": ()} | fields)), key="enterprise", at=JANUARY)


def use(day: datetime, tokens: int) -> None:
    used = {"ContextTokens": tokens, "GeneratedTokens": tokens // 10}
    ingest([Event(f"{day:%d-%H-%M}", "llm.request", day, "northwind", used)], source="gateway", at=day)


def bill(*days: datetime) -> list[Invoice]:
    for day in days:
        invoicing.bill_due(through=day, act=Act.of_system("timetable", "Billing day", day))
    return list(Invoice.objects.filter(status__in=["finalized", "paid"]).order_by("issued_at"))


def said(invoice: Invoice) -> list[tuple[str, str, Decimal, Decimal]]:
    days = "{:%d} to {:%d}"
    return [
        (line.product_key, days.format(line.period_start, line.period_end), line.quantity.normalize(), line.amount)
        for line in invoice.lines.order_by("period_start", "position")
    ]


def test_self_serve_becomes_enterprise_in_the_middle_of_a_month_on_one_invoice_without_a_gap() -> None:
    contract, version = starter(), enterprise()
    use(MIDDLE.replace(hour=0) - timedelta(microseconds=1), 4_000_000)  # the last instant of the old
    use(MIDDLE.replace(hour=0), 8_000_000)  # the first of the new
    moved = contracts.move_to_package(contract, version, act=cast.act("cara", "They grow", MIDDLE))
    (invoice,) = bill(AFTER)
    # 4 M at 2.50 less a tenth; 15 of 31 days of 20; 8 M at 2.50 less a tenth; 0.8 M at 10; 16 of 31 days of 100
    assert said(invoice) == [
        ("input-tokens", "01 to 16", Decimal(4_000_000).normalize(), Decimal("9.00")),
        ("platform-fee", "01 to 16", Decimal(1), Decimal("9.68")),
        ("input-tokens", "16 to 01", Decimal(8_000_000).normalize(), Decimal("18.00")),
        ("platform-fee", "16 to 01", Decimal(1), Decimal("51.61")),
        ("output-tokens", "16 to 01", Decimal(800_000).normalize(), Decimal("8.00")),
    ]
    assert invoice.total == Decimal("96.29")
    contract.refresh_from_db()
    assert (contract.package_version, contract.renewal) == (version, "none")
    assert contract.end_at == datetime(2027, 1, 16, tzinfo=UTC)
    assert (moved.contract, Contract.objects.count()) == (contract, 1)


def test_one_that_comes_to_less_waits_for_the_next_month() -> None:
    contract, version = starter(), enterprise()
    contracts.move_to_package(contract, version, act=cast.act("cara", "They grow", MIDDLE))
    starters = PackageVersion.objects.get(package__key="starter")
    later = MIDDLE + timedelta(days=3)
    back = contracts.move_to_package(contract, starters, act=cast.act("cara", "Too much", later))
    assert back.effective_at == datetime(2026, 2, 1, tzinfo=UTC)
    fees = contract.lines.filter(product__key="platform-fee").order_by("start_at")
    assert [(fee.start_at.day, fee.minimum) for fee in fees if fee.start_at < fee.end_at] == [
        (1, None),
        (16, 100),
        (1, None),
    ]
    assert contract.lines.get(product__key="output-tokens").end_at == back.effective_at


def test_when_can_be_said() -> None:
    contract, version = starter(), enterprise()
    moved = contracts.move_to_package(
        contract, version, when="next_cycle", act=cast.act("cara", "x", MIDDLE - timedelta(days=9))
    )
    assert moved.effective_at == datetime(2026, 2, 1, tzinfo=UTC)


def test_new_prices_reach_who_moves_and_nobody_else() -> None:
    contract = starter()
    cast.publish({"platform-fee": cast.Flat(Decimal(50))}, effective_from=JANUARY)
    second = cast.package(cast.starter(commits=()), at=JANUARY)
    stays = cast.signed_up("2", "other", at=cast.NOW)
    contracts.move_to_package(contract, second, act=cast.act("cara", "New edition", MIDDLE))
    (fee,) = contract.lines.filter(product__key="platform-fee", end_at__gt=MIDDLE)
    assert (fee.prices, fee.pinned_version.number) == ("pinned", 2)
    assert stays.lines.filter(prices="pinned").count() == 0


def test_a_product_becomes_another() -> None:
    contract = starter()
    version = enterprise(lines=[PackagedLine(cast.product("output-tokens"))])
    contracts.move_to_package(
        contract, version, when="now", swaps={"input-tokens": "output-tokens"}, act=cast.act("cara", "Swap", MIDDLE)
    )
    (line,) = contract.lines.filter(end_at__gt=MIDDLE)
    assert (line.product.key, line.replaces.product.key) == ("output-tokens", "input-tokens")


def test_a_credit_comes_once_however_often_one_moves() -> None:
    contract = starter()
    version = enterprise(commits=[AgreedCommit("Welcome credit", Decimal(5), Decimal(0))])
    contracts.move_to_package(contract, version, act=cast.act("cara", "They grow", MIDDLE))
    again = enterprise_again(version)
    contracts.move_to_package(contract, again, when="now", act=cast.act("cara", "Once more", MIDDLE))
    assert [each.name for each in contract.commits.all()] == ["Welcome credit"]


def enterprise_again(version: PackageVersion) -> PackageVersion:
    lines = [PackagedLine(cast.product("platform-fee"), quantity=Decimal(1), minimum=Decimal(120))]
    commits = [AgreedCommit("Welcome credit", Decimal(5), Decimal(0))]
    return cast.package(cast.starter(lines=lines, commits=commits), key=version.package.key, at=JANUARY)


def test_what_cannot_be_is_refused() -> None:
    contract, version = starter(), enterprise()
    draft = contracts.draft_package(version.package, act=cast.act("ann"))
    cara = cast.act("cara", "They grow", MIDDLE)
    with refused("is not published"):
        contracts.move_to_package(contract, draft, act=cara)
    with refused("when: one of"):
        contracts.move_to_package(contract, version, when="tomorrow", act=cara)
    with refused("quantities: How much of seats is not for the customer to say"):
        contracts.move_to_package(contract, version, quantities={"seats": Decimal(1)}, act=cara)
    ramp = cast.package(cast.starter(lines=[PackagedLine(cast.product("input-tokens"), phase_months=3)]), key="ramp")
    with refused("has phases"):
        contracts.move_to_package(contract, ramp, act=cara)
    assert Amendment.objects.count() == 0


def test_the_api_moves_a_contract() -> None:
    contract = starter()
    enterprise()
    client = Client(headers=cast.system_key("contracts:write"))
    address = f"/api/v1/contracts/{contract.number}/package"
    with clock_set_to(MIDDLE):
        wrong = client.post(address, {"package": "nothing", "because": "x"}, content_type="application/json")
        answer = client.post(address, {"package": "enterprise", "because": "Asked"}, content_type="application/json")
    assert (wrong.status_code, list(wrong.json())) == (400, ["package"])
    assert (answer.status_code, answer.json()["package"], answer.json()["end_on"]) == (200, "enterprise", "2027-01-15")
