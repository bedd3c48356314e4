"""Tables of commits: what was paid for in advance, when it is invoiced, and every movement of it."""

import uuid

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from catalog.models import Product
from contracts import guards
from contracts.models.agreements import Contract
from contracts.models.parties import AMOUNT, PERCENT, QUANTITY
from governance.entities import Entity, append_only
from governance.models import Change
from pricing.periods import Period


class CommitTerms(models.Model):
    """What a block of access is, whether it was agreed once or is made by a rule.

    Access is counted in money of the contract's currency, or in a `unit` of its own. One unit of it pays for `worth` of
    money: a credit worth 0.01 pays a cent; a commit of money whose rates are a fifth below the list's is worth 1.25.
    """

    class Kind(models.TextChoices):
        PREPAID = "prepaid", "Prepaid"
        CREDIT = "credit", "Credit"
        POSTPAID = "postpaid", "Postpaid"

    contract = models.ForeignKey(Contract, models.PROTECT, related_name="%(class)ss")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.PREPAID)
    name = models.CharField(max_length=120)
    access_amount = models.DecimalField(**QUANTITY, help_text="in its unit")
    price = models.DecimalField(**AMOUNT)
    unit = models.CharField(max_length=40, blank=True, help_text="empty: money of the contract's currency")
    worth = models.DecimalField(**QUANTITY, default=1, help_text="the money that one unit of it pays for")
    product_keys = ArrayField(
        models.SlugField(max_length=60), default=list, blank=True, help_text="none and no tags: every usage product"
    )
    product_tags = ArrayField(
        models.SlugField(max_length=60), default=list, blank=True, help_text="products with one of them, too"
    )
    priority = models.PositiveSmallIntegerField(default=100, help_text="the lowest number pays first")
    is_gated = models.BooleanField(default=False, help_text="usable once its invoices are paid")
    rollover_percent = models.DecimalField(**PERCENT, default=0, help_text="of what is left when it ends")
    rollover_limit = models.DecimalField(**QUANTITY, null=True, blank=True, help_text="at most so much of its unit")
    rollover_months = models.PositiveSmallIntegerField(default=0, help_text="how long what rolls over can be used")
    start_at = models.DateTimeField()
    end_at = models.DateTimeField()

    class Meta:
        abstract = True


def _sane(table: str) -> list[models.CheckConstraint]:
    return [
        models.CheckConstraint(condition=Q(access_amount__gt=0, price__gte=0), name=f"{table}_has_amounts"),
        models.CheckConstraint(condition=Q(worth__gt=0), name=f"{table}_is_worth_something"),
        models.CheckConstraint(condition=Q(end_at__gt=F("start_at")), name=f"{table}_ends_after_it_starts"),
        models.CheckConstraint(
            condition=Q(rollover_percent=0) | Q(rollover_percent__range=(0, 100), rollover_months__gt=0),
            name=f"{table}_rolls_over_for_a_time",
        ),
    ]


class CommitRule(CommitTerms, Entity):
    """Makes commits of its contract: one each cycle of so many months, or when what is left falls below a threshold.

    With `per_seat_of` the access and the price are those of one seat, times the quantity agreed at that instant.
    """

    customer_path = ("contract__customer", "contract__payer")

    class When(models.TextChoices):
        EVERY_CYCLE = "every_cycle", "Every cycle"
        BELOW_THRESHOLD = "below_threshold", "Below a threshold"

    when = models.CharField(max_length=20, choices=When.choices, default=When.EVERY_CYCLE)
    cycle_months = models.PositiveSmallIntegerField(default=1, help_text="every so many months, from the anchor")
    lasts_months = models.PositiveSmallIntegerField(default=1, help_text="how long each of its commits can be used")
    per_seat_of = models.ForeignKey(Product, models.PROTECT, null=True, blank=True, related_name="+")
    threshold = models.DecimalField(**QUANTITY, null=True, blank=True, help_text="recharged when less is left")
    monthly_limit = models.DecimalField(
        **AMOUNT, null=True, blank=True, help_text="recharges cost at most so much a month"
    )

    class Meta(Entity.Meta):
        ordering = ["contract", "start_at"]
        constraints = [
            *_sane("a_commit_rule"),
            models.CheckConstraint(
                condition=Q(when="below_threshold", threshold__isnull=False) | Q(when="every_cycle", threshold=None),
                name="a_recharge_has_a_threshold",
            ),
            models.CheckConstraint(
                condition=Q(cycle_months__gt=0, lasts_months__gt=0), name="a_commit_rule_counts_in_months"
            ),
        ]
        triggers = [
            *Entity.Meta.triggers,
            *guards.agreed_with_the_contract("an agreed rule never changes but in its end", amended=("end_at",)),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.contract})"


class Commit(CommitTerms, Entity):
    """One block of access: `access_amount` of its unit for `price`, which is invoiced by its instalments.

    Of a postpaid one nothing is paid in advance: what was not used at its end is invoiced then.
    """

    customer_path = ("contract__customer", "contract__payer")

    rule = models.ForeignKey(
        CommitRule, models.PROTECT, null=True, blank=True, related_name="commits", help_text="what made it"
    )
    number = models.PositiveIntegerField(null=True, blank=True, help_text="which one of its rule's it is, from 0")
    rolled_from = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="rolled_into", help_text="whose rest it is"
    )
    balance = models.DecimalField(**QUANTITY, default=0, editable=False)

    class Meta(Entity.Meta):
        ordering = ["contract", "start_at"]
        constraints = [
            models.CheckConstraint(condition=Q(balance__gte=0), name="a_commit_is_never_overdrawn"),
            *_sane("a_commit"),
            models.UniqueConstraint(fields=["rule", "number"], name="a_rule_makes_a_commit_once"),
            models.CheckConstraint(
                condition=Q(rule=None, number=None) | Q(rule__isnull=False, number__isnull=False),
                name="commits_of_a_rule_are_numbered",
            ),
        ]
        triggers = [
            *Entity.Meta.triggers,
            *guards.agreed_with_the_contract(
                "an agreed commit never changes but in its end",
                "balance",
                amended=("end_at",),
                later=guards.MADE_BY_AGREEMENT,
            ),
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

    @property
    def window(self) -> Period:
        """While it can be used."""
        return Period(self.start_at, self.end_at)


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
    """One movement of a commit, in its unit. Append-only; each names its cause once."""

    class Kind(models.TextChoices):
        GRANT = "grant"
        DRAW = "draw"
        RETURN = "return"
        EXPIRY = "expiry"
        ROLLOVER = "rollover"
        TRUE_UP = "true_up", "True-up"
        REFUND = "refund"
        ADJUSTMENT = "adjustment"

    commit = models.ForeignKey(Commit, models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    amount = models.DecimalField(**QUANTITY, help_text="signed: grants and returns above zero, what is taken below")
    balance_after = models.DecimalField(**QUANTITY, editable=False, default=0)
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
                condition=Q(kind__in=["grant", "return"], amount__gt=0)
                | Q(kind__in=["draw", "expiry", "rollover", "true_up", "refund"], amount__lt=0)
                | Q(kind="adjustment") & ~Q(amount=0),
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
