"""What PostgreSQL itself refuses, one row for each promise: proven by SQL that no operation of ours would send."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from catalog import operations as catalog
from governance import approvals
from governance.entities import Entity
from governance.keys import make_key
from governance.models import ApprovalRequest
from quoting import operations as quoting
from tests import cast
from tests.doors.world import World, build
from tests.refusals import everything

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Guard:
    """A statement nobody may get through, told as the promise it would break, and what PostgreSQL answers."""

    promise: str
    sql: str
    answer: str


def rewriting(table: str, column: str, answer: str = "never changes") -> Iterator[Guard]:
    """A ledger is only ever added to."""
    yield Guard(f"{table} is not rewritten", f"UPDATE {table} SET {column}", answer)
    yield Guard(f"{table} is not deleted from", f"DELETE FROM {table}", answer)


def again(table: str, **others: str) -> str:
    """The rows of a table once more, with these values instead."""
    values = ", ".join(f"'{column}', {value}" for column, value in others.items())
    return (
        f"INSERT INTO {table} SELECT (jsonb_populate_record(t, jsonb_build_object({values}))).* FROM {table} t LIMIT 1"
    )


NEW_ID = "gen_random_uuid()"
NEW_NUMBER = "1000000"
ISSUED = "invoicing_invoice SET"
GUARDS = [
    # ------------------------------------------------------------ changing or deleting a finalized invoice or its lines
    Guard("an invoice keeps its total", f"UPDATE {ISSUED} subtotal = subtotal + 1, total = total + 1", "never"),
    Guard("a finalized invoice keeps its number", f"UPDATE {ISSUED} number = 'X-1'", "never changes"),
    Guard("a finalized invoice is not taken back", f"UPDATE {ISSUED} status = 'draft', number = NULL", "never"),
    Guard("a finalized invoice is not deleted", "DELETE FROM invoicing_invoice", "never deleted"),
    Guard("a line keeps its amount", "UPDATE invoicing_invoiceline SET amount = 1", "never change"),
    Guard("lines of a finalized invoice stay", "DELETE FROM invoicing_invoiceline", "never change"),
    Guard("an invoice gets no more lines", again("invoicing_invoiceline", id=NEW_ID, position="99"), "never"),
    # ------------------------------------------------------------ rewriting any ledger
    *rewriting("contracts_commitentry", "amount = 1000"),
    *rewriting("ledger_journalentry", "posted_on = '2020-01-01'"),
    *rewriting("ledger_posting", "debit = 1, credit = 0"),
    *rewriting("invoicing_payment", "amount = 1"),
    *rewriting("invoicing_creditnote", "amount = 1"),
    *rewriting("invoicing_unpricedusage", "reason = 'none'", "what was found unpriced stays"),
    *rewriting("metering_usageevent", "customer_key = 'eve'"),
    *rewriting("metering_usageidentity", "event = 1", "kept for ever"),
    *rewriting("metering_usagevoid", "event = 1", "a void is a fact"),
    *rewriting("metering_usagebatch", "stored_at = now() - interval '1 year'"),
    *rewriting("metering_eventtypeversion", "schema = '[]'"),
    *rewriting("metering_outcome", "value = 5", "what was reported never changes"),
    *rewriting("metering_outcomeentry", "because = ''", "what happened to an outcome stays"),
    Guard(
        "a subject has one outcome",
        again(
            "metering_outcome",
            id=NEW_ID,
            occurred_at="now()",
            status="'provisional'",
            final_at="NULL",
            counted_at="NULL",
        ).replace("LIMIT 1", "WHERE status = 'provisional' LIMIT 1"),
        "one_outcome_for_a_subject",
    ),
    Guard(
        "a report is one outcome",
        again("metering_outcome", id=NEW_ID).replace("LIMIT 1", "WHERE status = 'reversed' LIMIT 1"),
        "a_report_is_one_outcome",
    ),
    Guard(
        "a final outcome says since when",
        "UPDATE metering_outcome SET final_at = NULL, counted_at = NULL WHERE status = 'final'",
        "a_final_outcome_says_since_when",
    ),
    *rewriting("governance_change", "because = 'another story'"),
    Guard("the trail names nobody else later", "UPDATE governance_change SET by_name = 'Eve'", "never changes"),
    Guard("an unbalanced entry", again("ledger_posting", id=NEW_NUMBER, debit="0", credit="5"), "does not balance"),
    Guard("what was reported stays", "UPDATE metering_quarantinedevent SET body = '{}'", "never changes"),
    # ------------------------------------------------------------ overdrawing a commit
    Guard(
        "a commit is not overdrawn",
        again("contracts_commitentry", id=NEW_NUMBER, kind="'draw'", amount="-1000", source_id="'by hand'"),
        "a_commit_is_never_overdrawn",
    ),
    Guard("a balance moves by entries alone", "UPDATE contracts_commit SET balance = 1000", "only through its entries"),
    Guard("a cause moves a commit once", again("contracts_commitentry", id=NEW_NUMBER), "moves_a_commit_once"),
    # ------------------------------------------------------------ one's own approval
    Guard(
        "nobody approves their own",
        "UPDATE governance_approvalrequest SET status = 'approved', decided_by_id = requested_by_id, "
        "decided_at = now(), because = 'fine' WHERE status = 'pending'",
        "nobody_approves_their_own",
    ),
    Guard(
        "a decision says who, when and why",
        "UPDATE governance_approvalrequest SET status = 'approved' WHERE status = 'pending'",
        "decisions_say_who_when_why",
    ),
    Guard(
        "what was decided stays decided",
        "UPDATE governance_approvalrequest SET status = 'rejected' WHERE status = 'approved'",
        "a decided approval request never changes",
    ),
    Guard(
        "what was asked stays as it was asked",
        "UPDATE governance_approvalrequest SET value = 1 WHERE status = 'pending'",
        "what was asked never changes",
    ),
    Guard(
        "an approval is not moved to another deal",
        "UPDATE governance_approvalrequest SET subject_id = 'another' WHERE status = 'approved'",
        "never changes",
    ),
    Guard("an approval is not deleted", "DELETE FROM governance_approvalrequest", "never deleted"),
    # ------------------------------------------------------------ two live drafts; a duplicate event
    Guard(
        "a card has one live draft",
        "INSERT INTO catalog_ratecardversion"
        " (id, card_id, status, note, reach, base_factor, publish_when_approved, warnings_accepted) "
        "SELECT gen_random_uuid(), card_id, 'draft', '', 'from_date', 1, false, '' FROM catalog_ratecardversion"
        " WHERE status = 'draft'",
        "one_live_draft_per_card",
    ),
    Guard("a published package stays", "UPDATE contracts_packageversion SET months = 1", "never changes"),
    Guard("a published package is not deleted", "DELETE FROM contracts_packageversion", "never changes"),
    Guard("a package keeps its lines", "UPDATE contracts_packageline SET discount_percent = 99", "while its version"),
    Guard("a package keeps its commits", "DELETE FROM contracts_packagecommit", "while its version"),
    Guard(
        "a package is published with approval",
        again("contracts_packageversion", id=NEW_ID, number="9"),
        "published with approval",
    ),
    Guard("published prices stay", "UPDATE catalog_rate SET cycle_months = 12", "only while their version is a draft"),
    Guard("an event counts once", again("metering_usageidentity"), "metering_usageidentity_pkey"),
    # ------------------------------------------------------------ what was signed, what was sent
    Guard("a contract keeps its prices", "UPDATE contracts_contract SET pinned_version_id = NULL", "signed contract"),
    Guard("a contract keeps its currency", "UPDATE contracts_contract SET currency = 'EUR'", "signed contract"),
    Guard("a contract keeps its grace", "UPDATE contracts_contract SET grace_hours = 0", "signed contract"),
    Guard("a contract gets no longer", "UPDATE contracts_contract SET end_at = end_at + '1 day'", "signed contract"),
    Guard("a contract does not just end", "UPDATE contracts_contract SET status = 'ended'", "signed contract"),
    Guard("a contract is not deleted", "DELETE FROM contracts_contract", "signed contract"),
    Guard("a line keeps its discount", "UPDATE contracts_contractline SET discount_percent = 99", "agreed line"),
    Guard("a line keeps its quantity", "UPDATE contracts_contractline SET quantity = 1", "agreed line"),
    Guard("a line does not get longer", "UPDATE contracts_contractline SET end_at = end_at + '1 day'", "agreed line"),
    Guard("a line does not just end", "UPDATE contracts_contractline SET end_at = start_at", "agreed line"),
    Guard("a withdrawn amendment stays", "UPDATE contracts_amendment SET reason = 'Another'", "never changes"),
    Guard("an amendment is not deleted", "DELETE FROM contracts_amendment", "never changes"),
    Guard("a line is not deleted", "DELETE FROM contracts_contractline", "agreed line"),
    Guard("a commit keeps its price", "UPDATE contracts_commit SET price = 0", "agreed commit"),
    Guard("a commit keeps its worth", "UPDATE contracts_commit SET access_amount = 1000000", "agreed commit"),
    Guard("a commit keeps its term", "UPDATE contracts_commit SET end_at = end_at + '1 year'", "agreed commit"),
    Guard("a commit is not deleted", "DELETE FROM contracts_commit", "agreed commit"),
    Guard("a sent offer stays", "UPDATE quoting_quoteversion SET months = 1 WHERE status = 'accepted'", "never"),
    # ------------------------------------------------------------ keys
    Guard("a key keeps its name", "UPDATE governance_systemkey SET name = 'eve'", "stays as it was made"),
    Guard("a key gets no scope", "UPDATE governance_systemkey SET scopes = '{x}'", "stays as it was made"),
    Guard(
        "a name has one key",
        again("governance_systemkey", id="'other'", prefix="'other'"),
        "one_usable_key_per_system",
    ),
]
# Rows that are written once, and whose change column is no business of `only_inside_a_change`.
HISTORIES = [
    model.history.model  # type: ignore[attr-defined]
    for model in apps.get_models()
    if issubclass(model, Entity)
]


@pytest.fixture
def full(world: World) -> World:
    """Everything there is, and on top of it a draft of prices, a question that waits, a credit note and a key."""
    catalog.draft_version(cast.card(), act=cast.act("ann"))
    quoting.submit(cast.quote_for_contoso(), act=cast.act("ben"))
    assert ApprovalRequest.objects.filter(status="pending").exists()
    assert ApprovalRequest.objects.filter(status="approved").exists()
    cast.charged()
    make_key(name="erp", scopes=["usage:write"], act=cast.act("eric"))
    return world


@pytest.fixture
def world(db: None) -> World:
    return build()


def tried(sql: str) -> None:
    """As somebody would who opened a change and knows no manners."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('quoin.change', max(id)::text, true) FROM governance_change")
        cursor.execute(sql)
        assert cursor.rowcount, f"nothing was there to try it on: {sql}"
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_every_promise_is_kept(full: World) -> None:
    before, broken = everything(), []
    for guard in GUARDS:
        try:
            tried(guard.sql)
        except DatabaseError as refusal:
            if guard.answer not in str(refusal):
                broken.append(f"{guard.promise}: {refusal}")
        else:
            broken.append(f"{guard.promise}: it went through")
    assert broken == []
    assert everything() == before


