"""Two customers with all there is to them: Contoso, which Ben serves, and Fabrikam, which he does not."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Model

from contracts import operations as contracts
from contracts.models import Contract, Customer
from contracts.terms import AgreedRule
from governance.models import Change, ExternalId
from integrations import inbox, outbox
from invoicing import operations as invoicing
from invoicing.arrears import refresh_arrears
from invoicing.models import CreditNote, Invoice, Payment
from ledger.operations import install_accounts, post_credit_note, post_invoice, post_payment
from metering.models import UsageFlag
from metering.operations import ingest
from metering.wire.events import Event
from quoting.models import Quote
from tests import cast
from tests.books import BILLING_DAY, act

STRANGE = "Fabrikam"  # in every name and address of the customer that Ben does not serve


@dataclass(frozen=True)
class Chain:
    """One customer's story, from the offer to the books."""

    customer: Customer
    quote: Quote
    contract: Contract
    invoice: Invoice
    payment: Payment
    note: CreditNote


@dataclass(frozen=True)
class World:
    contoso: Chain
    fabrikam: Chain


def build() -> World:
    """Everybody is there, with their roles, and of every table at least a row."""
    for name in cast.PEOPLE:
        cast.person(name)
    install_accounts()
    cast.costs_features_and_rules()
    cast.package()
    buyers = [cast.contoso(), fabrikam()]
    # Small discounts for Fabrikam: nobody was asked to agree, so that Ben asked nothing about it.
    terms: list[dict[str, Any]] = [{}, {"discount": "5", "commit": ("40", "38")}]
    signed = [
        cast.signed_contract(to=buyer, title=f"For {buyer.name}", **given)
        for buyer, given in zip(buyers, terms, strict=True)
    ]
    # From next year on, so that nothing of it is billed yet.
    cast.contract_with(AgreedRule("Monthly credits", Decimal(100), unit="credit"), start_on=date(2027, 1, 1))
    for buyer in (*buyers, None):
        use(buyer.key if buyer else "nobody")
    flag()
    cast.alias()
    cast.corrections()
    invoicing.bill_due(through=BILLING_DAY, act=act("Billing day"))
    for contract in signed:
        cast.unpriced_usage(contract)
        cast.withdrawn_amendment(contract)
    for buyer in buyers:
        cast.noted(buyer)
    for buyer in buyers:
        cast.outcomes(buyer.key)
        cast.trial(buyer)
        cast.cap(buyer)
    chains = [chain(contract) for contract in signed]
    refresh_arrears(BILLING_DAY + timedelta(days=90), act=act("Nobody paid all of it"))
    outbox.relay(at=BILLING_DAY)
    inbox.receive(sender="stripe", message_id="evt_1", type="invoice.paid", body={"id": "evt_1"}, at=BILLING_DAY)
    ExternalId.objects.create(
        system="stripe", external_id="cus_1", subject_type="contracts.customer", subject_id=str(buyers[0].pk)
    )
    return World(*chains)


def fabrikam() -> Customer:
    """Nobody brought it, so nobody serves it."""
    return contracts.create_customer(
        key="fabrikam", name="Fabrikam Inc.", email="ap@fabrikam.test", act=cast.act(because="Came by itself")
    )


def use(key: str) -> None:
    day = BILLING_DAY.replace(month=1, day=15)
    tokens = {"ContextTokens": 20_000_000, "GeneratedTokens": 4_000_000}
    ingest([Event(f"january-{key}", "llm.request", day, key, tokens)], source="gateway", at=day)


def flag() -> None:
    """Something odd, on a day that no invoice bills."""
    seen = {"meter_key": "input-tokens", "seen": 9_000, "usual": 1_000, "detail": "9 times the usual."}
    UsageFlag.objects.create(kind="spike", customer_key="contoso", day=BILLING_DAY.date(), found_at=BILLING_DAY, **seen)


def chain(contract: Contract) -> Chain:
    """The month's invoice, paid in part and credited in part, and everything booked."""
    by_kind = {invoice.kind: invoice for invoice in Invoice.objects.filter(contract=contract)}
    invoice = by_kind["period"]
    payment = invoicing.record_payment(
        invoice,
        amount=Decimal(10),
        currency="USD",
        method="bank transfer",
        external_id=f"transfer of {contract.customer.name}",
        received_at=BILLING_DAY,
        act=act("Paid"),
    )
    note = invoicing.issue_credit_note(invoice, amount=Decimal(5), act=act(f"Sorry, {contract.customer.name}"))
    for each in by_kind.values():
        post_invoice(each, act=act())
    post_payment(payment, act=act())
    post_credit_note(note, act=act())
    quote = Quote.objects.get(versions__contract=contract)
    return Chain(contract.customer, quote, contract, invoice, payment, note)


def rows_of(model: type[Model]) -> int:
    return model._default_manager.count()


def trail() -> int:
    """How many changes were recorded so far; nothing happens without one."""
    return Change.objects.count()
