"""Tables of contracts: sellers, customers, contracts, lines, overrides, commits and their ledger."""

from typing import Any

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from catalog.fields import ChargeField
from catalog.models import Product, RateCard, RateCardVersion
from contracts import guards
from governance.entities import Entity, Lifecycle, append_only
from governance.models import Change

AMOUNT: dict[str, Any] = {"max_digits": 20, "decimal_places": 4}
QUANTITY: dict[str, Any] = {"max_digits": 28, "decimal_places": 9}
PERCENT: dict[str, Any] = {"max_digits": 7, "decimal_places": 4}


class LegalEntity(Entity):
    """A company of ours that sells, and its defaults for new contracts."""

    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=200)
    address = models.TextField()
    country = models.CharField(max_length=2)
    tax_number = models.CharField(max_length=40, blank=True)
    email = models.EmailField()
    bank_details = models.TextField(blank=True, help_text="printed on invoices")
    invoice_prefix = models.CharField(max_length=20, default="INV-")
    grace_hours = models.PositiveIntegerField(default=24, help_text="how long a period stays open for late usage")
    payment_terms_days = models.PositiveSmallIntegerField(default=30)

    class Meta(Entity.Meta):
        verbose_name_plural = "legal entities"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Customer(Entity):
    """A party we sell to. Usage events name it by `key`."""

    customer_path = "pk"

    key = models.CharField(max_length=120, unique=True)
    name = models.CharField(max_length=200)
    email = models.EmailField(help_text="where quotes and invoices go")
    billing_address = models.TextField(blank=True)
    country = models.CharField(max_length=2, default="US")
    tax_number = models.CharField(max_length=40, blank=True)
    tax_percent = models.DecimalField(**PERCENT, default=0)
    currency = models.CharField(max_length=3, default="USD")
    time_zone = models.CharField(max_length=60, default="UTC")
    region = models.CharField(max_length=60, blank=True)
    segment = models.CharField(max_length=60, blank=True)
    channel = models.CharField(max_length=60, blank=True, help_text="how they buy: direct, reseller, marketplace")
    customer_type = models.CharField(max_length=60, blank=True)
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")

    class Meta(Entity.Meta):
        ordering = ["name"]
        permissions = [("serve_customer", "Serves this customer")]

    def __str__(self) -> str:
        return self.name


class Contract(Entity, Lifecycle):
    """What a customer and a legal entity agreed on, for a time.

    It either *pins* a rate card version (agreed prices stay) or *follows* the card (the version in force applies);
    `pinned_version` empty means it follows. Zone, grace and payment terms are frozen here at signature.
    """

    customer_path = "customer"

    class Status(models.TextChoices):
        ACTIVE = "active"
        ENDED = "ended"

    TRANSITIONS = {Status.ACTIVE: {Status.ENDED}, Status.ENDED: set()}

    number = models.CharField(max_length=40, unique=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="contracts")
    legal_entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="+")
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.ACTIVE)
    rate_card = models.ForeignKey(RateCard, models.PROTECT, related_name="contracts")
    pinned_version = models.ForeignKey(
        RateCardVersion, models.PROTECT, null=True, blank=True, related_name="pinned_by", help_text="empty: follows"
    )
    pinned_base = models.ForeignKey(
        RateCardVersion,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="pinned_as_base_by",
        help_text="the version of the base card that fills what the pinned one leaves out",
    )
    renews = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="renewed_by")
    currency = models.CharField(max_length=3)
    time_zone = models.CharField(max_length=60)
    start_at = models.DateTimeField()
    end_at = models.DateTimeField()
    first_agreed_at = models.DateTimeField(
        null=True, blank=True, help_text="when the first of the contracts it renews was signed; empty: it renews none"
    )
    grace_hours = models.PositiveIntegerField()
    payment_terms_days = models.PositiveSmallIntegerField()
    signed_at = models.DateTimeField()
    signed_by = models.CharField(max_length=200, help_text="the person who accepted for the customer")
    opportunity_key = models.CharField(max_length=80, blank=True, help_text="our id of the opportunity in the CRM")

    class Meta(Entity.Meta):
        ordering = ["-signed_at"]
        constraints = [
            models.CheckConstraint(condition=Q(end_at__gt=F("start_at")), name="a_contract_ends_after_it_starts")
        ]
        triggers = [*Entity.Meta.triggers, *guards.signed_is_signed()]

    def __str__(self) -> str:
        return self.number


class ContractLine(Entity):
    """One product agreed. Metered products have no quantity; the price comes from the contract's rate card version."""

    customer_path = "contract__customer"

    contract = models.ForeignKey(Contract, models.PROTECT, related_name="lines")
    product = models.ForeignKey(Product, models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField(default=1)
    quantity = models.DecimalField(**QUANTITY, null=True, blank=True)
    discount_percent = models.DecimalField(**PERCENT, default=0)
    discount_amount = models.DecimalField(**AMOUNT, default=0, help_text="off each cycle")
    minimum = models.DecimalField(**AMOUNT, null=True, blank=True, help_text="of each cycle")
    start_at = models.DateTimeField()
    end_at = models.DateTimeField()

    class Meta(Entity.Meta):
        ordering = ["position"]
        constraints = [
            models.CheckConstraint(condition=Q(end_at__gte=F("start_at")), name="a_line_ends_after_it_starts"),
            models.CheckConstraint(
                condition=Q(discount_percent__gte=0, discount_percent__lte=100, discount_amount__gte=0),
                name="contract_discounts_are_sane",
            ),
        ]
        triggers = [
            *Entity.Meta.triggers,
            *guards.agreed_with_the_contract("an agreed line never changes but in its end", "end_at", ends=True),
        ]

    def __str__(self) -> str:
        return f"{self.product} in {self.contract}"


class Override(Entity):
    """A price of this contract alone: another charge, or a multiplier of the card's, for a product and a time."""

    customer_path = "contract__customer"

    contract = models.ForeignKey(Contract, models.PROTECT, related_name="overrides")
    product = models.ForeignKey(Product, models.PROTECT, related_name="+")
    charge = ChargeField(null=True, blank=True)
    multiplier = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)
    priority = models.PositiveSmallIntegerField(default=100, help_text="the lowest number acts")
    start_at = models.DateTimeField()
    end_at = models.DateTimeField(null=True, blank=True)
    agreed_at = models.DateTimeField(help_text="of two with the same priority the newest acts")

    class Meta(Entity.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(charge__isnull=False, multiplier=None) | Q(charge=None, multiplier__isnull=False),
                name="an_override_is_a_charge_or_a_multiplier",
            )
        ]
        triggers = [*Entity.Meta.triggers, *guards.agreed_with_the_contract("an agreed price never changes")]


class Commit(Entity):
    """Usage paid for in advance: access to `access_amount` for `price`, invoiced at `invoice_at`."""

    customer_path = "contract__customer"

    contract = models.ForeignKey(Contract, models.PROTECT, related_name="commits")
    name = models.CharField(max_length=120)
    access_amount = models.DecimalField(**AMOUNT)
    price = models.DecimalField(**AMOUNT)
    product_keys = ArrayField(models.SlugField(max_length=60), default=list, help_text="empty: every usage product")
    priority = models.PositiveSmallIntegerField(default=100)
    invoice_at = models.DateTimeField()
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
