"""Playing many plans beside each other: one calendar, one company, billing runs that bill all of them."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from contracts.changes import (
    AddCommit,
    AddLine,
    Cancel,
    Change,
    ChangeLine,
    ChangeTerm,
    EndLine,
    Reactivate,
    SetPrice,
)
from contracts.models import Contract, Customer
from contracts.operations import sign_contract
from contracts.operations.amending import amend
from contracts.terms import AgreedLine, SignedTerms
from governance import models as governance
from governance.acts import Act, Refused
from invoicing import operations as invoicing
from invoicing.models import BillingOutcome, Invoice
from invoicing.queries import still_open
from ledger.operations import install_accounts
from metering.operations import ingest
from metering.wire.events import Event
from pricing.charges import PerUnit
from pricing.periods import midnight
from tests import cast
from tests.histories.plans import MONTHS, Amend, Correction, Plan

LAST_DAY = datetime(2026, 8, 15, 9, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Life:
    """A plan and the contract it happens to."""

    plan: Plan
    contract: Contract


def act(because: str, at: datetime) -> Act:
    return Act.of_system("histories", because, at)


def played(plans: Sequence[Plan]) -> list[Life]:
    """Sign everybody's contract and let the months happen, each billed twice; the last run finds nothing to do."""
    install_accounts()
    prices = cast.publish(
        {
            "input-tokens": cast.INPUT,
            "output-tokens": cast.OUTPUT,
            "platform-fee": cast.FEE,
            "seats": PerUnit(Decimal(30)),
        }
    )
    lives = [Life(plan, _signed(plan, prices)) for plan in plans]
    for month in range(1, MONTHS + 1):
        end = datetime(2026, month + 1, 1, tzinfo=UTC)
        _use(lives, month, end)
        for life in lives:
            for each in life.plan.history[month - 1].amendments:
                _amend(life, each, end)
        _bill(end + timedelta(hours=25))
        for life in lives:
            for each in life.plan.history[month - 1].corrections:
                _correct(life, each, end + timedelta(days=2))
    _bill(LAST_DAY)
    _bill(LAST_DAY + timedelta(days=2))  # what waited for a draft to be closed
    changes = governance.Change.objects.count()
    _bill(LAST_DAY + timedelta(days=2))
    assert governance.Change.objects.count() == changes
    return lives


def _signed(plan: Plan, prices: object) -> Contract:
    signed = act("Signed", cast.NOW)
    customer = Customer.objects.filter(key=plan.key).first() or cast.customer(plan.key)
    terms = SignedTerms(
        customer=customer,
        legal_entity=cast.seller(),
        rate_card_version=prices,  # type: ignore[arg-type]
        currency="USD",
        start_on=plan.start_on,
        months=plan.months,
        lines=[
            AgreedLine(cast.product("input-tokens"), discount_percent=plan.discount),
            AgreedLine(cast.product("output-tokens"), minimum=Decimal(3)),
            AgreedLine(cast.product("seats"), Decimal(plan.seats), discount_percent=plan.discount),
            AgreedLine(cast.product("platform-fee")),
        ],
        commits=plan.commits,
        signed_by="Dan",
        anchor_day=plan.anchor_day,
        proration=plan.proration,
    )
    return sign_contract(terms, act=signed)


def _amend(life: Life, what: Amend, at: datetime) -> None:
    """Agree on it; what cannot be agreed is refused, and is as it was."""
    contract = Contract.objects.get(pk=life.contract.pk)
    with suppress(Refused):
        changes = _change(contract, what)
        amend(contract, changes, effective_at=midnight(what.effective_on, "UTC"), act=act("Agreed", at))


def _change(contract: Contract, what: Amend) -> Change:  # noqa: C901 - one case for each kind
    number = Decimal(what.number)
    match what.kind:
        case "seats":
            return ChangeLine(_line(contract, "seats"), quantity=number, timing=what.timing)
        case "discount":
            return ChangeLine(_line(contract, "input-tokens"), discount_percent=number, timing=what.timing)
        case "end":
            return EndLine(_line(contract, "platform-fee"), timing=what.timing)
        case "add":
            return AddLine("platform-fee", label="Another")
        case "swap":
            return ChangeLine(_line(contract, "seats"), product="platform-fee", quantity=Decimal(1), timing=what.timing)
        case "price":
            return SetPrice("output-tokens", multiplier=(number + 8) / 10)
        case "term":
            return ChangeTerm(contract.end_at.date() + timedelta(days=what.number - 8))
        case "cancel":
            return Cancel(credit=what.number > 7)
        case "reactivate":
            return Reactivate(contract.end_at.date() + timedelta(days=what.number))
        case "commit":
            return AddCommit("More", number, number * Decimal("0.9"))


def _line(contract: Contract, product: str) -> str:
    """The line of the product that ends last."""
    lines = contract.lines.filter(product__key=product).order_by("end_at", "start_at", "pk")
    last = lines.last()
    if last is None:
        raise Refused("There is no such line.")
    return str(last.pk)


def _use(lives: Sequence[Life], month: int, told: datetime) -> None:
    events = [
        Event(
            f"{life.plan.key}/{month}/{place}",
            "llm.request",
            use.at,
            life.plan.key,
            {"ContextTokens": use.input_tokens, "GeneratedTokens": use.output_tokens},
        )
        for life in lives
        for place, use in enumerate(life.plan.history[month - 1].usage)
    ]
    for start in range(0, len(events), 5_000):
        verdicts = ingest(events[start : start + 5_000], source="gateway", at=told)
        assert {each.outcome for each in verdicts} <= {"accepted"}


def _bill(through: datetime) -> None:
    for _ in range(2):
        run = invoicing.bill_due(through=through, act=act("Billing day", through))
    failures = BillingOutcome.objects.filter(run=run, result=BillingOutcome.Result.FAILED)
    assert [each.reason for each in failures] == []


def _correct(life: Life, what: Correction, at: datetime) -> None:
    """Do it to the newest issued invoice; what is refused is as it should be."""
    invoice = Invoice.objects.filter(contract=life.contract).exclude(number=None).order_by("sequence").last()
    if invoice is None:
        return
    try:
        match what:
            case "void":
                invoicing.void_invoice(invoice, act=act("Wrong", at))
            case "credit":
                amount = (invoice.total / 3).quantize(Decimal("0.01"))
                invoicing.issue_credit_note(invoice, amount=amount, act=act("Apology", at))
            case _:
                amount = still_open(invoice)
                invoicing.record_payment(
                    invoice,
                    amount=amount if what == "pay" else (amount / 2).quantize(Decimal("0.01")),
                    currency=invoice.currency,
                    method="bank transfer",
                    external_id=f"{invoice.number}/{what}",
                    received_at=at,
                    act=act("Paid", at),
                )
    except Refused:
        pass
