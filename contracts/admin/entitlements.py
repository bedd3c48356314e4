"""What one customer may use beside what its contracts grant, in the admin: given on its page, ended on their own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from catalog.grants import words
from catalog.models import Feature, FeatureGrant, Product
from contracts import operations
from contracts.entitled import entitlements_of
from contracts.entitlement_words import ShownEntitlement, shown
from contracts.models import Contract, Customer, EntitlementOverride, UsageCap
from contracts.operations.caps import cap_problems
from contracts.operations.entitlements import override_problems
from governance import clock
from governance.acts import Act
from governance.admin_base import GovernedAdmin, PlainDecimal, ReasonForm, operation

CAP = "contracts.change_usagecap"
GIVE, CHANGE = "contracts.add_entitlementoverride", "contracts.change_entitlementoverride"


class InstantInput(UnfoldAdminTextInputWidget):
    """The browser's own picker of day and time."""

    input_type = "datetime-local"


class OverrideForm(ReasonForm):
    """What a customer is to have of a feature, instead of what is granted or in addition."""

    field_order = ["feature", "value", "is_trial", "end_at", "contract", "window", "is_hard", "because"]
    feature = forms.ModelChoiceField(Feature.objects.none(), empty_label="Choose…", widget=UnfoldAdminSelectWidget())
    value = forms.CharField(
        label="Limit or setting",
        required=False,
        max_length=120,
        widget=UnfoldAdminTextInputWidget(),
        help_text="A number, “unlimited”, or a value. Of what is on or off: empty for on, “off” for off.",
    )
    is_trial = forms.BooleanField(
        label="Trial",
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        help_text="Added to what is granted, until it ends. Otherwise it stands instead.",
    )
    end_at = forms.DateTimeField(
        label="Until (UTC)", required=False, widget=InstantInput(), help_text="Empty: until it is ended."
    )
    contract = forms.ModelChoiceField(
        Contract.objects.none(),
        required=False,
        empty_label="Everything it has",
        widget=UnfoldAdminSelectWidget(),
        help_text="Instead of what this contract grants alone.",
    )
    window = forms.ChoiceField(
        label="Starts anew each",
        choices=FeatureGrant.Window.choices,
        widget=UnfoldAdminSelectWidget(),
        help_text="Of a metered allowance: the window it stands for.",
    )
    is_hard = forms.BooleanField(
        label="Refused beyond it",
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        help_text="Off: what goes beyond is allowed, as overage.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["initial"] = {"window": FeatureGrant.Window.CYCLE, "is_hard": True}
        super().__init__(*args, **kwargs)
        for name, rows in (
            ("feature", Feature.objects.all()),
            ("contract", Contract.objects.filter(customer=self.object_id, end_at__gt=clock.now())),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = rows

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            at = clock.now()
            terms = {name: cleaned[name] for name in self.field_order if name != "because"}
            row = EntitlementOverride(customer_id=self.object_id, start_at=at, **terms)
            for name, text in override_problems(row, at).items():
                self.add_error(name, text)
        return cleaned


class CapForm(ReasonForm):
    """How far the customer wants to go in a month."""

    field_order = ["product", "measure", "soft_limit", "hard_limit", "because"]
    product = forms.ModelChoiceField(
        Product.objects.none(), required=False, empty_label="Everything metered", widget=UnfoldAdminSelectWidget()
    )
    measure = forms.ChoiceField(label="In", choices=UsageCap.Measure.choices, widget=UnfoldAdminSelectWidget())
    soft_limit = PlainDecimal(
        label="Soft limit",
        required=False,
        widget=UnfoldAdminDecimalFieldWidget(),
        help_text="At which people are told. Money in the customer's currency.",
    )
    hard_limit = PlainDecimal(
        label="Hard limit",
        required=False,
        widget=UnfoldAdminDecimalFieldWidget(),
        help_text="At which what is metered is refused until the month is over.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["product"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Product.objects.exclude(meter=None)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        customer = Customer.objects.filter(pk=self.object_id).first()
        if customer is not None and not self.errors:
            terms = {name: cleaned[name] for name in self.field_order if name != "because"}
            for name, text in cap_problems(customer, **terms).items():
                self.add_error(name, text)
        return cleaned


class UncapForm(ReasonForm):
    """Which cap goes."""

    field_order = ["cap", "because"]
    cap = forms.ModelChoiceField(UsageCap.objects.none(), empty_label="Choose…", widget=UnfoldAdminSelectWidget())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["cap"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = UsageCap.objects.filter(customer=self.object_id).select_related("product", "customer")


class EntitlesCustomers:
    """What the page of a customer has of entitlements: buttons that give more or less, and its own caps."""

    @operation(
        "Override a feature",
        permission=GIVE,
        icon="extension",
        form=OverrideForm,
        explain="What this customer may use from now on, whatever its contracts grant; or a trial in addition.",
    )
    def override_entitlement(self, customer: Customer, act: Act, feature: Feature, **terms: Any) -> str:
        row = operations.override_entitlement(customer, feature, **terms, act=act)
        return f"{'Trial' if row.is_trial else 'Override'} of {feature} for {customer}: {terms_text(row)}."

    @operation(
        "Set a cap",
        permission=CAP,
        icon="vertical_align_top",
        form=CapForm,
        explain="How far the customer wants to go in a calendar month. A second one of the same replaces the first.",
    )
    def set_cap(self, customer: Customer, act: Act, **terms: Any) -> str:
        return f"There is a {operations.set_cap(customer, **terms, act=act)}."

    @operation(
        "Remove a cap",
        permission=CAP,
        icon="layers_clear",
        form=UncapForm,
        when=lambda customer: customer.usage_caps.exists(),
    )
    def remove_cap(self, customer: Customer, act: Act, cap: UsageCap) -> str:
        operations.remove_cap(cap, act=act)
        return f"There is no {cap} any more."


def may_use(customer: Customer, at: datetime) -> Sequence[ShownEntitlement]:
    """Everything it may use now, as people read it."""
    return [shown(each, customer.time_zone) for each in entitlements_of(customer.key, at).entitlements]


def terms_text(row: EntitlementOverride) -> str:
    """“600”, “on”, “off”: its terms in words."""
    if row.feature.kind == Feature.Kind.BOOLEAN:
        return row.value or "on"
    return words(row.feature.kind, _Terms(row))


class _Terms:
    """An override as the terms of a grant: it is never for each seat."""

    is_per_seat = False

    def __init__(self, row: EntitlementOverride) -> None:
        self.value, self.window, self.is_hard = row.value, row.window, row.is_hard


@admin.register(EntitlementOverride)
class EntitlementOverrideAdmin(GovernedAdmin):
    """What customers have instead of what is granted to them, and what they try out."""

    list_display = ["feature", "customer", "shown_kind", "shown_terms", "reason", "start_at", "end_at"]
    list_filter = ["is_trial", ("feature", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["feature", "customer"]
    search_fields = ["feature__name", "feature__key", "customer__name", "customer__key", "reason"]
    ordering = ["-start_at"]
    fields = ["customer", "feature", "contract", "shown_kind", "shown_terms", "reason", "start_at", "end_at"]
    readonly_fields = fields
    actions_detail = ["end"]

    @display(description="What it is", label={"Trial": "info", "Override": ""})
    def shown_kind(self, row: EntitlementOverride) -> str:
        return "Trial" if row.is_trial else "Override"

    @display(description="Terms")
    def shown_terms(self, row: EntitlementOverride) -> str:
        return terms_text(row)

    @operation(
        "End now",
        permission=CHANGE,
        icon="event_busy",
        variant=ActionVariant.DANGER,
        when=lambda row: row.end_at is None or clock.now() < row.end_at,
        explain="From now on the customer has what its contracts grant.",
    )
    def end(self, row: EntitlementOverride, act: Act) -> str:
        operations.end_entitlement(row, act=act)
        return f"{row} has ended."


__all__ = ["EntitlementOverrideAdmin", "EntitlesCustomers", "may_use"]
