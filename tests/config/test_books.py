"""Each invariant can fail: break exactly that, behind PostgreSQL's back, and it is the one that says so."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models, transaction
from pytest_django import DjangoDbBlocker

from config.books import INVARIANTS, breaches
from contracts.operations import renew_contract, sign_contract
from contracts.terms import AgreedCommit, AgreedLine, AgreedPrice, AgreedRule, SignedTerms
from governance.entities import Entity
from governance.models import ExternalId
from integrations import outbox
from invoicing import operations as invoicing
from invoicing.arrears import refresh_arrears
from invoicing.models import Invoice
from ledger.operations import install_accounts
from metering.postgres.rollups import roll_up
from tests import cast
from tests.books import act, pay, use

FEB, MAR = datetime(2026, 2, 3, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)
pytestmark = pytest.mark.django_db
ENTITIES = [model for model in apps.get_models() if issubclass(model, Entity)]
EDITABLE = ("CharField", "TextField", "PositiveSmallIntegerField")


def without(table: str, constraint: str, statement: str) -> str:
    """Constraints hold even where triggers do not."""
    return f"ALTER TABLE {table} DROP CONSTRAINT {constraint}; {statement}"


# What breaks each invariant, one way a line.
BREAKS = {
    "An invoice's lines add up to its subtotal, tax and drawdown, and these to its total.": [
        "UPDATE invoicing_invoiceline SET amount = amount + 1 WHERE kind = 'charge'",
        "UPDATE invoicing_invoiceline SET amount = amount - 1 WHERE kind = 'drawdown'",
        "UPDATE invoicing_invoiceline SET tax = tax + 1",
        "DELETE FROM invoicing_invoiceline",
        without("invoicing_invoice", "the_header_adds_up", "UPDATE invoicing_invoice SET total = total + 1"),
    ],
    "Each line's waterfall adds up to the line's amount and ends there.": [
        "UPDATE invoicing_invoiceline SET waterfall = waterfall - 0",
        "UPDATE invoicing_invoiceline SET waterfall = '[]' WHERE kind = 'drawdown'",
        "UPDATE invoicing_invoiceline SET waterfall = jsonb_set(waterfall, '{-1,total}', '\"0.01\"')",
    ],
    "Invoice numbers of a series have no gap and end at the series' last number.": [
        "UPDATE invoicing_invoice SET sequence = 99 WHERE sequence = 2",
        "UPDATE invoicing_invoiceseries SET last_number = last_number + 1",
        "DELETE FROM invoicing_creditnote",
    ],
    "Invoice numbers rise with the time of issue.": [
        "UPDATE invoicing_invoice SET issued_at = issued_at - interval '1 year' WHERE sequence = 3",
    ],
    "No agreed line was billed twice for any time; what was given back of it makes room.": [
        "UPDATE invoicing_invoiceline SET period_end = period_end + interval '1 day' WHERE kind = 'charge'",
    ],
    "An invoice is paid exactly when its payments and credits reach its total.": [
        "UPDATE invoicing_invoice SET status = 'finalized' WHERE status = 'paid'",
        "UPDATE invoicing_invoice SET status = 'paid' WHERE status = 'finalized'",
        "DELETE FROM invoicing_payment",
    ],
    "Credit notes never exceed their invoice.": ["UPDATE invoicing_creditnote SET amount = amount + 1000"],
    "Usage without a price is of a line of its contract, within its time.": [
        "UPDATE invoicing_unpricedusage SET term = 'another'",
        "UPDATE invoicing_unpricedusage u SET contract_id = c.id FROM contracts_contract c WHERE c.id <> u.contract_id",
        "UPDATE invoicing_unpricedusage SET period_start = period_start - interval '1 year'",
    ],
    "A renewal begins when what it renews is over, and renews a contract of the same customer.": [
        "UPDATE contracts_contract SET start_at = start_at - interval '1 day' WHERE renews_id IS NOT NULL",
        (
            "UPDATE contracts_contract SET customer_id = (SELECT id FROM contracts_customer WHERE key = 'contoso') "
            "WHERE renews_id IS NOT NULL"
        ),
    ],
    "What renews itself was renewed a day after its end, or says why not.": [
        (
            "UPDATE contracts_contract SET renewal = 'automatic', start_at = '2020-01-01', end_at = '2020-02-01' "
            "WHERE renews_id IS NOT NULL"
        ),
    ],
    "A commit's balance is the sum of its entries, and never below zero on the way.": [
        "UPDATE contracts_commit SET balance = balance + 1",
        "DELETE FROM contracts_commitentry WHERE kind = 'draw'",
        "UPDATE contracts_commitentry SET balance_after = -1 WHERE kind = 'draw'",
    ],
    "What an issued invoice drew is in the commit's ledger, once, and given back if the invoice is void.": [
        "DELETE FROM contracts_commitentry WHERE kind = 'draw'",
        "UPDATE contracts_commitentry SET amount = amount - 1 WHERE kind = 'draw'",
        "DELETE FROM contracts_commitentry WHERE kind = 'return'",
    ],
    "Whatever moved a commit after its grant is on an issued invoice.": [
        "UPDATE contracts_commitentry SET source_id = source_id || '?' WHERE kind = 'draw'",
        "UPDATE invoicing_invoice SET status = 'finalized' WHERE status = 'void'",
    ],
    "No commit got back more of a term's period than it paid of it.": [
        """UPDATE invoicing_invoiceline SET waterfall = jsonb_set(waterfall, '{0,paid}', '"-1"')
            WHERE kind = 'drawdown'""",
        """UPDATE invoicing_invoiceline SET waterfall = jsonb_set(waterfall, '{0,units}', '"-1"')
            WHERE kind = 'drawdown'""",
    ],
    "Every commit was granted once, by what it gives access to; one that waits for its payment, once it is paid.": [
        "DELETE FROM contracts_commitentry WHERE kind = 'grant'",
        "UPDATE contracts_commitentry SET amount = 41 WHERE kind = 'grant'",
    ],
    "What was refunded of a commit was credited on an invoice that sold it.": [
        "UPDATE contracts_commitentry SET kind = 'refund' WHERE kind = 'draw'",
    ],
    "What expired left nothing but what rolled over at that instant.": [
        "UPDATE contracts_commitentry SET balance_after = balance_after + 1 WHERE kind = 'expiry'",
    ],
    "What rolled over was taken from one commit, and is what the other gives access to.": [
        "UPDATE contracts_commit SET access_amount = 6 WHERE rolled_from_id IS NOT NULL",
        "DELETE FROM contracts_commitentry WHERE kind = 'rollover'",
    ],
    "Of a contract that is over, billed and out of grace nothing is left but what is committed and was not used.": [
        "UPDATE contracts_commit SET balance = 1 WHERE name = 'Gift'",
    ],
    "What a customer has of a feature beside its contracts fits the feature, and a contract is the customer's own.": [
        "UPDATE contracts_entitlementoverride SET value = 'on'",
        "UPDATE contracts_entitlementoverride SET \"window\" = 'day'",
        "UPDATE catalog_feature SET kind = 'config'",
        """UPDATE contracts_entitlementoverride o SET contract_id = c.id FROM contracts_contract c
            WHERE c.customer_id <> o.customer_id""",
    ],
    "Who is noted to be in arrears has that invoice, issued and not paid.": [
        "UPDATE contracts_arrears SET invoice = 'another'",
        "UPDATE invoicing_invoice SET status = 'paid' WHERE status = 'finalized'",
        "UPDATE contracts_contract SET customer_id = (SELECT id FROM contracts_customer WHERE key = 'fabrikam')",
    ],
    "Every journal entry balances and has at least two postings.": [
        "UPDATE ledger_posting SET debit = debit + 1 WHERE debit > 0",
        "DELETE FROM ledger_posting",
    ],
    "Accounts receivable is what booked invoices are still owed.": [
        "UPDATE ledger_posting SET account_id = '1150' WHERE account_id = '1100' AND credit > 0",
        "UPDATE invoicing_payment SET amount = amount - 1",
        "UPDATE invoicing_invoice SET currency = 'EUR' WHERE kind = 'commit'",
    ],
    "What was finalized, voided, paid and credited is booked once its delivery is done.": [
        "DELETE FROM ledger_journalentry WHERE source_type = 'invoice'",
        "DELETE FROM ledger_journalentry WHERE source_type = 'invoice.void'",
        "DELETE FROM ledger_journalentry WHERE source_type = 'payment'",
        "DELETE FROM ledger_journalentry WHERE source_type = 'credit_note'",
    ],
    "Every counted event has its identity, and no event is counted twice.": [
        "UPDATE metering_usageevent SET event_id = 'the-same'",
        "UPDATE metering_usageevent SET id = id + 1",
        "DELETE FROM metering_usageidentity",
    ],
    "What is final is counted by one event, and what is reversed since by two.": [
        "UPDATE metering_outcome SET status = 'reversed' WHERE status = 'final'",
        "UPDATE metering_outcome SET status = 'provisional', final_at = NULL, counted_at = NULL WHERE status = 'final'",
        "UPDATE metering_usageidentity SET event_id = 'another' WHERE event_id LIKE '%%/reversed'",
    ],
    "Nobody decided their own request or one whose subject they had edited before.": [
        without(
            "governance_approvalrequest",
            "nobody_approves_their_own",
            "UPDATE governance_approvalrequest SET decided_by_id = requested_by_id WHERE status = 'approved'",
        ),
        """UPDATE governance_change c SET by_id = r.decided_by_id FROM governance_approvalrequest r
            WHERE c.name = 'quote.edited' AND c.subject_id = r.subject_id""",
    ],
    "No offer was sent or accepted while an approval was open or refused.": [
        "UPDATE governance_approvalrequest SET status = 'pending' WHERE subject_type = 'quoting.quoteversion'",
        "UPDATE governance_approvalrequest SET status = 'rejected' WHERE subject_type = 'quoting.quoteversion'",
    ],
    "No price was published while an approval was open or refused.": [
        "UPDATE governance_approvalrequest SET status = 'pending' WHERE subject_type = 'catalog.ratecardversion'",
        "UPDATE governance_approvalrequest SET status = 'rejected' WHERE subject_type = 'catalog.ratecardversion'",
    ],
    "An accepted offer has its contract, signed by the name that was typed.": [
        "UPDATE contracts_contract SET signed_by = 'Eve Stranger'",
        "DELETE FROM contracts_contract",
    ],
    "A contract of a package is of a version that was published.": [
        without(
            "contracts_packageversion",
            "a_published_package_has_number_and_date",
            "UPDATE contracts_packageversion SET status = 'draft'",
        ),
    ],
    "Every change says who and why.": [
        without("governance_change", "change_says_who_and_why", "UPDATE governance_change SET because = '  '"),
        without("governance_change", "change_says_who_and_why", "UPDATE governance_change SET by_name = ''"),
    ],
    "No change waits for more than an hour to be told to those who listen.": [
        "UPDATE governance_change SET relayed_at = NULL, recorded_at = recorded_at - interval '61 minutes'",
    ],
    "Nobody is above themselves.": ["UPDATE contracts_customer SET parent_id = id WHERE key = 'contoso'"],
    "What a merged customer had belongs to whom they were merged into.": [
        "UPDATE contracts_customer k SET merged_into_id = o.id FROM contracts_customer o WHERE k.id <> o.id",
    ],
    "One record of ours has at most one counterpart in another system, which is nobody else's.": [
        without(
            "governance_externalid",
            "one_record_per_outside_id",
            "UPDATE governance_externalid SET external_id = 'cus_1'",
        ),
        without("governance_externalid", "one_id_per_system", "UPDATE governance_externalid SET subject_id = '1'"),
    ],
}


@pytest.fixture(scope="module")
def history(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A bit of everything: two months billed, paid, voided, credited and booked; rolled back at the end."""
    with django_db_blocker.unblock(), transaction.atomic():
        _live()
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        yield
        transaction.set_rollback(True)


