"""What the admin asks about customers, legal entities and the end of a contract."""

from collections.abc import Sequence
from email.utils import parseaddr
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from contracts import custom_fields
from contracts.models import BillingContact, Customer, CustomField, LegalEntity, Package, ScheduledCharge
from contracts.operations import Contact, Noted
from governance import external_ids
from governance.acts import Refused
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

    contacts = forms.CharField(
        label="Billing contacts",
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Who gets quotes and invoices, one on each line: Dan Contoso &lt;dan@contoso.com&gt;; "
        "in copy: cc: books@contoso.com. Without one who is addressed they go to the e-mail above.",
    )
    external_ids = forms.CharField(
        label="Ids in other systems",
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="One on each line: salesforce: 0015g00000abcde.",
    )
    custom_fields: Sequence[CustomField] = ()

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
            "tax_status",
            "exemption",
            "exempt_until",
            "currency",
            "time_zone",
            "region",
            "segment",
            "channel",
            "customer_type",
            "parent",
            "billed_to_parent",
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
            "billed_to_parent": "Its parent pays the contracts it signs from now on, or whoever pays for the parent.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "billing_address" in self.fields:
            self.fields["billing_address"].widget.attrs["rows"] = 4
        if self.instance.pk and not self.instance._state.adding:
            self.initial["contacts"] = "\n".join(_line_of(each) for each in self.instance.contacts.all())
            self.initial["external_ids"] = "\n".join(
                f"{system}: {each}" for system, each in sorted(external_ids.all_of(self.instance).items())
            )
            for field in self.custom_fields:
                if field.key in self.instance.custom:
                    self.initial[f"custom_{field.key}"] = _as_typed(field, self.instance.custom[field.key])

    def typed(self) -> dict[str, Any]:
        """The columns, and what is noted beside them."""
        given = super().typed()
        told: dict[str, str] = given.pop("external_ids")
        gone = {} if self.instance._state.adding else dict.fromkeys(external_ids.all_of(self.instance), "")
        custom = {field.key: given.pop(f"custom_{field.key}") for field in self.custom_fields}
        noted = Noted(given.pop("contacts"), {**gone, **told}, custom)
        return {**given, "noted": noted}

    def clean_contacts(self) -> list[Contact]:
        return [_contact(line.strip()) for line in self.cleaned_data["contacts"].splitlines() if line.strip()]

    def clean_external_ids(self) -> dict[str, str]:
        lines = [line.strip() for line in self.cleaned_data["external_ids"].splitlines() if line.strip()]
        pairs = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
        if wrong := [line for line, pair in zip(lines, pairs, strict=True) if len(pair) != 2 or not all(pair)]:
            raise ValidationError(f"Write system: id, not {wrong[0]}")
        return dict(pairs)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        for field in self.custom_fields:
            name = f"custom_{field.key}"
            if self.cleaned_data.get(name):
                try:
                    custom_fields.held(field, self.cleaned_data[name])
                except Refused as refusal:
                    self.add_error(name, str(refusal).removeprefix(f"{field.key}: ").capitalize())
        return cleaned

    def clean_time_zone(self) -> str:
        return _checked(zone_named, self.cleaned_data["time_zone"])

    def clean_currency(self) -> str:
        return _checked(exponent, self.cleaned_data["currency"].upper())


def customer_form(fields: Sequence[CustomField]) -> type[CustomerForm]:
    """The form with an input for each custom field."""
    inputs: dict[str, Any] = {f"custom_{field.key}": _input(field) for field in fields}
    return type("CustomerForm", (CustomerForm,), {**inputs, "custom_fields": fields})


def _input(field: CustomField) -> forms.Field:
    choices = ["yes", "no"] if field.type == CustomField.Type.YES_NO else field.choices
    if choices:
        options = [("", "—"), *((each, each) for each in choices)]
        return forms.ChoiceField(choices=options, label=field.name, required=False, widget=UnfoldAdminSelectWidget())
    is_day = field.type == CustomField.Type.DATE
    widget = DayInput() if is_day else UnfoldAdminTextInputWidget()
    return forms.CharField(label=field.name, required=False, widget=widget)


