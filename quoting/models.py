"""Tables of quoting: quotes, versions, lines, commits offered."""

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from catalog.models import Product, RateCardVersion
from contracts.models import AMOUNT, PERCENT, QUANTITY, Contract, Customer, LegalEntity
from governance.entities import Entity, Lifecycle

LINES_CHANGE_IN_DRAFTS_ONLY = pgtrigger.Trigger(
    name="lines_change_in_drafts_only",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
    declare=[("state", "text")],
    func="""
        SELECT status INTO state FROM quoting_quoteversion
            WHERE id = CASE WHEN TG_OP = 'INSERT' THEN NEW.version_id ELSE OLD.version_id END FOR SHARE;
        IF state <> 'draft' OR (TG_OP = 'UPDATE' AND NEW.version_id <> OLD.version_id) THEN
            RAISE EXCEPTION 'an offer changes only while it is a draft' USING ERRCODE = 'restrict_violation';
        END IF;
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        RETURN NEW;
    """,
)


class Quote(Entity):
    """One negotiation with a customer; its versions are what was offered in turn."""

    customer_path = "customer"

    number = models.CharField(max_length=40, unique=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="quotes")
    legal_entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="+")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="quotes")
    title = models.CharField(max_length=200, blank=True)
    opportunity_key = models.CharField(max_length=80, blank=True, help_text="our id of the opportunity in the CRM")
    renews = models.ForeignKey(
        Contract, models.PROTECT, null=True, blank=True, related_name="+", help_text="the contract that it is to renew"
    )

    class Meta(Entity.Meta):
        ordering = ["-number"]

    def __str__(self) -> str:
        return self.number


