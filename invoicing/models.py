"""Tables of invoicing: series, invoices, lines, payments, credit notes, billing runs."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import MD5, Cast

from contracts.guards import changes_hands_by_a_merge
from contracts.models import AMOUNT, PERCENT, QUANTITY, Commit, Contract, Customer, LegalEntity
from governance.entities import Entity, Lifecycle, append_only
from governance.models import Change
from invoicing import guards


class InvoiceSeries(models.Model):
    """The last number given out for one legal entity and kind of document; its row is the lock."""

    legal_entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="series")
    prefix = models.CharField(max_length=20)
    last_number = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "invoice series"
        constraints = [models.UniqueConstraint(fields=["legal_entity", "prefix"], name="one_series_per_prefix")]


class Invoice(Entity, Lifecycle):
    """What the payer of a contract owes for it: its `customer`, who may be above the contract's.

    It copies everything it shows; from `finalized` on it never changes.

    total = subtotal + tax + drawn, where `drawn` (≤ 0) is what commits paid; all at the currency's exponent.
    """

    customer_path = ("customer", "contract__customer")

    class Status(models.TextChoices):
        DRAFT = "draft"
        FINALIZED = "finalized"
        PAID = "paid"
        VOID = "void"
        DISCARDED = "discarded"

    class Kind(models.TextChoices):
        PERIOD = "period", "Period"
        COMMIT = "commit", "Commit"

    TRANSITIONS = {
        Status.DRAFT: {Status.FINALIZED, Status.DISCARDED},
        Status.FINALIZED: {Status.PAID, Status.VOID},
        Status.PAID: set(),
        Status.VOID: set(),
        Status.DISCARDED: set(),
    }

    contract = models.ForeignKey(Contract, models.PROTECT, related_name="invoices")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="invoices")
    legal_entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.PERIOD)
    group = models.CharField(max_length=80, blank=True, help_text="the lines' invoice group, where they have one")
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.DRAFT)
    # Null, not empty, while a draft: unique then says nothing about it.
    number = models.CharField(max_length=40, null=True, blank=True, db_index=True)  # noqa: DJ001
    series = models.ForeignKey(InvoiceSeries, models.PROTECT, null=True, blank=True, related_name="invoices")
    sequence = models.PositiveIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    time_zone = models.CharField(max_length=60)
    closes_at = models.DateTimeField(null=True, blank=True, help_text="open for late usage until then")
    measured_through = models.BigIntegerField(
        null=True, blank=True, editable=False, help_text="the last batch of usage that its amounts know of"
    )
    released_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="what was flagged until then holds it no more"
    )
    subtotal = models.DecimalField(**AMOUNT, default=0)
    tax = models.DecimalField(**AMOUNT, default=0)
    drawn = models.DecimalField(**AMOUNT, default=0)
    total = models.DecimalField(**AMOUNT, default=0)
    issued_at = models.DateTimeField(null=True, blank=True)
    due_on = models.DateField(null=True, blank=True)
    seller = models.JSONField(default=dict, help_text="the legal entity as it was at finalization")
    buyer = models.JSONField(default=dict, help_text="the customer as it was at finalization")
    document = models.FileField(upload_to="invoices/", null=True, blank=True, max_length=200)
    document_sha256 = models.CharField(max_length=64, blank=True)

    class Meta(Entity.Meta):
        ordering = ["-issued_at", "-period_end"]
        permissions = [("finalize_invoice", "Can finalize and void invoices"), ("bill_contracts", "Can run billing")]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["draft", "discarded"], number=None)
                | Q(status__in=["finalized", "paid", "void"], number__isnull=False, issued_at__isnull=False),
                name="finalized_invoices_are_numbered",
            ),
            models.UniqueConstraint(fields=["series", "sequence"], name="a_number_is_given_once"),
            models.UniqueConstraint(fields=["legal_entity", "number"], name="a_seller_uses_a_number_once"),
            models.CheckConstraint(condition=Q(total=F("subtotal") + F("tax") + F("drawn")), name="the_header_adds_up"),
            models.UniqueConstraint(
                fields=["contract", "kind", "group"],
                condition=Q(status="draft"),
                name="one_draft_per_contract_kind_and_group",
            ),
        ]
        triggers = [
            *Entity.Meta.triggers,
            guards.finalized_is_final(),
            guards.finalized_adds_up(),
            changes_hands_by_a_merge("customer_id"),
        ]

    def __str__(self) -> str:
        return self.number or f"draft for {self.contract}"


class InvoiceLine(models.Model):
    """One line. `term` names what was agreed; a later difference carries the same term and its original period."""

    class Kind(models.TextChoices):
        CHARGE = "charge"
        COMMIT = "commit"
        DRAWDOWN = "drawdown"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    invoice = models.ForeignKey(Invoice, models.CASCADE, related_name="lines")
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.CHARGE)
    term = models.CharField(max_length=80, help_text="key of the pricing.Term (contract line or commit)")
    commit = models.ForeignKey(Commit, models.PROTECT, null=True, blank=True, related_name="invoice_lines")
    product_key = models.CharField(max_length=60)
    description = models.CharField(max_length=300)
    unit = models.CharField(max_length=40, blank=True)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    due_at = models.DateTimeField(help_text="when its cycle fell due; a draft is rated again up to there")
    quantity = models.DecimalField(**QUANTITY)
    amount = models.DecimalField(**AMOUNT)
    exact = models.CharField(max_length=80, help_text="the amount before rounding")
    tax_percent = models.DecimalField(**PERCENT, default=0)
    tax = models.DecimalField(**AMOUNT, default=0)
    in_advance = models.BooleanField(default=False)
    earned_on_invoice = models.BooleanField(default=False, help_text="revenue at once, neither before nor by the day")
    waterfall = models.JSONField(default=list, help_text="pricing.adjustments.WaterfallStep, in order")
    price_source = models.CharField(max_length=200, blank=True)
    revenue_account = models.CharField(max_length=20, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["invoice", "position"], name="lines_have_an_order")]
        indexes = [models.Index("term", name="line_by_term")]
        triggers = [guards.lines_change_in_drafts_only()]

    def __str__(self) -> str:
        return self.description

    @property
    def is_true_up(self) -> bool:
        """Whether it bills what was committed and not used."""
        return self.kind == self.Kind.CHARGE and self.commit_id is not None


class Payment(models.Model):
    """Money received for an invoice. Append-only; (method, external_id) makes a repeated message harmless."""

    customer_path = ("invoice__customer", "invoice__contract__customer")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="payments")
    amount = models.DecimalField(**AMOUNT)
    currency = models.CharField(max_length=3)
    method = models.CharField(max_length=40, help_text="stripe, bank transfer, …")
    external_id = models.CharField(max_length=120)
    received_at = models.DateTimeField()
    change = models.ForeignKey(Change, models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-received_at"]
        constraints = [
            models.UniqueConstraint(fields=["method", "external_id"], name="a_payment_is_recorded_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payments_are_positive"),
        ]
        triggers = [*append_only("a payment never changes"), guards.within_the_invoice()]

    def __str__(self) -> str:
        return f"{self.external_id} for {self.invoice}"


class CreditNote(Entity):
    """A counter-entry to a finalized invoice. It is written once, numbered like an invoice, and never changes."""

    customer_path = ("invoice__customer", "invoice__contract__customer")

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="credit_notes")
    number = models.CharField(max_length=40, db_index=True)
    series = models.ForeignKey(InvoiceSeries, models.PROTECT, related_name="credit_notes")
    sequence = models.PositiveIntegerField()
    amount = models.DecimalField(**AMOUNT, help_text="gross, above zero")
    tax = models.DecimalField(**AMOUNT, default=0, help_text="the part of the amount that is tax")
    currency = models.CharField(max_length=3)
    reason = models.TextField()
    issued_at = models.DateTimeField()

    class Meta(Entity.Meta):
        ordering = ["-issued_at"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="credit_notes_are_positive"),
            models.UniqueConstraint(fields=["series", "sequence"], name="a_credit_note_number_is_given_once"),
        ]
        triggers = [*Entity.Meta.triggers, *append_only("a credit note never changes"), guards.within_the_invoice()]

    def __str__(self) -> str:
        return self.number


class UnpricedUsage(Entity):
    """Usage of one contract line and period that no price covers: it is kept here, and never billed at nothing.

    Billing writes it, keeps its quantity up to date while it is open, and resolves it once a price covers it.
    """

    customer_path = ("contract__customer", "contract__payer")

    class Reason(models.TextChoices):
        NO_RATE = "no_rate", "No cell of the price covers these values"

    class Resolution(models.TextChoices):
        PRICED = "priced", "Priced"
        REGROUPED = "regrouped", "Measured in other periods now"
        DISMISSED = "dismissed", "Dismissed"

    contract = models.ForeignKey(Contract, models.PROTECT, related_name="unpriced_usage")
    term = models.CharField(max_length=80, help_text="key of the contract line")
    product_key = models.CharField(max_length=60)
    product_name = models.CharField(max_length=300)
    meter = models.CharField(max_length=60, help_text="key of the meter")
    unit = models.CharField(max_length=40, blank=True)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    due_at = models.DateTimeField(help_text="when its cycle falls due")
    values = models.JSONField(help_text="what the price is looked up by: the values of event properties, by name")
    quantity = models.DecimalField(**QUANTITY)
    reason = models.CharField(max_length=20, choices=Reason.choices)
    first_seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=20, choices=Resolution.choices, blank=True)

    class Meta(Entity.Meta):
        ordering = ["first_seen_at", "id"]
        verbose_name = verbose_name_plural = "unpriced usage"
        indexes = [models.Index("contract", name="unpriced_open", condition=Q(resolved_at=None))]
        constraints = [
            # By digest: a property's value may be longer than an index entry.
            models.UniqueConstraint(
                "term", "period_start", "period_end", MD5(Cast("values", models.TextField())),
                name="unpriced_usage_is_kept_once",
            ),
            models.CheckConstraint(
                condition=Q(resolved_at=None, resolution="")
                | Q(resolved_at__isnull=False, resolution__in=["priced", "regrouped", "dismissed"]),
                name="resolved_usage_says_how",
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="unpriced_usage_is_some"),
        ]  # fmt: skip
        triggers = [
            *Entity.Meta.triggers,
            *append_only(
                "what was found unpriced stays", may_change=("quantity", "due_at", "resolved_at", "resolution")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product_name}: {', '.join(f'{name} {value}' for name, value in self.values.items())}"


class BillingRun(models.Model):
    """One run of billing: as of when, by whom, and what became of each contract."""

    through = models.DateTimeField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    by_name = models.CharField(max_length=200)

    class Meta:
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"Billing run through {self.through:%Y-%m-%d %H:%M}"


class BillingOutcome(models.Model):
    """What one run did about one contract, and why it failed if it did. Nothing new leaves no row."""

    class Result(models.TextChoices):
        DRAFTED = "drafted"
        DISCARDED = "discarded"
        FINALIZED = "finalized"
        FAILED = "failed"

    run = models.ForeignKey(BillingRun, models.CASCADE, related_name="outcomes")
    contract = models.ForeignKey(Contract, models.PROTECT, related_name="billing_outcomes")
    invoice = models.ForeignKey(Invoice, models.PROTECT, null=True, related_name="+")
    result = models.CharField(max_length=10, choices=Result.choices)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ["run", "id"]
        indexes = [models.Index("result", name="outcome_by_result")]