def _as_typed(field: CustomField, value: Any) -> str:
    return custom_fields.words(field, value) if field.type == CustomField.Type.YES_NO else str(value)


def _line_of(contact: BillingContact) -> str:
    return f"cc: {contact}" if contact.role == BillingContact.Role.CC else str(contact)


def _contact(line: str) -> Contact:
    role = BillingContact.Role.TO
    if line.lower().startswith("cc:"):
        role, line = BillingContact.Role.CC, line[3:].strip()
    name, address = parseaddr(line)
    validate_email(address)
    return Contact(address, name, role)


class CustomFieldForm(BecauseForm):
    """What may be noted. What it is about, its key and its type are given once."""

    class Meta:
        model = CustomField
        fields = ("about", "key", "name", "type", "choices")
        help_texts = {"choices": "Of a choice, with commas between.", "key": "As the API names it: industry."}


class NoteForm(ReasonForm):
    """One field of a contract, and what to note."""

    field_order = ["field", "value", "because"]
    field = forms.ModelChoiceField(CustomField.objects.none(), widget=UnfoldAdminSelectWidget())
    value = forms.CharField(
        required=False, widget=UnfoldAdminTextInputWidget(), help_text="A day as in 2026-01-31. Empty: takes it away."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        about = CustomField.objects.filter(about=CustomField.About.CONTRACT)
        self.fields["field"].queryset = about


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
            "access_grace_days",
        )


class AdjustForm(ReasonForm):
    """How much to give, or to take away."""

    field_order = ["amount", "because"]
    amount = forms.DecimalField(
        label="So much of its unit",
        max_digits=28,
        decimal_places=9,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
        help_text="Above zero gives, below zero takes away.",
    )


class PackageForm(BecauseForm):
    """A package: what its page says about it. What it holds is said by its versions."""

    class Meta:
        model = Package
        fields = ("key", "name", "description", "audience", "legal_entity", "is_open")
        help_texts = {"key": "Part of the address of its page. It never changes."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "description" in self.fields:
            self.fields["description"].widget.attrs["rows"] = 3


class MoveForm(ReasonForm):
    """Where a contract moves, and when."""

    field_order = ["package", "when", "because"]
    package = forms.ModelChoiceField(Package.objects.filter(versions__status="published").distinct())
    when = forms.ChoiceField(
        choices=[
            ("policy", "At once, or with its next month if it comes to less"),
            ("now", "At once"),
            ("next_cycle", "With its next month"),
        ]
    )


class EndForm(ReasonForm):
    """The first day on which the contract is in force no more."""

    field_order = ["end_on", "because"]
    end_on = forms.DateField(
        label="Ends before the first moment of", widget=DayInput(), help_text="What is used until then is still billed."
    )


class AsOfForm(forms.Form):
    """The day to look at, and the day whose knowledge to look with."""

    on = forms.DateField(label="On", widget=DayInput(), error_messages={"invalid": "A day, please."})
    known_on = forms.DateField(
        label="As known on",
        required=False,
        widget=DayInput(),
        help_text="Today if empty.",
        error_messages={"invalid": "A day, please."},
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


class AcceptForm(ReasonForm):
    """Which milestone the customer accepted, who did, and where that is to be found."""

    field_order = ["milestone", "by", "evidence", "because"]
    milestone = forms.ModelChoiceField(
        ScheduledCharge.objects.none(), empty_label="Choose…", widget=UnfoldAdminSelectWidget()
    )
    by = forms.CharField(label="Who accepted?", widget=UnfoldAdminTextInputWidget(), max_length=200)
    evidence = forms.CharField(
        label="Where is that to be found?",
        widget=UnfoldAdminTextInputWidget(),
        help_text="As in: signed protocol of 3 March, in the project's folder.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["milestone"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = ScheduledCharge.objects.filter(
            contract=self.object_id, is_milestone=True, accepted_at=None
        ).select_related("contract")


def _checked(check: Any, text: str) -> str:
    try:
        check(text)
    except ValueError as error:
        raise forms.ValidationError(f"{error}.".capitalize()) from error
    return text
