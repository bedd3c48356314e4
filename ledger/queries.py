"""The questions one asks of the books."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Count, Prefetch, QuerySet, Sum

from contracts.models import LegalEntity
from ledger.models import JournalEntry, Posting


@dataclass(frozen=True, slots=True)
class Balance:
    """One account in one currency: what was debited and credited, and the difference (debits above zero)."""

    code: str
    name: str
    kind: str
    currency: str
    debits: Decimal
    credits: Decimal

    @property
    def balance(self) -> Decimal:
        return self.debits - self.credits


@dataclass(frozen=True, slots=True)
class CurrencyTotals:
    """How much was booked in one currency. Debits equal credits, always."""

    currency: str
    entries: int
    postings: int
    debits: Decimal
    credits: Decimal


def journal(start_on: date, end_on: date, legal_entity: LegalEntity | None = None) -> QuerySet[JournalEntry]:
    """The entries of these days (both inclusive), by day and number, with postings and accounts at hand."""
    postings = Posting.objects.select_related("account").order_by("position")
    rows = JournalEntry.objects.filter(posted_on__range=(start_on, end_on)).order_by("posted_on", "id")
    rows = rows.select_related("customer").prefetch_related(Prefetch("postings", queryset=postings))
    return rows if legal_entity is None else rows.filter(legal_entity=legal_entity)


def totals(entries: QuerySet[JournalEntry]) -> list[CurrencyTotals]:
    """The control totals of these entries, by currency, summed by the database."""
    rows = Posting.objects.filter(entry__in=entries.order_by().values("pk"))
    summed = rows.values("entry__currency").order_by("entry__currency")
    summed = summed.annotate(
        n_entries=Count("entry", distinct=True), n=Count("pk"), debits=Sum("debit"), credits=Sum("credit")
    )
    return [
        CurrencyTotals(row["entry__currency"], row["n_entries"], row["n"], row["debits"], row["credits"])
        for row in summed
    ]


def trial_balance(on: date, legal_entity: LegalEntity | None = None) -> list[Balance]:
    """Every account as it stood at the end of a day, by currency and code; the balances of a currency add up to 0."""
    rows = Posting.objects.filter(entry__posted_on__lte=on)
    if legal_entity is not None:
        rows = rows.filter(entry__legal_entity=legal_entity)
    summed = rows.values("entry__currency", "account", "account__name", "account__kind")
    summed = summed.annotate(debits=Sum("debit"), credits=Sum("credit")).order_by("entry__currency", "account")
    return [
        Balance(
            code=row["account"],
            name=row["account__name"],
            kind=row["account__kind"],
            currency=row["entry__currency"],
            debits=row["debits"],
            credits=row["credits"],
        )
        for row in summed
    ]
