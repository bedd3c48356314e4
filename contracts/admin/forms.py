"""What the admin asks about customers, legal entities and the end of a contract."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from contracts.models import Customer, LegalEntity
from governance.admin_base import ReasonForm
from pricing.money import exponent
from pricing.periods import zone_named


class DayInput(UnfoldAdminTextInputWidget):
    """The browser's own picker of a day."""

    input_type = "date"


class BecauseForm(forms.ModelForm):
    """A row's fields, and why they change."""

    because = forms.CharField(
        label="Why?", widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}), help_text="Kept in the history for good."
    )

    def typed(self) -> dict[str, Any]:
        """What was filled in, without the reason, as the operations take it."""
        return {name: value for name, value in self.cleaned_data.items() if name != "because"}


class CustomerForm(BecauseForm):
    """A customer; the key is given once, because usage is reported under it."""

    class Meta:
        model = Customer
        fields = (
            "key",
            "name",
            "email",
            "billing_address",
            "country",
            "tax_number",
            "tax_percent",
            "currency",
            "time_zone",
            "region",
            "segment",
            "channel",
            "customer_type",
            "parent",
        )
        help_texts = {
            "key": "Usage events name the customer by it. It never changes.",
            "time_zone": "As in Europe/Berlin. Months begin at midnight there.",
            "country": "Two letters, as in US.",
            "currency": "Three letters, as in USD.",
            "region": "As selection rules name it: EU. They choose the rate card a quote starts with.",
            "segment": "As in enterprise or startup.",
            "channel": "How they buy: direct, reseller, marketplace.",
            "customer_type": "As in business or public sector.",
            "parent": "The company it belongs to.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "billing_address" in self.fields:
            self.fields["billing_address"].widget.attrs["rows"] = 4

    def clean_time_zone(self) -> str:
        return _checked(zone_named, self.cleaned_data["time_zone"])

    def clean_currency(self) -> str:
        return _checked(exponent, self.cleaned_data["currency"].upper())


class LegalEntityForm(BecauseForm):
    """A company of ours. Contracts that are signed keep the grace and the payment terms of then."""

    class Meta:
        model = LegalEntity
        fields = (
            "key",
            "name",
            "address",
            "country",
            "tax_number",
            "email",
            "bank_details",
            "invoice_prefix",
            "grace_hours",
            "payment_terms_days",
        )


class EndForm(ReasonForm):
    """The first day on which the contract is in force no more."""

    field_order = ["end_on", "because"]
    end_on = forms.DateField(
        label="Ends before the first moment of", widget=DayInput(), help_text="What is used until then is still billed."
    )


class DeclineForm(ReasonForm):
    """Who declined to renew, why, and after the last day why that is accepted."""

    field_order = ["by", "because", "late_because"]
    by = forms.CharField(label="Who declined?", widget=UnfoldAdminTextInputWidget(), max_length=200)
    late_because = forms.CharField(
        label="Why accept it after the last day?",
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Only needed when that day is over.",
    )


def _checked(check: Any, text: str) -> str:
    try:
        check(text)
    except ValueError as error:
        raise forms.ValidationError(f"{error}.".capitalize()) from error
    return text
