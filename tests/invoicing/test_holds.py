"""Invoices whose usage looks wrong wait for a person: a spike of ten times, a day of silence, and what comes of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contracts.models import Contract, Customer
from governance.models import Change
from invoicing import operations
from invoicing.holds import held, held_drafts
from invoicing.models import BillingOutcome, Invoice
from metering import operations as metering
from metering.flags import operations as flags
from metering.models import UsageFlag
from metering.wire.events import Event
from tests.invoicing import books
from tests.invoicing.books import FEB_2
from tests.refusals import refused

BURST = datetime(2026, 1, 20, tzinfo=UTC)
MORNING = datetime(2026, 1, 22, 6, tzinfo=UTC)


def events(day: datetime, tokens: int, **properties: int) -> Iterator[Event]:
    for hour in (3, 9, 15, 21):
        at = day.replace(hour=hour)
        given = {"input-tokens": tokens // 4, "output-tokens": tokens // 40} | properties
        yield Event(f"{at:%d-%H}", "llm", at, "contoso", given)


def use(days: dict[int, int]) -> None:
    """So many input tokens on each of these days of January, and a tenth as many output tokens."""
    for day, tokens in days.items():
        at = datetime(2026, 1, day, tzinfo=UTC)
        metering.ingest(list(events(at, tokens)), source="gateway", at=at + timedelta(days=1))


@pytest.fixture
def spiked(contract: Contract, contoso: Customer) -> Contract:
    """A January of a million tokens a day, ten million on the 20th, and nothing on the 21st."""
    use(dict.fromkeys(range(1, 20), 1_000_000) | {20: 10_000_000})
    return contract


def found() -> list[tuple[str, str, int, Decimal, Decimal]]:
    rows = UsageFlag.objects.order_by("day", "kind", "meter_key")
    return [(flag.kind, flag.meter_key, flag.day.day, flag.seen, flag.usual) for flag in rows]


def month(contract: Contract) -> Invoice:
    return Invoice.objects.get(contract=contract, kind="period")


def test_a_spike_and_a_silence_are_flagged_once(spiked: Contract) -> None:
    assert len(flags.look(MORNING)) == 4
    assert flags.look(MORNING + timedelta(minutes=15)) == []
    assert found() == [
        ("spike", "input-tokens", 20, Decimal(10_000_000), Decimal(1_000_000)),
        ("spike", "output-tokens", 20, Decimal(1_000_000), Decimal(100_000)),
        ("silence", "input-tokens", 21, Decimal(0), Decimal(1_000_000)),
        ("silence", "output-tokens", 21, Decimal(0), Decimal(100_000)),
    ]
    assert UsageFlag.objects.get(kind="spike", meter_key="input-tokens").detail == (
        "10,000,000 units on 20 January 2026, 10 times the usual 1,000,000 units a day."
    )


def test_a_flagged_invoice_waits_until_somebody_releases_it_with_a_reason(spiked: Contract, cara: User) -> None:
    flags.look(MORNING)
    books.bill()
    draft = month(spiked)
    assert (draft.status, [flag.kind for flag in held([draft])[draft.pk]]) == ("draft", ["spike", "spike"])
    assert list(held_drafts()) == [draft.pk]
    with refused("held for review: 10,000,000 units on 20 January"):
        operations.finalize_invoice(draft, act=books.act("Now", by=cara))
    operations.release_invoice(draft, act=books.act("They ran a backfill, and know", by=cara))
    assert held_drafts() == {}
    books.bill(FEB_2 + timedelta(minutes=5))
    assert month(spiked).status == "finalized"
    assert Change.objects.get(name="invoice.released").because == "They ran a backfill, and know"
    with refused("Nothing holds this invoice"):
        operations.release_invoice(month(spiked), act=books.act("Again", by=cara))


def test_what_is_flagged_later_holds_a_released_draft_again(spiked: Contract, cara: User) -> None:
    flags.look(MORNING)
    books.bill()
    operations.release_invoice(month(spiked), act=books.act("They know", by=cara))
    use({29: 10_000_000})
    flags.look(FEB_2 + timedelta(hours=1))
    books.bill(FEB_2 + timedelta(hours=2))
    assert [flag.day.day for flag in held([month(spiked)])[month(spiked).pk]] == [29, 29]
    assert month(spiked).status == "draft"


def test_the_draft_goes_out_once_all_its_flags_are_resolved(spiked: Contract, cara: User) -> None:
    flags.look(MORNING)
    for flag in UsageFlag.objects.filter(kind="spike", meter_key="input-tokens"):
        flags.resolve(flag, act=books.act("A backfill", MORNING, cara))
    books.bill()
    assert month(spiked).status == "draft"
    for flag in UsageFlag.objects.filter(kind="spike", resolved_at=None):
        flags.resolve(flag, act=books.act("A backfill", MORNING, cara))
    books.bill(FEB_2 + timedelta(minutes=5))
    assert month(spiked).status == "finalized"
    flag = UsageFlag.objects.filter(kind="spike").earliest("pk")
    assert (flag.resolved_by, flag.resolved_at, flag.because) == (cara, MORNING, "A backfill")
    with refused("resolved already"):
        flags.resolve(flag, act=books.act("Again", by=cara))


def test_silence_holds_where_the_policy_says_so(spiked: Contract, settings: Any) -> None:
    settings.HOLD_ON_FLAGS = ["silence"]
    flags.look(MORNING)
    books.bill()
    assert {flag.kind for flag in held([month(spiked)])[month(spiked).pk]} == {"silence"}
    settings.HOLD_ON_FLAGS = []
    assert (held([month(spiked)]), held_drafts()) == ({}, {})


def test_what_is_flagged_outside_the_period_or_of_another_customer_holds_nothing(spiked: Contract) -> None:
    given = {"seen": 1, "usual": 1, "detail": "Odd.", "found_at": MORNING, "kind": "spike", "source": ""}
    day = BURST.date()
    for fields in (
        {"customer_key": "contoso", "meter_key": "input-tokens", "day": day.replace(month=2)},
        {"customer_key": "contoso", "meter_key": "storage", "day": day},
        {"customer_key": "fabrikam", "meter_key": "input-tokens", "day": day},
    ):
        UsageFlag.objects.create(**(given | fields))
    books.bill()
    assert month(spiked).status == "finalized"


def test_a_run_that_holds_says_nothing_new_and_bills_the_rest(spiked: Contract) -> None:
    flags.look(MORNING)
    books.bill()
    assert Invoice.objects.get(contract=spiked, kind="commit").status == "finalized"
    before = BillingOutcome.objects.count()
    books.bill(FEB_2 + timedelta(minutes=5))
    assert BillingOutcome.objects.count() == before


def test_an_ordinary_month_is_not_flagged(contract: Contract) -> None:
    use({day: 1_000_000 + 37_000 * day for day in range(1, 32)})
    assert flags.look(FEB_2) == []
    books.bill()
    assert month(contract).status == "finalized"


def test_the_admin_shows_what_is_held_and_lets_finance_release_it(
    spiked: Contract, cara: User, ann: User, signed_in: Any
) -> None:
    flags.look(MORNING)
    books.bill()
    draft = month(spiked)
    release = reverse("admin:invoicing_invoice_release", args=[draft.pk])
    assert signed_in(ann).post(release, {"_form_submitted": "on", "because": "Please"}).status_code == 403
    client = signed_in(cara)
    listed = client.get(reverse("admin:invoicing_invoice_changelist") + "?held=yes").content.decode()
    page = client.get(reverse("admin:invoicing_invoice_change", args=[draft.pk])).content.decode()
    finalize = reverse("admin:invoicing_invoice_finalize", args=[draft.pk])
    assert ("Draft, held" in listed, "Held for review" in page, release in page, finalize in page) == (
        True, True, True, False,
    )  # fmt: skip
    client.post(release, {"_form_submitted": "on", "because": "They ran a backfill"})
    page = client.get(reverse("admin:invoicing_invoice_change", args=[draft.pk])).content.decode()
    assert ("Held for review" in page, release in page, finalize in page) == (False, False, True)


def test_flags_are_listed_open_first_and_resolved_with_a_reason(spiked: Contract, cara: User, signed_in: Any) -> None:
    flags.look(MORNING)
    client, flag = signed_in(cara), UsageFlag.objects.get(kind="spike", meter_key="input-tokens")
    page = client.get(reverse("admin:metering_usageflag_change", args=[flag.pk])).content.decode()
    assert ("10 times the usual" in page, "Tue 20 January 2026: 10,000,000 units" in page) == (True, True)
    resolve = reverse("admin:metering_usageflag_resolve", args=[flag.pk])
    client.post(resolve, {"_form_submitted": "on", "because": ""})
    assert UsageFlag.objects.filter(resolved_at=None).count() == 4
    client.post(resolve, {"_form_submitted": "on", "because": "A backfill"})
    changelist = reverse("admin:metering_usageflag_changelist")
    counts = [
        client.get(changelist + query).context["cl"].result_count for query in ("", "?state=resolved", "?state=all")
    ]
    assert counts == [3, 1, 4]
    assert UsageFlag.objects.get(pk=flag.pk).because == "A backfill"


def test_many_drafts_take_as_many_queries_as_one(spiked: Contract) -> None:
    flags.look(MORNING)
    books.bill()
    draft = Invoice.objects.select_related("contract__customer").get(contract=spiked, kind="period")

    def asked(*drafts: Invoice) -> int:
        with CaptureQueriesContext(connection) as statements:
            held(drafts)
        return len(statements)

    assert (asked(draft), asked(draft, draft, draft), asked()) == (3, 3, 0)
