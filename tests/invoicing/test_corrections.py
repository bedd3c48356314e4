from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from contracts.models import Contract
from invoicing.corrections import preview, since_invoiced
from invoicing.models import Invoice
from metering import corrections
from metering.models import UsageCorrection, UsageVoid
from metering.wire.events import Event
from pricing.periods import Period
from tests import cast
from tests.invoicing import books
from tests.invoicing.books import FEB_2, JAN, MAR_2, NOON, act, bill, month_invoice, use

IN_GRACE, IN_MARCHS_GRACE = FEB_2 - timedelta(hours=12), MAR_2 - timedelta(hours=12)
INPUT, OUTPUT = "Input tokens", "Output tokens"


@pytest.fixture
def contract(ann: User) -> Contract:
    """20 M input and 4 M output tokens in January: 38.25 + 34.00, and 20.00 of fees."""
    version = books.standard_card(ann)
    signed = books.sign(version, books.customer(), books.seller(), commit=False)
    use(signed.customer)
    return signed


def halved(contract: Contract) -> UsageCorrection:
    """The day was reported twice as large as it was."""
    right = {"input-tokens": 10_000_000, "output-tokens": 2_000_000}
    return corrections.draft_correction(
        name="Doubled",
        customer_key=contract.customer.key,
        event_type="llm",
        period=Period(NOON, NOON + timedelta(hours=1)),
        replacements=[Event(id="right", type="llm", time=NOON, customer_key=contract.customer.key, properties=right)],
        act=act("Retries were counted", FEB_2),
    )


def money(found: Any) -> list[tuple[str, str, str]]:
    return [(each.description, f"{each.amount_before:.2f}", f"{each.amount_after:.2f}") for each in found.effects]


def test_the_preview_says_the_money_and_changes_nothing(contract: Contract) -> None:
    draft = halved(contract)
    found = preview(draft, act=act())
    assert (found.voided, found.added) == (1, 1)
    before = money(found)
    assert [name for name, _, _ in before] == [INPUT, OUTPUT]
    assert not UsageVoid.objects.exists()
    assert UsageCorrection.objects.get().status == "draft"
    bill()
    draft.refresh_from_db()
    assert money(preview(draft, act=act())) == before


def test_the_preview_is_what_happens(contract: Contract) -> None:
    bill(IN_GRACE)
    had = {line.description: line.amount for line in Invoice.objects.get().lines.all()}
    draft = halved(contract)
    said = {each.description: each.amount for each in preview(draft, act=act()).effects}
    corrections.apply_correction(draft, act=act())
    bill(IN_GRACE)
    has = {line.description: line.amount for line in Invoice.objects.get().lines.all()}
    assert {name: has[name] - had[name] for name in said} == said
    assert had.keys() == has.keys()
    (total,) = preview(UsageCorrection.objects.get(), act=act()).totals.values()
    assert total == -sum(said.values())


def test_after_the_invoice_the_difference_has_its_own_period(contract: Contract) -> None:
    bill(FEB_2)
    issued = month_invoice(contract)
    assert issued.status == "finalized"
    draft = halved(contract)
    said = {each.description: each.amount for each in preview(draft, act=act()).effects}
    applied = corrections.apply_correction(draft, act=act(at=FEB_2 + timedelta(days=2)))
    use(contract.customer, at=MAR_2 - timedelta(days=10))
    bill(IN_MARCHS_GRACE)
    (next_draft,) = Invoice.objects.filter(status="draft")
    late = {line.description: line.amount for line in next_draft.lines.filter(period_start=JAN, amount__lt=0)}
    assert late == said
    assert month_invoice_is_as_it_was(issued)
    corrections.revert_correction(applied, act=act(at=MAR_2))
    bill(IN_MARCHS_GRACE)
    assert not Invoice.objects.get(pk=next_draft.pk).lines.filter(period_start=JAN, amount__lt=0).exists()


def month_invoice_is_as_it_was(issued: Invoice) -> bool:
    now = Invoice.objects.get(pk=issued.pk)
    return (now.total, now.measured_through) == (issued.total, issued.measured_through)