class QuoteVersion(Entity, Lifecycle):
    """One offer: prices of one rate card version, for a term, valid until a day. Sent offers never change."""

    customer_path = "quote__customer"

    class Status(models.TextChoices):
        DRAFT = "draft"
        IN_REVIEW = "in_review"
        APPROVED = "approved"
        SENT = "sent"
        ACCEPTED = "accepted"
        DECLINED = "declined"
        SUPERSEDED = "superseded"

    TRANSITIONS = {
        Status.DRAFT: {Status.IN_REVIEW, Status.APPROVED, Status.SUPERSEDED},
        Status.IN_REVIEW: {Status.DRAFT, Status.APPROVED, Status.SUPERSEDED},
        Status.APPROVED: {Status.DRAFT, Status.SENT, Status.SUPERSEDED},
        Status.SENT: {Status.ACCEPTED, Status.DECLINED, Status.SUPERSEDED},
        Status.ACCEPTED: set(),
        Status.DECLINED: set(),
        Status.SUPERSEDED: set(),
    }

    quote = models.ForeignKey(Quote, models.PROTECT, related_name="versions")
    number = models.PositiveSmallIntegerField(default=1)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.DRAFT)
    rate_card_version = models.ForeignKey(RateCardVersion, models.PROTECT, related_name="quoted_by")
    base_version = models.ForeignKey(
        RateCardVersion,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="the version of the base card that fills what the rate card version leaves out",
    )
    follows_card = models.BooleanField(default=False, help_text="the contract follows the card instead of pinning it")
    currency = models.CharField(max_length=3)
    start_on = models.DateField()
    months = models.PositiveSmallIntegerField(default=12)
    valid_until = models.DateField(help_text="the last day on which it can be accepted")
    terms = models.TextField(blank=True, help_text="printed on the offer")
    submitted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    sent_at = models.DateTimeField(null=True, blank=True)
    document = models.FileField(upload_to="quotes/", null=True, blank=True, max_length=200)
    document_sha256 = models.CharField(max_length=64, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True, help_text="when the customer accepted or declined")
    decided_by = models.CharField(max_length=200, blank=True, help_text="the name the customer typed")
    decided_from = models.GenericIPAddressField(null=True, blank=True)
    reason = models.TextField(blank=True, help_text="why it was declined")
    contract = models.OneToOneField(Contract, models.PROTECT, null=True, blank=True, related_name="quote_version")

    class Meta(Entity.Meta):
        ordering = ["quote", "-number"]
        permissions = [("send_quoteversion", "Can send offers to customers")]
        constraints = [
            models.UniqueConstraint(fields=["quote", "number"], name="quote_versions_are_numbered"),
            models.UniqueConstraint(
                fields=["quote"],
                condition=Q(status__in=["draft", "in_review", "approved", "sent", "accepted"]),
                name="one_live_version_per_quote",
            ),
            models.CheckConstraint(
                condition=~Q(status="accepted")
                | Q(contract__isnull=False, decided_at__isnull=False) & ~Q(decided_by=""),
                name="accepted_has_contract_and_name",
            ),
        ]
        triggers = [
            *Entity.Meta.triggers,
            pgtrigger.Trigger(
                name="sent_is_sent",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                declare=[("free", "text[]")],
                func="""
                    IF TG_OP = 'INSERT' THEN
                        IF NEW.status = 'draft' THEN RETURN NEW; END IF;
                        RAISE EXCEPTION 'an offer begins as a draft' USING ERRCODE = 'restrict_violation';
                    END IF;
                    IF TG_OP = 'DELETE' THEN
                        IF OLD.status = 'draft' THEN RETURN OLD; END IF;
                        RAISE EXCEPTION 'an offer is never deleted' USING ERRCODE = 'restrict_violation';
                    END IF;
                    IF NEW.status <> OLD.status AND (OLD.status = 'sent') <> (NEW.status IN ('accepted', 'declined'))
                        AND NOT (OLD.status = 'sent' AND NEW.status = 'superseded') THEN
                        RAISE EXCEPTION 'an offer is answered once it is sent, and not taken back then'
                            USING ERRCODE = 'restrict_violation';
                    END IF;
                    IF NEW.status = 'sent' AND OLD.status <> 'sent' AND (OLD.status <> 'approved' OR EXISTS (
                        SELECT 1 FROM governance_approvalrequest r WHERE r.subject_type = 'quoting.quoteversion'
                            AND r.subject_id = NEW.id::text AND r.status IN ('pending', 'rejected'))) THEN
                        RAISE EXCEPTION 'an offer is sent only when every approval was given'
                            USING ERRCODE = 'restrict_violation';
                    END IF;
                    IF OLD.status IN ('draft', 'in_review', 'approved') THEN RETURN NEW; END IF;
                    free := ARRAY['status', 'document', 'document_sha256', 'decided_at', 'decided_by', 'decided_from',
                                  'reason', 'contract_id'];
                    IF OLD.status <> 'sent' THEN free := ARRAY['document', 'document_sha256']; END IF;
                    IF OLD.document_sha256 <> '' THEN free := array_remove(free, 'document_sha256'); END IF;
                    IF (to_jsonb(NEW) - free) <> (to_jsonb(OLD) - free) THEN
                        RAISE EXCEPTION 'an offer that was sent never changes' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quote} v{self.number}"


class QuoteLine(Entity):
    """One product offered, with the usage expected in a month if it is metered."""

    customer_path = "version__quote__customer"

    version = models.ForeignKey(QuoteVersion, models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField(default=1)
    quantity = models.DecimalField(**QUANTITY, null=True, blank=True, help_text="seats and the like; empty if metered")
    expected_usage = models.DecimalField(**QUANTITY, null=True, blank=True, help_text="units a month")
    discount_percent = models.DecimalField(**PERCENT, default=0)
    discount_amount = models.DecimalField(**AMOUNT, default=0, help_text="off each cycle")
    minimum = models.DecimalField(**AMOUNT, null=True, blank=True)

    class Meta(Entity.Meta):
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["version", "product"], name="a_product_is_offered_once"),
            models.CheckConstraint(
                condition=Q(discount_percent__gte=0, discount_percent__lte=100, discount_amount__gte=0),
                name="quote_discounts_are_sane",
            ),
        ]
        triggers = [*Entity.Meta.triggers, LINES_CHANGE_IN_DRAFTS_ONLY]

    def __str__(self) -> str:
        return f"{self.product} in {self.version}"


class QuoteCommit(Entity):
    """Usage offered in advance: access to `access_amount` for `price`, invoiced at the start."""

    customer_path = "version__quote__customer"

    version = models.ForeignKey(QuoteVersion, models.CASCADE, related_name="commits")
    name = models.CharField(max_length=120, default="Prepaid usage")
    access_amount = models.DecimalField(**AMOUNT)
    price = models.DecimalField(**AMOUNT)
    product_keys = ArrayField(models.SlugField(max_length=60), default=list, blank=True)

    class Meta(Entity.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(access_amount__gt=0, price__gte=0), name="an_offered_commit_has_amounts")
        ]
        triggers = [*Entity.Meta.triggers, LINES_CHANGE_IN_DRAFTS_ONLY]

    def __str__(self) -> str:
        return self.name