def test_history_is_neither_rewritten_nor_deleted_nor_forged(full: World) -> None:
    """Of every entity: whoever could rewrite its history could tell another story of it."""
    went_through, empty = [], []
    for model in HISTORIES:
        table = model._meta.db_table
        if not model.objects.exists():
            empty.append(table)
        for sql, answer in (
            (f"UPDATE {table} SET history_date = now() - interval '1 year'", "history never changes"),
            (f"DELETE FROM {table}", "history never changes"),
            (again(table, history_id=NEW_NUMBER, change_id="1"), "history is signed by the change that is open"),
        ):
            try:
                tried(sql)
            except (DatabaseError, AssertionError) as refusal:
                if answer not in str(refusal) and table not in empty:
                    went_through.append(f"{sql}: {refusal}")
            else:
                went_through.append(sql)
    assert went_through == []
    assert empty == ["contracts_historicaloverride"]


def test_every_entity_and_ledger_is_guarded() -> None:
    """A new table of ours that nobody guards is found here."""
    guarded = {model for model in apps.get_models() if getattr(model._meta, "triggers", None)}
    ours = {"governance", "metering", "catalog", "contracts", "quoting", "invoicing", "ledger", "integrations"}
    # What may be rewritten: numbers given out, the log of runs, the chart of accounts, what is owed to others, and what
    # is worked out again from the events.
    free = {
        "governance.externalid", "integrations.delivery", "integrations.inboundmessage",
        "contracts.capreading",
        "invoicing.billingoutcome", "invoicing.billingrun", "invoicing.invoiceseries", "ledger.account",
        "metering.eventmovemonth", "metering.rollupseries", "metering.usagerollup", "metering.usagerollupvalue",
    }  # fmt: skip
    open_ = {model._meta.label_lower for model in apps.get_models() if model._meta.app_label in ours} - {
        model._meta.label_lower for model in guarded
    }
    assert open_ - free == set()


