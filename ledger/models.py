"""Tables of the ledger: accounts, journal entries, postings. Append-only."""

import pgtrigger
from django.db import models
from django.db.models import Q

from contracts.guards import changes_hands_by_a_merge
from contracts.models import AMOUNT, Customer, LegalEntity
from governance.entities import append_only
from governance.models import Change


class Account(models.Model):
    """An account of the chart, by the code the ERP knows."""

    class Kind(models.TextChoices):
        ASSET = "asset"
        LIABILITY = "liability"
        REVENUE = "revenue"
        CONTRA_REVENUE = "contra_revenue"

    code = models.CharField(max_length=20, primary_key=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, choices=Kind.choices)

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


BALANCED = pgtrigger.Trigger(
    name="entries_balance",
    when=pgtrigger.After,
    operation=pgtrigger.Insert,
    timing=pgtrigger.Deferred,
    declare=[("entry", "bigint"), ("sums", "record")],
    func="""
        entry := (CASE TG_TABLE_NAME WHEN 'ledger_journalentry' THEN to_jsonb(NEW)->>'id'
                                     ELSE to_jsonb(NEW)->>'entry_id' END)::bigint;
        SELECT count(*) AS n, coalesce(sum(debit - credit), 0) AS difference
            INTO sums FROM ledger_posting WHERE entry_id = entry;
        IF sums.n < 2 OR sums.difference <> 0 THEN
            RAISE EXCEPTION 'journal entry % does not balance (% postings, difference %)',
                entry, sums.n, sums.difference USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    """,
)


class JournalEntry(models.Model):
    """One booking, in one currency, for one source. Its id is the entry number that the ERP sees."""

    customer_path = "customer"

    legal_entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    source_type = models.CharField(max_length=40)
    source_id = models.CharField(max_length=120)
    posted_on = models.DateField()
    currency = models.CharField(max_length=3)
    description = models.CharField(max_length=300)
    reverses = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="reversed_by", help_text="the entry this one undoes"
    )
    change = models.ForeignKey(Change, models.PROTECT, related_name="+")

    class Meta:
        ordering = ["posted_on", "id"]
        verbose_name_plural = "journal entries"
        constraints = [models.UniqueConstraint(fields=["source_type", "source_id"], name="one_entry_per_source")]
        indexes = [models.Index("posted_on", "id", name="journal_by_day")]
        triggers = [
            *append_only("a journal entry never changes", may_change=("customer_id",)),
            changes_hands_by_a_merge("customer_id"),
            BALANCED,
        ]

    def __str__(self) -> str:
        return self.description


class Posting(models.Model):
    """One side of an entry: exactly one of debit and credit is above zero."""

    entry = models.ForeignKey(JournalEntry, models.PROTECT, related_name="postings")
    position = models.PositiveSmallIntegerField()
    account = models.ForeignKey(Account, models.PROTECT, related_name="postings")
    debit = models.DecimalField(**AMOUNT, default=0)
    credit = models.DecimalField(**AMOUNT, default=0)
    memo = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["entry", "position"]
        constraints = [
            models.CheckConstraint(
                condition=Q(debit__gt=0, credit=0) | Q(debit=0, credit__gt=0), name="a_posting_is_one_sided"
            )
        ]
        triggers = [*append_only("a posting never changes"), BALANCED]