def test_an_invoice_remembers_what_it_knew(contract: Contract) -> None:
    bill(FEB_2)
    issued = month_invoice(contract)
    assert issued.measured_through is not None
    assert since_invoiced(issued) == []
    use(contract.customer, input_tokens=1_000_000, output_tokens=0, at=NOON)
    use(contract.customer, at=FEB_2)
    (since,) = since_invoiced(Invoice.objects.get(pk=issued.pk))
    assert (since.description, since.quantity, since.period.start) == (INPUT, 1_000_000, JAN)
    assert f"{since.amount:.2f}" == "1.70"


# ---------------------------------------------------------------- the admin
@pytest.fixture
def finance(client: Client, cara: User) -> Client:
    client.force_login(cara)
    return client


def page_of(correction: UsageCorrection, verb: str = "change") -> str:
    return reverse(f"admin:metering_usagecorrection_{verb}", args=[correction.pk])


def test_finance_drafts_looks_and_applies(finance: Client, contract: Contract) -> None:
    form = {
        "name": "Doubled",
        "customer_key": contract.customer.key,
        "event_type": "llm",
        "start_at_0": "2026-01-15",
        "start_at_1": "00:00",
        "end_at_0": "2026-01-16",
        "end_at_1": "00:00",
        "condition": "",
        "because": "Retries were counted",
    }
    answer = finance.post(reverse("admin:metering_usagecorrection_add"), form)
    correction = UsageCorrection.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == page_of(correction)
    page = finance.get(page_of(correction)).content.decode()
    assert "What it comes to" in page
    assert INPUT in page
    answer = finance.post(page_of(correction, "apply"), {"_form_submitted": "1", "because": "Agreed with Contoso"})
    assert answer.status_code == 200
    correction.refresh_from_db()
    assert (correction.status, correction.voided) == ("applied", 1)
    assert "Reverting it" in finance.get(page_of(correction)).content.decode()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"end_at_0": "2026-01-01"}, "The range ends before it starts"),
        ({"condition": "tokens >"}, "tokens >"),
        ({"because": ""}, "This field is required"),
    ],
)
def test_the_form_says_what_is_wrong(finance: Client, contract: Contract, fields: Any, sentence: str) -> None:
    form = {
        "name": "Doubled",
        "customer_key": contract.customer.key,
        "event_type": "llm",
        "start_at_0": "2026-01-15",
        "start_at_1": "00:00",
        "end_at_0": "2026-01-16",
        "end_at_1": "00:00",
        "because": "Retries",
    } | fields
    answer = finance.post(reverse("admin:metering_usagecorrection_add"), form)
    assert sentence in answer.content.decode()
    assert not UsageCorrection.objects.exists()


# ---------------------------------------------------------------- the API
def test_the_api_drafts_previews_applies_and_reverts(client: Client, contract: Contract) -> None:
    headers = cast.system_key("usage:read", "usage:correct")
    body = {
        "name": "Doubled",
        "customer": contract.customer.key,
        "event_type": "llm",
        "from": "2026-01-15T00:00:00Z",
        "to": "2026-01-16T00:00:00Z",
        "because": "Retries",
    }

    def call(method: str, path: str = "", body: Any = None) -> Any:
        send = getattr(client, method)
        url = f"/api/v1/usage-corrections{path}"
        return send(url, body, content_type="application/json", headers=headers)

    made = call("post", body=body)
    assert made.status_code == 201, made.content
    one = f"/{made.json()['id']}"
    found = call("get", f"{one}/preview").json()
    assert (found["voided"], found["added"]) == (1, 0)
    assert found["totals"] == [{"amount": f"{-Decimal('72.25')}", "currency": "USD"}]
    assert call("post", f"{one}/apply", {"because": "Agreed"}).json()["status"] == "applied"
    again = call("post", f"{one}/apply", {"because": "Agreed"})
    assert again.status_code == 409
    assert call("post", f"{one}/revert", {"because": "Wrong day"}).json()["status"] == "reverted"
    assert call("get", f"{one}/preview").status_code == 409
    wrong = call("post", body=body | {"to": "2026-01-14T00:00:00Z"})
    assert (wrong.status_code, wrong.json()) == (400, {"to": ["The range ends before it starts."]})
