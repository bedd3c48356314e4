"""The verbs of the ledger. Each may be told of the same thing twice, or of two things in the wrong order."""

from collections.abc import Callable, Iterable
from datetime import date, datetime

from django.db import transaction
from django.db.models import QuerySet

from contracts.models import CommitEntry
from governance.acts import Act, Refused
from governance.change import change, locked
from invoicing.models import CreditNote, Invoice, InvoiceLine, Payment
from invoicing.queries import DRAW_SOURCE, RETURN_SOURCE
from ledger import recognition
from ledger.models import Account, JournalEntry, Posting
from ledger.recognition import EntryDraft, IssuedInvoice, Line, Movement
from pricing.periods import Period, local_day, local_days

CHART = {
    "1000": ("Bank and Stripe clearing", Account.Kind.ASSET),
    "1100": ("Accounts receivable", Account.Kind.ASSET),
    "1150": ("Unbilled receivable", Account.Kind.ASSET),
    "2100": ("Deferred revenue", Account.Kind.LIABILITY),
    "2200": ("Tax payable", Account.Kind.LIABILITY),
    "4000": ("Usage revenue", Account.Kind.REVENUE),
    "4100": ("Subscription revenue", Account.Kind.REVENUE),
    "4200": ("Commitments not used", Account.Kind.REVENUE),
    "4900": ("Commit discounts", Account.Kind.CONTRA_REVENUE),
}
BOOKED = {Invoice.Status.FINALIZED, Invoice.Status.PAID, Invoice.Status.VOID}
Pair = tuple[EntryDraft, JournalEntry | None]  # what to book, and the entry it undoes


def install_accounts() -> None:
    """Make the accounts that the rules book to; those there already keep their names. Safe to repeat."""
    accounts = [Account(code=code, name=name, kind=kind) for code, (name, kind) in CHART.items()]
    Account.objects.bulk_create(accounts, ignore_conflicts=True)


def post_invoice(invoice: Invoice, *, act: Act) -> list[JournalEntry]:
    """Book a finalized invoice: what it earned, drew, claims and defers. Returns what is new."""
    return _book(invoice, act, lambda invoice: [(entry, None) for entry in _entries(invoice)])


def post_payment(payment: Payment, *, act: Act) -> list[JournalEntry]:
    """Book money received, on the local day it was received."""

    def entries(invoice: Invoice) -> list[Pair]:
        day = _local_day(payment.received_at, invoice)
        entry = recognition.payment_entry(str(payment.pk), str(invoice.number), payment.method, payment.amount, day)
        return [(entry, None)]

    return _book(payment.invoice, act, entries)


def post_credit_note(note: CreditNote, *, act: Act) -> list[JournalEntry]:
    """Book a credit note against the revenue of its invoice and the tax."""

    def entries(invoice: Invoice) -> list[Pair]:
        issued = _issued(invoice, DRAW_SOURCE)
        day = _local_day(note.issued_at, invoice)
        entry = recognition.credit_note_entry(str(note.pk), note.number, issued, note.amount, note.tax, day)
        return [(entry, None)]

    return _book(note.invoice, act, entries)


def post_void(invoice: Invoice, *, act: Act) -> list[JournalEntry]:
    """Undo by counter-entries everything a void invoice was booked as, on the local day of `act.at` or later.

    What the void gave back to commits is booked from their return entries, not mirrored: the costs of other draws may
    have been rounded in between, and deferred revenue must meet the commit to the cent.
    """
    if invoice.status != Invoice.Status.VOID:
        raise Refused(f"Invoice {invoice.number} is not void.")
    post_invoice(invoice, act=act)
    day = _local_day(act.at, invoice)

    def entries(invoice: Invoice) -> list[Pair]:
        mirrored: list[Pair] = [
            (recognition.reversal_of(_draft_of(entry), on=day), entry)
            for entry in _booked_for(invoice).exclude(source_type="invoice.drawn")
        ]
        returned = recognition.returned(_issued(invoice, RETURN_SOURCE), day)
        return mirrored + [(entry, None) for entry in returned]

    return _book(invoice, act, entries)


def _book(invoice: Invoice, act: Act, entries: Callable[[Invoice], list[Pair]]) -> list[JournalEntry]:
    """Write the entries whose sources are not booked yet, in one change; the invoice's lock keeps twins out."""
    with transaction.atomic():
        invoice = locked(invoice)
        if invoice.status not in BOOKED:
            raise Refused(f"{invoice} is not finalized; nothing of it is booked.")
        wanted = entries(invoice)
        booked = _sources({draft.source_type for draft, _ in wanted}, {draft.source_id for draft, _ in wanted})
        missing = [pair for pair in wanted if (pair[0].source_type, pair[0].source_id) not in booked]
        return _write(invoice, missing, act) if missing else []