@pytest.fixture
def sql(history: None) -> Iterator[Any]:
    """Runs statements with every trigger off; how many rows the last of them changed. Undone after the test."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")

        def run(statements: str) -> int:
            for statement in statements.split(";"):
                cursor.execute(statement)
            return cursor.rowcount

        yield run
        transaction.set_rollback(True)


def _live() -> None:
    install_accounts()
    cast.costs_features_and_rules()
    contract = cast.signed_contract()
    version = contract.rate_card.versions.get(number=1)
    lines = [AgreedLine(cast.product("input-tokens")), AgreedLine(cast.product("platform-fee"))]
    price = AgreedPrice(cast.product("input-tokens"), multiplier=Decimal("0.5"))
    whose = (cast.customer("fabrikam"), cast.seller(), version, "USD", cast.START_ON, 3)
    second = sign_contract(SignedTerms(*whose, lines, "Fay Fabrikam", overrides=[price]), act=act("Signed", cast.NOW))
    renew_contract(second, act=act("They like it", cast.NOW))
    allowance = AgreedRule("Allowance", Decimal(10), rollover_percent=Decimal(50), rollover_months=1)
    cast.contract_with(allowance, customer=cast.customer("tailspin"))
    cast.contract_with(commits=[AgreedCommit("Gift", Decimal(10))], customer=cast.customer("tailspin"), months=1)
    cast.signed_up()
    use("january", 8_000_000, 1_000_000)
    use("february", 8_000_000, 1_000_000, datetime(2026, 2, 15, tzinfo=UTC))
    for through in (FEB, MAR):
        invoicing.bill_due(through=through, act=act("Billing day", through))
    sale = Invoice.objects.get(kind="commit")
    pay(sale, "36.00")
    first, second = Invoice.objects.filter(contract=contract, kind="period").order_by("sequence")
    invoicing.issue_credit_note(first, amount=Decimal("1.00"), act=act("Apology", MAR))
    invoicing.void_invoice(second, act=act("Wrong address", MAR))
    invoicing.bill_due(through=MAR, act=act("Again", MAR))
    cast.unpriced_usage(contract)
    cast.withdrawn_amendment(contract)
    cast.charged()
    cast.noted(contract.customer)
    cast.trial(contract.customer)
    cast.cap(contract.customer)
    refresh_arrears(MAR + timedelta(days=90), act=act("Not all of it was paid", MAR))
    cast.outcomes()
    cast.alias()
    cast.corrections()
    outbox.drain(at=MAR)
    roll_up()
    for number in ("1", "2"):
        ExternalId.objects.create(system="stripe", subject_type="x", subject_id=number, external_id=f"cus_{number}")


def broken() -> set[str]:
    return {invariant.says for invariant, exceptions in breaches() if exceptions}


def test_a_real_history_breaks_none(history: None) -> None:
    assert broken() == set()


def test_there_is_a_way_to_break_every_invariant() -> None:
    assert list(BREAKS) == [invariant.says for invariant in INVARIANTS]


@pytest.mark.parametrize(("says", "statements"), [(says, each) for says, ways in BREAKS.items() for each in ways])
def test_what_breaks_an_invariant_is_reported(says: str, statements: str, sql: Any) -> None:
    assert sql(statements) > 0
    assert says in broken()


@pytest.mark.parametrize(
    "statements",
    [
        "UPDATE metering_usagerollup SET total = total + 0.000000000000000001",
        "UPDATE metering_usagerollup SET events = events + 1",
        "UPDATE metering_usagerollup SET day = day + 1",
        "UPDATE metering_usagerollup SET batch = batch - 1",
        "DELETE FROM metering_usagerollup",
        "UPDATE metering_usagebatch SET is_rolled_up = false",
        "DELETE FROM metering_usageevent",
        "UPDATE metering_usageevent SET properties = '{}'",
    ],
)
def test_daily_totals_that_are_not_what_the_events_come_to_are_reported(statements: str, sql: Any) -> None:
    assert sql(statements) > 0
    assert "Daily totals of usage are what the events come to." in broken()


@pytest.mark.parametrize("model", ENTITIES, ids=lambda model: model._meta.label)
def test_a_row_that_says_something_else_than_its_history_is_reported(model: type[models.Model], sql: Any) -> None:
    says = f"The history of every {model._meta.verbose_name} ends at what it is now."
    assert model._default_manager.exists()
    column = next(field.column for field in model._meta.concrete_fields if field.get_internal_type() in EDITABLE)
    assert sql(f"UPDATE {model.history.model._meta.db_table} SET {column} = '7'") > 0  # type: ignore[attr-defined]
    assert says in broken()


@pytest.mark.parametrize("model", ENTITIES, ids=lambda model: model._meta.label)
def test_a_row_without_a_history_is_reported(model: type[models.Model], sql: Any) -> None:
    assert sql(f"DELETE FROM {model.history.model._meta.db_table}") > 0  # type: ignore[attr-defined]
    assert f"The history of every {model._meta.verbose_name} ends at what it is now." in broken()
