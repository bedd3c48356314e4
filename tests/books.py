"""Contoso's January, billed: $36.00 for the commit, $52.25 for the month; and what the journal says of it."""

from datetime import UTC, datetime
from decimal import Decimal

from governance.acts import Act
from invoicing import operations as invoicing
from invoicing.models import Invoice
from ledger.models import JournalEntry
from ledger.operations import install_accounts
from metering.operations import ingest
from metering.wire.events import Event
from tests import cast

BILLING_DAY = datetime(2026, 2, 2, 9, tzinfo=UTC)


def act(because: str = "Told by the outbox", at: datetime = BILLING_DAY) -> Act:
    return Act.of_system("Ledger", because, at)


def use(
    event_id: str, input_tokens: int, output_tokens: int, day: datetime = datetime(2026, 1, 15, tzinfo=UTC)
) -> None:
    tokens = {"ContextTokens": input_tokens, "GeneratedTokens": output_tokens}
    (verdict,) = ingest([Event(event_id, "llm.request", day, "contoso", tokens)], source="gateway", at=day)
    assert verdict.outcome == "accepted"


def pay(invoice: Invoice, amount: str, external_id: str = "in_1") -> None:
    invoicing.record_payment(
        invoice,
        amount=Decimal(amount),
        currency="USD",
        method="stripe",
        external_id=external_id,
        received_at=BILLING_DAY,
        act=act("Paid"),
    )


def booked(*types: str) -> list[tuple[str, str, list[tuple[str, str, str]]]]:
    """Type, day and sides of the entries, in the order they were written."""
    rows = JournalEntry.objects.order_by("id").prefetch_related("postings")
    return [
        (
            entry.source_type,
            entry.posted_on.isoformat(),
            [
                (side.account_id, "Dr" if side.debit else "Cr", f"{side.debit or side.credit:.2f}")
                for side in entry.postings.all()
            ],
        )
        for entry in (rows.filter(source_type__in=types) if types else rows)
    ]


def billed_january() -> tuple[Invoice, Invoice]:
    """The commit's invoice and the month's, finalized; nothing booked, sent or paid yet."""
    install_accounts()
    contract = cast.signed_contract()
    use("january", 20_000_000, 4_000_000)
    invoicing.bill_due(through=BILLING_DAY, act=act("Billing day"))
    by_kind = {invoice.kind: invoice for invoice in Invoice.objects.filter(contract=contract)}
    return by_kind["commit"], by_kind["period"]
