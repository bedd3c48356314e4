"""The table of amounts agreed once: those invoiced on a day, and milestones, invoiced when they are accepted."""

import pgtrigger
from django.db import models
from django.db.models import F, Q

from catalog.models import Product
from contracts import guards
from contracts.models.agreements import Contract
from contracts.models.parties import AMOUNT
from governance.entities import Entity


class ScheduledCharge(Entity):
    """An amount agreed once, due on a day. A milestone is expected by then, and due when the customer accepted it.

    With `until_at` its revenue is earned evenly until then; otherwise when it is invoiced.
    """

    customer_path = "contract__customer"

    contract = models.ForeignKey(Contract, models.PROTECT, related_name="scheduled_charges")
    product = models.ForeignKey(
        Product, models.PROTECT, null=True, blank=True, related_name="+", help_text="whose revenue it is"
    )
    name = models.CharField(max_length=120)
    amount = models.DecimalField(**AMOUNT)
    due_at = models.DateTimeField(help_text="when it is invoiced; of a milestone: when it should be accepted")
    until_at = models.DateTimeField(null=True, blank=True, help_text="until when it is earned; empty: at once")
    is_milestone = models.BooleanField(default=False, help_text="invoiced when it is accepted")
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.CharField(max_length=200, blank=True, help_text="the customer's person")
    evidence = models.TextField(blank=True, help_text="where the acceptance is to be found")

    class Meta(Entity.Meta):
        ordering = ["contract", "due_at", "name"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="a_scheduled_charge_has_an_amount"),
            models.CheckConstraint(
                condition=Q(until_at=None) | Q(until_at__gt=F("due_at"), is_milestone=False),
                name="a_scheduled_charge_is_earned_after_it_is_due",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at=None, accepted_by="", evidence="")
                | Q(accepted_at__isnull=False, is_milestone=True) & ~Q(accepted_by="") & ~Q(evidence=""),
                name="an_acceptance_says_by_whom_and_where",
            ),
        ]
        triggers = [
            *Entity.Meta.triggers,
            *guards.agreed_with_the_contract(
                "an agreed charge never changes but by its acceptance", "accepted_at", "accepted_by", "evidence"
            ),
            pgtrigger.Trigger(
                name="accepted_is_accepted",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func="""
                    IF OLD.accepted_at IS NOT NULL AND NEW IS DISTINCT FROM OLD THEN
                        RAISE EXCEPTION 'what was accepted stays accepted' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.contract})"
