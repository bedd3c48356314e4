"""Renewals in the API: the rule, what was decided about it, and what is ahead."""

from typing import Any

from rest_framework import serializers

from contracts.fields import MoneyField, Number, utc_text
from contracts.models import Contract
from contracts.renewals import DueRenewal, last_day_to_decline
from pricing.money import Money, plain


class RenewalShape(serializers.Serializer[Any]):
    """What happens when the term is over."""

    rule = serializers.ChoiceField(Contract.Renewal.choices, default=Contract.Renewal.NONE.value)
    months = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=120,
        help_text="Of the next term; null: as many as this one has.",
    )
    notice_days = serializers.IntegerField(
        required=False,
        default=0,
        min_value=0,
        max_value=3650,
        help_text="So many days before the last one is the last to decline.",
    )
    uplift_percent = Number(required=False, help_text="By which prices, minimums and commits rise.")
    prices = serializers.ChoiceField(Contract.RenewalPrices.choices, default=Contract.RenewalPrices.KEPT.value)


class RenewalOut(RenewalShape):
    """The rule, and what was decided."""

    decline_by = serializers.DateField(help_text="The last day to decline.")
    declined_at = serializers.DateTimeField(allow_null=True)
    declined_by = serializers.CharField()
    declined_because = serializers.CharField()
    problem = serializers.CharField(help_text="Why it could not be renewed when it was due; empty: nothing.")
    renews = serializers.CharField(allow_null=True, help_text="The number of the contract that this one renews.")
    renewed_by = serializers.CharField(allow_null=True, help_text="The number of the contract that renews this one.")


class DeclineIn(serializers.Serializer[Any]):
    """Who declined the renewal, and why; after the last day also why it is accepted nevertheless."""

    by = serializers.CharField(max_length=200)
    because = serializers.CharField(max_length=2000)
    late_because = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)


class RenewalIn(serializers.Serializer[Any]):
    because = serializers.CharField(max_length=2000)


class DueRenewalOut(serializers.Serializer[Any]):
    """A contract whose renewal is to be declined, agreed or left to its rule soon."""

    contract = serializers.CharField()
    customer = serializers.CharField()
    rule = serializers.ChoiceField(Contract.Renewal.choices)
    decline_by = serializers.DateField()
    end_on = serializers.DateField(help_text="Its last day.")
    a_year = MoneyField(help_text="What it comes to in a year as agreed at its end; usage is not counted.")
    problem = serializers.CharField(help_text="Why it could not be renewed when it was due; empty: nothing.")


def due_shape(due: DueRenewal) -> dict[str, Any]:
    """A renewal ahead as `DueRenewalOut` says it."""
    return {
        "contract": due.contract.number,
        "customer": due.contract.customer.key,
        "rule": due.contract.renewal,
        "decline_by": due.decline_by,
        "end_on": due.ends_on,
        "a_year": Money(due.a_year, due.contract.currency).as_json(),
        "problem": due.contract.renewal_problem,
    }


def renewal_shape(contract: Contract) -> dict[str, Any]:
    """The rule as `RenewalOut` says it; give it a contract whose `renewed_by` is prefetched."""
    by = next(iter(contract.renewed_by.all()), None)
    return {
        "rule": contract.renewal,
        "months": contract.renewal_months,
        "notice_days": contract.notice_days,
        "uplift_percent": plain(contract.uplift_percent),
        "prices": contract.renewal_prices,
        "decline_by": last_day_to_decline(contract),
        "declined_at": contract.declined_at and utc_text(contract.declined_at),
        "declined_by": contract.declined_by,
        "declined_because": contract.declined_because,
        "problem": contract.renewal_problem,
        "renews": contract.renews.number if contract.renews else None,
        "renewed_by": by.number if by else None,
    }