def _write(invoice: Invoice, pairs: list[Pair], act: Act) -> list[JournalEntry]:
    _check_accounts(draft for draft, _ in pairs)
    with change("journal.posted", invoice, act) as row:
        entries = [
            JournalEntry(
                legal_entity_id=invoice.legal_entity_id,
                customer_id=invoice.customer_id,
                source_type=draft.source_type,
                source_id=draft.source_id,
                posted_on=draft.posted_on,
                currency=invoice.currency,
                description=draft.description[:300],
                reverses=reverses,
                change=row,
            )
            for draft, reverses in pairs
        ]
        JournalEntry.objects.bulk_create(entries)
        Posting.objects.bulk_create(
            Posting(
                entry=entry,
                position=position,
                account_id=side.account,
                debit=side.debit,
                credit=side.credit,
                memo=side.memo,
            )
            for entry, (draft, _) in zip(entries, pairs, strict=True)
            for position, side in enumerate(draft.postings, 1)
        )
    return entries


def _check_accounts(drafts: Iterable[EntryDraft]) -> None:
    wanted = {side.account for draft in drafts for side in draft.postings}
    known = set(Account.objects.filter(code__in=wanted).values_list("code", flat=True))
    if unknown := sorted(wanted - known):
        raise Refused(f"The chart of accounts has no account {', '.join(unknown)}; add it, then retry.")


def _sources(types: set[str], ids: set[str]) -> set[tuple[str, str]]:
    booked = JournalEntry.objects.filter(source_type__in=types, source_id__in=ids)
    return set(booked.values_list("source_type", "source_id"))


def _entries(invoice: Invoice) -> list[EntryDraft]:
    return recognition.entries_of(_issued(invoice, DRAW_SOURCE))


def _booked_for(invoice: Invoice) -> QuerySet[JournalEntry]:
    """The entries an invoice itself was booked as; payments and credit notes are not among them."""
    ids = [entry.source_id for entry in _entries(invoice)]
    types = ["invoice", "invoice.earned", "invoice.drawn", "invoice.recognized"]
    return JournalEntry.objects.filter(source_type__in=types, source_id__in=ids).prefetch_related("postings")


def _draft_of(entry: JournalEntry) -> EntryDraft:
    sides = (
        recognition.PostingDraft(each.account_id, each.debit, each.credit, each.memo) for each in entry.postings.all()
    )
    return EntryDraft(entry.source_type, entry.source_id, entry.posted_on, entry.description, tuple(sides))


def _issued(invoice: Invoice, source: str) -> IssuedInvoice:
    """The invoice as plain values, its drawdowns with their movements: as drawn by it, or as taken back by its void."""
    lines = list(invoice.lines.select_related("commit"))
    entries = CommitEntry.objects.filter(
        commit__in=[line.commit_id for line in lines if line.commit_id],
        source_type=source,
        source_id__in=[str(line.pk) for line in lines],
    )
    moved = {entry.source_id: entry for entry in entries}
    return IssuedInvoice(
        key=str(invoice.pk),
        number=str(invoice.number),
        currency=invoice.currency,
        issued_on=_local_day(_issued_at(invoice), invoice),
        tax=invoice.tax,
        total=invoice.total,
        lines=tuple(_line(line, moved.get(str(line.pk)), invoice.time_zone) for line in lines),
    )


def _line(line: InvoiceLine, moved: CommitEntry | None, zone: str) -> Line:
    first, last = local_days(Period(line.period_start, line.period_end), zone)
    movement, amount = None, line.amount
    if moved is not None and line.commit is not None:
        commit = line.commit
        after = commit.access_amount - moved.balance_after
        movement = Movement(commit.price, commit.access_amount, after + moved.amount, after)
        amount = line.amount if moved.source_type == DRAW_SOURCE else -line.amount
    return Line(
        kind=line.kind,
        description=line.description,
        first_day=first,
        last_day=last,
        amount=amount,
        account=line.revenue_account or recognition.USAGE_REVENUE,
        in_advance=line.in_advance,
        on_invoice=line.earned_on_invoice,
        movement=movement,
    )


def _issued_at(invoice: Invoice) -> datetime:
    if invoice.issued_at is None:
        raise Refused(f"{invoice} was never issued.")
    return invoice.issued_at


def _local_day(instant: datetime, invoice: Invoice) -> date:
    return local_day(instant, invoice.time_zone)
