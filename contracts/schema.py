"""Shapes that the API's requests and answers share: numbers as text, money with its currency, customers, contracts."""

from datetime import date
from decimal import Decimal
from typing import Any

from rest_framework import serializers

from catalog.models import Product, RateCard
from contracts.as_of import AsOf
from contracts.charge_shapes import ChargeOut, ScheduledChargeIn, charge_shape
from contracts.commit_shapes import AgreedCommitOut, ContractCommitIn, commit_shape
from contracts.customer_shapes import CustomerShape as CustomerShape
from contracts.customer_shapes import CustomFieldOut as CustomFieldOut
from contracts.customer_shapes import CustomShape as CustomShape
from contracts.fields import Day as Day
from contracts.fields import MoneyField as MoneyField
from contracts.fields import Number as Number
from contracts.fields import utc_text
from contracts.models import Contract, ContractLine, Customer, LegalEntity
from contracts.override_shapes import AgreedPriceOut, ContractPriceIn, price_shape
from contracts.renewal_shapes import RenewalOut, RenewalShape, renewal_shape
from contracts.rule_shapes import CommitRuleIn, CommitRuleOut, rule_shape
from pricing.money import Money, plain
from pricing.periods import Period, local_days

ALIGNMENTS = ("anniversary", "calendar")


class RefusedOut(serializers.Serializer[Any]):
    """Understood and declined; the sentence is fit for whoever asked."""

    detail = serializers.CharField()


class AgreedLineOut(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="By which amendments name it.")
    product = serializers.CharField(source="product.key")
    quantity = Number(allow_null=True)
    discount_percent = Number()
    discount_amount = MoneyField()
    minimum = MoneyField(allow_null=True)
    price_factor = Number(help_text="Times the price: what renewals raised it by.")
    label = serializers.CharField(help_text="Of a phase.")  # type: ignore[assignment] # DRF's Field has one of its own
    start_on = serializers.DateField()
    end_on = serializers.DateField(help_text="The last day; the first, if it never was in force.")
    prices = serializers.ChoiceField(ContractLine.Prices.choices)
    invoice_group = serializers.CharField(help_text="Lines of a group have an invoice of their own.")
    price = serializers.CharField(allow_null=True, help_text="In words, as of `as_of`; null unless that is asked.")


class ContractLineIn(serializers.Serializer[Any]):
    """A product of a contract to be. Without days it lasts as long as the contract; the phase of a ramp has its own."""

    product = serializers.SlugRelatedField(slug_field="key", queryset=Product.objects.select_related("meter"))
    quantity = Number(required=False, allow_null=True, default=None, help_text="None for what is measured.")
    discount_percent = Number(required=False)
    discount_amount = MoneyField(required=False, allow_null=True, default=None, help_text="Off each cycle.")
    minimum = MoneyField(required=False, allow_null=True, default=None, help_text="Of each cycle.")
    label = serializers.CharField(  # type: ignore[assignment] # DRF's Field has one of its own
        required=False, default="", max_length=60, allow_blank=True, help_text="Of a phase: Year 1."
    )
    start_on = Day(required=False, allow_null=True, default=None)
    end_on = Day(required=False, allow_null=True, default=None, help_text="Its last day.")
    prices = serializers.ChoiceField(
        [ContractLine.Prices.CONTRACT.value, ContractLine.Prices.FOLLOWED.value],
        default=ContractLine.Prices.CONTRACT.value,
        help_text="Whether it follows the card although the contract does not.",
    )
    invoice_group = serializers.CharField(
        required=False,
        default="",
        max_length=80,
        allow_blank=True,
        help_text="Of lines with an invoice of their own.",
    )


class ContractIn(serializers.Serializer[Any]):
    """A contract that was signed elsewhere, with prices in force when it starts."""

    customer = serializers.SlugRelatedField(slug_field="key", queryset=Customer.objects.all())
    payer = serializers.SlugRelatedField(
        slug_field="key",
        queryset=Customer.objects.all(),
        required=False,
        allow_null=True,
        default=None,
        help_text="The customer or somebody above them. Null: who is billed for this customer.",
    )
    legal_entity = serializers.SlugRelatedField(slug_field="key", queryset=LegalEntity.objects.all())
    rate_card = serializers.SlugRelatedField(slug_field="key", queryset=RateCard.objects.all())
    follows_card = serializers.BooleanField(required=False, default=False)
    start_on = Day()
    months = serializers.IntegerField(min_value=1, max_value=120)
    anchor_day = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=31, help_text="Null: that of the start."
    )
    proration = serializers.ChoiceField(Contract.Proration.choices, default=Contract.Proration.DAY.value)
    signed_by = serializers.CharField(max_length=200)
    purchase_order = serializers.CharField(required=False, default="", max_length=80, allow_blank=True)
    alignment = serializers.ChoiceField(
        ALIGNMENTS,
        required=False,
        help_text="calendar: cycles begin on the first of a month.",
    )
    payment_terms_days = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=0, max_value=365, help_text="Null: the seller's."
    )
    invoice_months = serializers.IntegerField(
        default=1,
        min_value=1,
        max_value=12,
        help_text="What falls due waits for so many months to end; 1: not.",
    )
    opportunity_key = serializers.CharField(required=False, default="", max_length=80, allow_blank=True)
    renewal = RenewalShape(required=False, allow_null=True, default=None, help_text="Null: it ends with its term.")
    renews = serializers.SlugRelatedField(
        slug_field="number", queryset=Contract.objects.all(), required=False, allow_null=True, default=None
    )
    lines = ContractLineIn(many=True, required=False, default=list)
    commits = ContractCommitIn(many=True, required=False, default=list)
    overrides = ContractPriceIn(many=True, required=False, default=list)
    charges = ScheduledChargeIn(many=True, required=False, default=list)
    commit_rules = CommitRuleIn(many=True, required=False, default=list)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        """An alignment is another word for the anchor."""
        alignment = given.pop("alignment", None)
        if alignment and given["anchor_day"] is not None:
            raise serializers.ValidationError({"alignment": ["Either this or anchor_day."]})
        return given | {"anchor_day": 1} if alignment == "calendar" else given