def test_nothing_is_written_without_who_and_why(full: World) -> None:
    """Of every entity, by SQL and outside a change."""
    went_through = []
    for model in apps.get_models():
        if not issubclass(model, Entity):
            continue
        table = model._meta.db_table
        for sql in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}"):
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute(sql)
                    rows = cursor.rowcount
            except DatabaseError:
                continue  # by this guard, or by one of its own that comes first in the alphabet
            if rows:
                went_through.append(sql)
    assert went_through == []


@pytest.mark.parametrize(("by_name", "because"), [("", "because"), ("Ann", ""), ("Ann", " \n")])
def test_a_change_says_who_and_why(by_name: str, because: str) -> None:
    insert = (
        "INSERT INTO governance_change (name, subject_type, subject_id, by_name, because, at, recorded_at)"
        " VALUES ('x.done', 't', '1', %s, %s, now(), now())"
    )
    refusal = pytest.raises(DatabaseError, match="change_says_who_and_why")
    with refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(insert, [by_name, because])


def test_what_may_still_happen_to_what_is_signed(full: World) -> None:
    """The guards leave the ways that are meant: a key is revoked."""
    tried("UPDATE governance_systemkey SET revoked = true")
    with pytest.raises(DatabaseError, match="a revoked key stays so"):
        tried("UPDATE governance_systemkey SET revoked = false")


def test_the_approver_of_the_database_is_the_approver_of_the_door(full: World) -> None:
    """The constraint knows the requester alone; that nobody approves what they edited is checked by the operation."""
    question = ApprovalRequest.objects.get(status="pending")
    approved = approvals.approve(question, act=cast.act("dee", "Worth it"))
    assert (approved.status, approved.decided_by) == ("approved", cast.person("dee"))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", ["contractline", "commit"])
def test_nothing_is_added_to_a_signed_contract(table: str) -> None:
    """The transaction that signed it is over."""
    cast.signed_contract()
    other = "'balance', 0, " if table == "commit" else ""
    with pytest.raises(DatabaseError, match="nothing is added to a signed contract"):
        tried(
            f"INSERT INTO contracts_{table} SELECT (jsonb_populate_record(t, jsonb_build_object({other}'id',"
            f" gen_random_uuid()))).* FROM contracts_{table} t LIMIT 1"
        )
