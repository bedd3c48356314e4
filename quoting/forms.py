"""What the admin asks when an offer is built: a new quote, its lines, its commit, its terms."""

from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.contrib.auth.models import User
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from catalog.models import Product, RateCard, RateCardVersion, SelectionRule
from contracts.models import Contract, Customer, LegalEntity
from governance import clock
from governance.admin_base import ReasonForm
from governance.doors import visible
from pricing.money import ZERO, grouped
from pricing.periods import add_months
from quoting.models import QuoteCommit, QuoteLine, QuoteVersion
from quoting.queries import offered

TIMES = {"k": 1_000, "m": 1_000_000, "b": 1_000_000_000}
OFFER_IS_VALID_FOR = timedelta(days=30)


class DayInput(UnfoldAdminTextInputWidget):
    """The browser's own picker of a day."""

    input_type = "date"


class QuantityField(forms.DecimalField):
    """A number as people type it: `20,000,000`, `20 000 000`, `20M`, `1.5k`."""

    widget = forms.TextInput

    def to_python(self, value: Any) -> Any:
        text = str(value or "").strip().lower().replace(",", "").replace(" ", "").replace("_", "")
        factor = TIMES.get(text[-1:], 1)
        if factor != 1:
            text = text[:-1]
        number = super().to_python(text)
        try:
            return None if number is None else number * factor
        except InvalidOperation as error:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from error

    def prepare_value(self, value: Any) -> Any:
        return grouped(value) if isinstance(value, Decimal) else value


class NewQuoteForm(forms.Form):
    """Who it is for, on which prices, for how long. Products come next, on the quote's own page."""

    customer = forms.ModelChoiceField(Customer.objects.none(), empty_label="Choose…", widget=UnfoldAdminSelectWidget)
    title = forms.CharField(
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="What it is about, as the customer reads it.",
    )
    rate_card = forms.ModelChoiceField(
        RateCard.objects.none(),
        required=False,
        empty_label="As the selection rules say",
        widget=UnfoldAdminSelectWidget,
    )
    follows_card = forms.BooleanField(
        required=False,
        label="Prices follow the card",
        widget=UnfoldBooleanSwitchWidget,
        help_text="Off: the prices of today stay for the whole term.",
    )
    start_on = forms.DateField(label="Starts on", widget=DayInput)
    months = forms.IntegerField(min_value=1, max_value=120, initial=12, widget=UnfoldAdminIntegerFieldWidget)
    valid_until = forms.DateField(label="Valid until", widget=DayInput, help_text="The last day to accept it.")
    legal_entity = forms.ModelChoiceField(
        LegalEntity.objects.none(), label="Sold by", empty_label=None, widget=UnfoldAdminSelectWidget
    )
    renews = forms.ModelChoiceField(
        Contract.objects.none(), required=False, empty_label="No contract", widget=UnfoldAdminSelectWidget
    )
    opportunity_key = forms.CharField(
        label="Opportunity", max_length=80, required=False, widget=UnfoldAdminTextInputWidget
    )
    terms = forms.CharField(
        required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}), help_text="Printed on the offer."
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        today = clock.now().date()
        published = RateCardVersion.Status.PUBLISHED
        self.fields["customer"].queryset = visible(Customer.objects.filter(merged_into=None), user)  # type: ignore[attr-defined]
        self.fields["rate_card"].queryset = (  # type: ignore[attr-defined]
            RateCard.objects.filter(versions__status=published).distinct()
        )
        if not SelectionRule.objects.filter(is_active=True).exists():
            self.fields["rate_card"].required = True
            self.fields["rate_card"].empty_label = None  # type: ignore[attr-defined]
        self.fields["renews"].queryset = visible(  # type: ignore[attr-defined]
            Contract.objects.filter(status=Contract.Status.ACTIVE, renewed_by=None), user
        )
        self.fields["legal_entity"].queryset = LegalEntity.objects.order_by("name")  # type: ignore[attr-defined]
        self.fields["start_on"].initial = add_months(today.replace(day=1), 1)
        self.fields["valid_until"].initial = today + OFFER_IS_VALID_FOR
        self.fields["customer"].widget.attrs["autofocus"] = True

    def clean_valid_until(self) -> date:
        return _not_past(self.cleaned_data["valid_until"])

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        customer, card = cleaned.get("customer"), cleaned.get("rate_card")
        if customer and card and customer.currency != card.currency:
            self.add_error("rate_card", f"{customer} buys in {customer.currency}; these prices are in {card.currency}.")
        return cleaned


