"""Tables of commits: what was paid for in advance, when it is invoiced, and every movement of it."""

import uuid

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from contracts import guards
from contracts.models.agreements import Contract
from contracts.models.parties import AMOUNT
from governance.entities import Entity, append_only
from governance.models import Change


class Commit(Entity):
    """Usage paid for in advance: access to `access_amount` for `price`, which is invoiced by its instalments."""

    customer_path = "contract__customer"

    contract = models.ForeignKey(Contract, models.PROTECT, related_name="commits")
    name = models.CharField(max_length=120)
    access_amount = models.DecimalField(**AMOUNT)
    price = models.DecimalField(**AMOUNT)
    product_keys = ArrayField(models.SlugField(max_length=60), default=list, help_text="empty: every usage product")
    priority = models.PositiveSmallIntegerField(default=100)
    start_at = models.DateTimeField()
    end_at = models.DateTimeField()
    balance = models.DecimalField(**AMOUNT, default=0, editable=False)

    class Meta(Entity.Meta):
        ordering = ["contract", "start_at"]
        constraints = [
            models.CheckConstraint(condition=Q(balance__gte=0), name="a_commit_is_never_overdrawn"),
            models.CheckConstraint(condition=Q(access_amount__gt=0, price__gte=0), name="a_commit_has_amounts"),
        ]
        triggers = [
            *Entity.Meta.triggers,
            *guards.agreed_with_the_contract("an agreed commit never changes", "balance"),
            pgtrigger.Trigger(
                name="balance_moves_by_entries",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF TG_OP = 'INSERT' AND NEW.balance <> 0
                        OR TG_OP = 'UPDATE' AND NEW.balance <> OLD.balance AND pg_trigger_depth() < 2 THEN
                        RAISE EXCEPTION 'a commit''s balance moves only through its entries'
                            USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.contract})"


class CommitInstalment(models.Model):
    """A part of a commit's price, and when it is invoiced. Those of a commit come to its price."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    commit = models.ForeignKey(Commit, models.PROTECT, related_name="instalments")
    number = models.PositiveSmallIntegerField()
    amount = models.DecimalField(**AMOUNT)
    invoice_at = models.DateTimeField()

    class Meta:
        ordering = ["commit", "number"]
        constraints = [
            models.UniqueConstraint(fields=["commit", "number"], name="instalments_are_numbered"),
            models.CheckConstraint(condition=Q(amount__gte=0, number__gte=1), name="an_instalment_is_an_amount"),
        ]
        triggers = append_only("an agreed instalment never changes")

    def __str__(self) -> str:
        return f"instalment {self.number} of {self.commit}"


class CommitEntry(models.Model):
    """One movement of a commit: a grant, a draw, a return. Append-only; each names its cause once."""

    class Kind(models.TextChoices):
        GRANT = "grant"
        DRAW = "draw"
        RETURN = "return"
        EXPIRY = "expiry"

    commit = models.ForeignKey(Commit, models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    amount = models.DecimalField(**AMOUNT, help_text="signed: grants and returns above zero, draws and expiry below")
    balance_after = models.DecimalField(**AMOUNT, editable=False, default=0)
    source_type = models.CharField(max_length=40)
    source_id = models.CharField(max_length=80)
    change = models.ForeignKey(Change, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "commit entries"
        constraints = [
            models.UniqueConstraint(fields=["commit", "source_type", "source_id"], name="a_cause_moves_a_commit_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["grant", "return"], amount__gt=0) | Q(kind__in=["draw", "expiry"], amount__lt=0),
                name="entries_have_the_sign_of_their_kind",
            ),
        ]
        triggers = [
            *append_only("a commit entry never changes"),
            pgtrigger.Trigger(
                name="entry_moves_balance",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    UPDATE contracts_commit SET balance = balance + NEW.amount WHERE id = NEW.commit_id
                        RETURNING balance INTO NEW.balance_after;
                    RETURN NEW;
                """,
            ),
        ]