class ContractOut(serializers.Serializer[Any]):
    """What was agreed. `start_on` and `end_on` are the first and last day, local to the contract."""

    number = serializers.CharField()
    customer = serializers.CharField()
    payer = serializers.CharField(help_text="Who gets the invoices; the customer, unless a parent pays.")
    status = serializers.ChoiceField(Contract.Status.choices)
    rate_card = serializers.CharField()
    pinned_version = serializers.IntegerField(allow_null=True, help_text="Null: the version in force applies.")
    package = serializers.CharField(allow_null=True, help_text="Null: it was not signed from a package.")
    package_version = serializers.IntegerField(allow_null=True)
    currency = serializers.CharField()
    time_zone = serializers.CharField()
    anchor_day = serializers.IntegerField(allow_null=True, help_text="Null: cycles begin on the day of the start.")
    proration = serializers.ChoiceField(Contract.Proration.choices)
    alignment = serializers.ChoiceField(ALIGNMENTS, help_text="calendar: cycles begin on the first of a month.")
    payment_terms_days = serializers.IntegerField()
    invoice_months = serializers.IntegerField(help_text="What falls due waits for the end of so many months; 1: not.")
    purchase_order = serializers.CharField()
    start_on = serializers.DateField()
    end_on = serializers.DateField()
    signed_at = serializers.DateTimeField()
    signed_by = serializers.CharField()
    opportunity_key = serializers.CharField()
    renewal = RenewalOut()
    custom = serializers.DictField(help_text="Values of custom fields, by key.")
    lines = AgreedLineOut(many=True)
    commits = AgreedCommitOut(many=True)
    overrides = AgreedPriceOut(many=True)
    charges = ChargeOut(many=True)
    commit_rules = CommitRuleOut(many=True)


def contract_shape(contract: Contract, then: AsOf | None = None) -> dict[str, Any]:
    """A contract as `ContractOut` says it; give it one whose parts are all prefetched, or `then`."""

    def money(amount: Decimal | None) -> dict[str, str] | None:
        return None if amount is None else Money(amount, contract.currency).as_json()

    start_on, end_on = _days(contract, contract)
    return {
        "number": contract.number,
        "customer": contract.customer.key,
        "payer": contract.payer.key,
        "status": contract.status,
        "rate_card": contract.rate_card.key,
        "pinned_version": contract.pinned_version.number if contract.pinned_version else None,
        "package": contract.package_version.package.key if contract.package_version else None,
        "package_version": contract.package_version.number if contract.package_version else None,
        "currency": contract.currency,
        "time_zone": contract.time_zone,
        "anchor_day": contract.anchor_day,
        "proration": contract.proration,
        "alignment": "calendar" if (contract.anchor_day or start_on.day) == 1 else "anniversary",
        "payment_terms_days": contract.payment_terms_days,
        "invoice_months": contract.invoice_months,
        "purchase_order": contract.purchase_order,
        "start_on": start_on,
        "end_on": end_on,
        "signed_at": utc_text(contract.signed_at),
        "signed_by": contract.signed_by,
        "opportunity_key": contract.opportunity_key,
        "renewal": renewal_shape(contract),
        "custom": contract.custom,
        "lines": [
            {
                "id": str(line.pk),
                "product": line.product.key,
                "quantity": None if line.quantity is None else plain(line.quantity),
                "discount_percent": plain(line.discount_percent),
                "discount_amount": money(line.discount_amount),
                "minimum": money(line.minimum),
                "price_factor": plain(line.price_factor),
                "label": line.label,
                **dict(zip(("start_on", "end_on"), _days(line, contract), strict=True)),
                "prices": line.prices,
                "invoice_group": line.invoice_group,
                "price": then and then.prices.get(str(line.pk)),
            }
            for line in (then.lines if then else contract.lines.all())
        ],
        "commits": [commit_shape(each, contract) for each in (then.commits if then else contract.commits.all())],
        "charges": [
            charge_shape(each, contract.currency, contract.time_zone) for each in contract.scheduled_charges.all()
        ],
        "overrides": [
            price_shape(price, contract.time_zone) for price in (then.overrides if then else contract.overrides.all())
        ],
        "commit_rules": [rule_shape(rule, contract) for rule in contract.commitrules.all()],
    }


def _days(lasting: Contract | ContractLine, contract: Contract) -> tuple[date, date]:
    return local_days(Period(lasting.start_at, lasting.end_at), contract.time_zone)