class OfferForm(forms.Form):
    """A form whose fields may stand anywhere on the page: they name it by `form_id`."""

    def __init__(self, *args: Any, version: QuoteVersion, form_id: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.auto_id = f"{form_id}-%s"
        self.version, self.form_id = version, form_id
        for field in self.fields.values():
            field.widget.attrs |= {"form": form_id, "class": "quoin-input"}


class LineForm(OfferForm):
    """A product on the offer: how much of it, and what is taken off."""

    product = forms.ModelChoiceField(Product.objects.none(), label="Product", empty_label="Add a product…")
    amount = QuantityField(
        label="Quantity or expected usage", min_value=0, max_digits=28, decimal_places=9, required=False
    )
    discount_percent = forms.DecimalField(
        label="Discount in percent", min_value=0, max_value=100, max_digits=7, decimal_places=4, required=False
    )
    discount_amount = forms.DecimalField(
        label="Amount off each cycle", min_value=0, max_digits=20, decimal_places=4, required=False
    )
    minimum = forms.DecimalField(label="Minimum", min_value=0, max_digits=20, decimal_places=4, required=False)

    def __init__(self, *args: Any, line: QuoteLine | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sentences = {row.product.pk: row.sentence for row in offered(self.version)}
        product: Any = self.fields["product"]
        product.queryset = Product.objects.filter(pk__in=self.sentences)
        product.label_from_instance = lambda each: f"{each.name}: {self.sentences[each.pk]}"
        for name in ("amount", "discount_percent", "discount_amount", "minimum"):
            self.fields[name].widget = forms.TextInput(
                attrs={**self.fields[name].widget.attrs, "inputmode": "decimal", "autocomplete": "off"}
            )
        if line is None:
            there = self.version.lines.values("product")
            product.queryset = product.queryset.exclude(pk__in=there) if not self.is_bound else product.queryset
        else:
            product.widget = forms.HiddenInput(attrs={"form": self.form_id})
            self.initial = self.initial or _of_line(line)

    def terms(self) -> dict[str, Any]:
        """As `operations.set_line` takes them."""
        given = self.cleaned_data
        is_usage = given["product"].kind == Product.Kind.USAGE
        return {
            "product": given["product"],
            "expected_usage" if is_usage else "quantity": given["amount"],
            "discount_percent": given["discount_percent"] or ZERO,
            "discount_amount": given["discount_amount"] or ZERO,
            "minimum": given["minimum"],
        }


class CommitForm(OfferForm):
    """Prepaid usage: what it gives access to, and what is paid for that."""

    name = forms.CharField(label="Name", max_length=120, initial="Prepaid usage")
    access_amount = forms.DecimalField(label="Usage worth", min_value=Decimal("0.01"), max_digits=20, decimal_places=4)
    price = forms.DecimalField(label="For", min_value=0, max_digits=20, decimal_places=4)
    product_keys = forms.MultipleChoiceField(label="Pays for", required=False, help_text="None chosen: all usage.")

    def __init__(self, *args: Any, commit: QuoteCommit | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        usage = [row.product for row in offered(self.version) if row.product.kind == Product.Kind.USAGE]
        choices: Any = self.fields["product_keys"]
        choices.choices = [(product.key, product.name) for product in usage]
        choices.widget.attrs["size"] = 2
        for name in ("access_amount", "price"):
            self.fields[name].widget = forms.TextInput(
                attrs={**self.fields[name].widget.attrs, "inputmode": "decimal", "autocomplete": "off"}
            )
        if commit is not None:
            self.fields["name"].widget.attrs["readonly"] = True  # the name says which commit is meant
            self.initial = self.initial or {
                "name": commit.name,
                "access_amount": _typed(commit.access_amount),
                "price": _typed(commit.price),
                "product_keys": commit.product_keys,
            }


class TermsForm(OfferForm):
    """When it starts, how long it lasts, until when it can be accepted, and what else is printed on it."""

    start_on = forms.DateField(label="Starts on", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    months = forms.IntegerField(label="Months", min_value=1, max_value=120)
    valid_until = forms.DateField(
        label="Valid until", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    follows_card = forms.BooleanField(label="Prices follow the card", required=False)
    terms = forms.CharField(label="Terms", required=False, widget=forms.Textarea(attrs={"rows": 4}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["follows_card"].widget.attrs.pop("class")
        names = ("start_on", "months", "valid_until", "follows_card", "terms")
        self.initial = self.initial or {name: getattr(self.version, name) for name in names}

    def clean_valid_until(self) -> date:
        return _not_past(self.cleaned_data["valid_until"])


class DeclineForm(ReasonForm):
    """The customer said no by telephone or mail."""

    field_order = ["name", "because"]
    name = forms.CharField(label="Who said no?", max_length=200, widget=UnfoldAdminTextInputWidget)


def _of_line(line: QuoteLine) -> dict[str, Any]:
    amount = line.expected_usage if line.expected_usage is not None else line.quantity
    return {
        "product": line.product_id,
        "amount": amount,
        "discount_percent": _typed(line.discount_percent),
        "discount_amount": _typed(line.discount_amount),
        "minimum": None if line.minimum is None else _typed(line.minimum),
    }


def _typed(number: Decimal) -> str:
    """As somebody would type it: nothing for zero, no zeros at the end."""
    return grouped(number).replace(",", "") if number else ""


def _not_past(day: date) -> date:
    # The customer's own day decides, and the operation knows it; this catches the slip of the hand.
    if day < clock.now().date() - timedelta(days=1):
        raise forms.ValidationError("This day has passed; choose a later one.")
    return day
