"""An invoice as people read it: one set of texts for the PDF, the customer's page and the admin."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from contracts.models import Commit, Contract
from contracts.presentation import worth_text
from contracts.words import access_text, amount_text, day_text, percent_text, period_text, quantity_text, tax_text
from invoicing.models import Invoice, InvoiceLine
from invoicing.queries import draws_of
from pricing.money import ZERO
from pricing.periods import Period, local_day

Row = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ShownLine:
    """One line: `workings` are (what, amount) in the order of the waterfall; the amount is "" where it says nothing."""

    description: str
    period: str
    quantity: str
    amount: str
    workings: Sequence[Row]
    source: str = ""
    is_drawn: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything an invoice shows, as text."""

    number: str
    is_draft: bool
    seller: dict[str, str]
    buyer: dict[str, str]
    facts: Sequence[Row]
    charges: Sequence[ShownLine]
    drawn: Sequence[ShownLine]
    totals: Sequence[Row]
    total: str
    currency: str
    due_on: str


def presented(invoice: Invoice) -> Shown:
    """An issued invoice from what it copied; a draft from how things stand now."""
    seller, buyer = (invoice.seller, invoice.buyer) if invoice.seller else parties(invoice.contract)
    lines = list(invoice.lines.select_related("commit"))
    left = {entry.source_id: entry.balance_after for entry in draws_of(invoice)}
    is_commit = invoice.kind == Invoice.Kind.COMMIT
    return Shown(
        number=invoice.number or "Draft",
        is_draft=invoice.number is None,
        seller=seller,
        buyer=buyer,
        facts=_facts(invoice, is_commit, buyer),
        charges=[_charge(line, invoice) for line in lines if line.kind != InvoiceLine.Kind.DRAWDOWN],
        drawn=[
            _drawn(line, invoice, left.get(str(line.pk))) for line in lines if line.kind == InvoiceLine.Kind.DRAWDOWN
        ],
        totals=_totals(invoice, lines),
        total=amount_text(invoice.total, invoice.currency),
        currency=invoice.currency,
        due_on=day_text(invoice.due_on) if invoice.due_on else "",
    )


def parties(contract: Contract) -> tuple[dict[str, str], dict[str, str]]:
    """Seller and buyer as an invoice copies them; a buyer who pays for somebody else says for whom."""
    seller = ("name", "address", "country", "tax_number", "email", "bank_details")
    buyer = ("key", "name", "billing_address", "country", "tax_number", "email")
    return (
        {name: getattr(contract.legal_entity, name) for name in seller},
        {name: getattr(contract.payer, name) for name in buyer}
        | {
            "purchase_order": contract.purchase_order,
            "tax_note": tax_text(contract.payer),
            "pays_for": contract.customer.name if contract.customer_id != contract.payer_id else "",
        },
    )


def _facts(invoice: Invoice, is_commit: bool, buyer: dict[str, str]) -> list[Row]:
    facts = [("Invoice number", invoice.number or "—")]
    if invoice.issued_at:
        facts.append(("Issued", day_text(local_day(invoice.issued_at, invoice.time_zone))))
    if invoice.due_on:
        facts.append(("Due", day_text(invoice.due_on)))
    period = period_text(Period(invoice.period_start, invoice.period_end), invoice.time_zone)
    facts += [("Usable" if is_commit else "Period", period), ("Contract", invoice.contract.number)]
    if invoice.group:
        facts.append(("Group", invoice.group))
    # Invoices of before a fact was copied do without it.
    more = (("For", "pays_for"), ("Purchase order", "purchase_order"), ("Tax", "tax_note"))
    return facts + [(title, buyer[name]) for title, name in more if buyer.get(name)]


def _charge(line: InvoiceLine, invoice: Invoice) -> ShownLine:
    is_commit = line.kind == InvoiceLine.Kind.COMMIT
    counted = access_text(line.quantity, line.unit, invoice.currency) if line.commit else ""
    return ShownLine(
        description=line.description,
        period=period_text(Period(line.period_start, line.period_end), invoice.time_zone),
        quantity="" if is_commit else counted or quantity_text(line.quantity, line.unit),
        amount=amount_text(line.amount, invoice.currency),
        workings=_access(line, invoice.currency) if is_commit else _workings(line, invoice.currency),
        source="" if is_commit else line.price_source,
    )


def _drawn(line: InvoiceLine, invoice: Invoice, left: Decimal | None) -> ShownLine:
    """What a commit paid. Where it is paid in money all the same, the steps say what counts towards it."""
    unit = line.commit.unit if line.commit else ""
    counts = line.commit is not None and line.commit.kind == Commit.Kind.POSTPAID
    steps = [
        (step["label"], amount_text(Decimal(step["paid" if counts else "amount"]), invoice.currency))
        for step in line.waterfall
    ]
    balance = "" if left is None else f"{access_text(left, unit, invoice.currency)} left"
    if unit:
        balance = ", ".join([quantity_text(line.quantity, unit), *([balance] if balance else [])])
    period = period_text(Period(line.period_start, line.period_end), invoice.time_zone)
    return ShownLine(
        line.description, period, balance, amount_text(line.amount, invoice.currency), steps, is_drawn=True
    )


def _access(line: InvoiceLine, currency: str) -> list[Row]:
    if line.commit is None:
        return []
    access = worth_text(line.commit.access_amount, line.commit, currency)
    return [(access if line.commit.unit else f"Pays for {access} of usage", "")]


def _workings(line: InvoiceLine, currency: str) -> list[Row]:
    """The steps of the waterfall; a single one needs no amount, for it is the line's."""
    steps = line.waterfall
    if len(steps) == 1:
        return [(steps[0]["label"], "")]
    return [(step["label"], amount_text(Decimal(step["amount"]), currency)) for step in steps]


def _totals(invoice: Invoice, lines: Sequence[InvoiceLine]) -> list[Row]:
    def text(amount: Decimal) -> str:
        return amount_text(amount, invoice.currency)

    rates: dict[Decimal, Decimal] = {}
    for line in lines:
        if line.kind != InvoiceLine.Kind.DRAWDOWN:
            rates[line.tax_percent] = rates.get(line.tax_percent, ZERO) + line.tax
    rows = [("Subtotal", text(invoice.subtotal))]
    rows += [(f"Tax {percent_text(rate)}", text(rates[rate])) for rate in sorted(rates) if rate or len(rates) > 1]
    if invoice.drawn:
        words = "Paid from prepaid usage" if invoice.drawn < 0 else "Returned to prepaid usage"
        rows.append((words, text(invoice.drawn)))
    return rows


def context(invoice: Invoice) -> dict[str, Any]:
    """What the templates get."""
    return {"invoice": invoice, "shown": presented(invoice)}
