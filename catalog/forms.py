"""Forms of the catalog's pages: products, features, rate cards. What a price is typed into is `rate_forms`."""

from datetime import datetime
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from catalog.grants import meter_problem
from catalog.models import Feature, Product, RateCard
from pricing.money import exponent


class InstantWidget(UnfoldAdminTextInputWidget):
    """The browser's own picker of day and time."""

    input_type = "datetime-local"

    def format_value(self, value: Any) -> Any:
        return f"{value:%Y-%m-%dT%H:%M}" if isinstance(value, datetime) else super().format_value(value)


def why_field() -> forms.CharField:
    return forms.CharField(
        label="Why?",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Kept in the history for good.",
    )


class ProductForm(forms.ModelForm):
    because = why_field()

    class Meta:
        model = Product
        fields = [
            "name", "key", "kind", "meter", "unit", "internal_unit", "revenue_account", "recognition", "tax_code",
            "tags", "description", "is_active",
        ]  # fmt: skip
        widgets = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 3}), "tags": UnfoldAdminTextInputWidget()}
        help_texts = {
            "tags": "With a comma between them. Commits and prices of contracts may name a tag instead of products, so "
            "a change of tags changes what these cover from then on."
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.instance._state.adding and "kind" in cleaned:
            is_usage = cleaned["kind"] == Product.Kind.USAGE
            if is_usage and not cleaned.get("meter") and "meter" not in self.errors:
                self.add_error("meter", "A usage product needs the meter that measures it.")
            if not is_usage and cleaned.get("meter"):
                self.add_error("meter", "Only usage products have a meter; leave this empty.")
        return cleaned


class FeatureForm(forms.ModelForm):
    because = why_field()

    class Meta:
        model = Feature
        fields = ["name", "key", "kind", "meter", "description"]
        widgets = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 3})}
        help_texts = {"meter": "What counts a metered allowance; empty for all others."}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        kind = cleaned.get("kind", self.instance.kind)
        if "meter" not in self.errors and (problem := meter_problem(kind, cleaned.get("meter"))):
            self.add_error("meter", problem)
        return cleaned


class RateCardForm(forms.ModelForm):
    because = why_field()

    class Meta:
        model = RateCard
        fields = [
            "name", "key", "currency", "base", "region", "segment", "channel", "customer_type", "notice_days",
            "is_public",
        ]  # fmt: skip
        help_texts = {
            "name": "As people call it.",
            "key": "As files and the API call it; it never changes.",
            "currency": "Three letters, as in USD; it never changes.",
            "base": "The card then holds only what differs.",
            "region": "The market it is made for, in words: EU.",
            "segment": "As in enterprise or startup.",
            "channel": "As in direct or reseller.",
            "customer_type": "As in business or public sector.",
        }

    def clean_currency(self) -> str:
        currency = str(self.cleaned_data["currency"]).upper()
        try:
            exponent(currency)
        except ValueError:
            raise forms.ValidationError(f"{currency} is not a currency one can be billed in.") from None
        return currency
