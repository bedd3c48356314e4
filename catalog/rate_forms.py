"""The form of a price. The charge is one text of JSON, written by the page and read by the kernel alone."""

import json
from typing import Any

from django import forms
from django.utils.text import slugify

from catalog.models import Product, Rate, RateCardVersion
from catalog.operations.launches import NewMeter
from catalog.presets import Preset
from catalog.previews import read
from metering.models import Meter
from pricing.charges import Charge, ChargeError, dump

BLANK: dict[str, Any] = {"kind": "per_unit"}


def written(charge: Charge | dict[str, Any]) -> str:
    """A charge as it is put into the form: JSON to read."""
    return json.dumps(charge if isinstance(charge, dict) else dump(charge), indent=2)


def _line(**attrs: str) -> forms.TextInput:
    return forms.TextInput(attrs={"class": "quoin-input", "autocomplete": "off", **attrs})


def _select() -> forms.Select:
    return forms.Select(attrs={"class": "quoin-input"})


class RateForm(forms.Form):
    """A product's price in a draft: the charge, how often it is billed, and why."""

    charge = forms.CharField(
        label="The price as JSON",
        widget=forms.Textarea(attrs={"rows": 18, "spellcheck": "false", "class": "quoin-input rate-code"}),
    )
    cycle_months = forms.IntegerField(
        label="Billed every … months",
        initial=1,
        min_value=0,
        max_value=120,
        widget=forms.NumberInput(attrs={"class": "quoin-input"}),
        help_text="0: once.",
    )
    in_advance = forms.BooleanField(
        label="Billed in advance, at the start of the cycle",
        required=False,
        widget=forms.CheckboxInput(attrs={"class": "rate-check"}),
    )
    because = forms.CharField(
        label="Why?",
        widget=forms.Textarea(attrs={"rows": 2, "class": "quoin-input"}),
        help_text="Kept in the history for good.",
    )

    def __init__(self, *args: Any, draft: RateCardVersion, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.draft = draft

    def clean_charge(self) -> Charge | None:
        if not self.cleaned_data["charge"]:
            return None
        try:
            return read(self.cleaned_data["charge"], self.draft.card.currency)
        except ChargeError as error:
            raise forms.ValidationError(str(error)) from None

    def only_because(self) -> None:
        """To take a price off, a reason will do."""
        for name in ("charge", "cycle_months"):
            self.fields[name].required = False

    @classmethod
    def shown(cls, rate: Rate) -> dict[str, Any]:
        """A rate as somebody would have typed it."""
        return {
            "charge": written(rate.charge),
            "cycle_months": rate.cycle_months,
            "in_advance": rate.in_advance,
        }


class NewRateForm(RateForm):
    """A price that a draft does not have yet: of a product there is, or of one that is made with it."""

    product = forms.ModelChoiceField(
        Product.objects.none(), required=False, empty_label="A new product", to_field_name="key", widget=_select()
    )
    new_name = forms.CharField(label="Name", required=False, max_length=120, widget=_line())
    new_key = forms.SlugField(
        label="Key",
        required=False,
        max_length=60,
        widget=_line(spellcheck="false"),
        help_text="For systems; stays for good.",
    )
    new_kind = forms.ChoiceField(label="Sold as", choices=Product.Kind.choices, required=False, widget=_select())
    new_unit = forms.CharField(
        label="One is called",
        required=False,
        max_length=40,
        initial="unit",
        widget=_line(),
        help_text="token, seat, month",
    )
    meter = forms.ModelChoiceField(
        Meter.objects.none(),
        label="Measured by",
        required=False,
        empty_label="A new meter",
        to_field_name="key",
        widget=_select(),
    )
    event_type = forms.CharField(
        label="Events of type",
        required=False,
        max_length=120,
        widget=_line(placeholder="llm.request", spellcheck="false"),
    )
    aggregation = forms.ChoiceField(
        label="Counted by", choices=Meter.Aggregation.choices, required=False, widget=_select()
    )
    property = forms.CharField(
        label="Of property", required=False, max_length=60, widget=_line(placeholder="tokens", spellcheck="false")
    )

    def __init__(self, *args: Any, may_create: bool = True, may_define_meter: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        taken = self.draft.rates.values("product")
        self._choose("product", Product.objects.filter(is_active=True).exclude(pk__in=taken))
        self._choose("meter", Meter.objects.all())
        self.may_create, self.may_define_meter = may_create, may_define_meter
        if not may_create:
            product = self.fields["product"]
            product.required, product.empty_label = True, "Choose…"  # type: ignore[attr-defined]
            for name in (
                "new_name",
                "new_key",
                "new_kind",
                "new_unit",
                "meter",
                "event_type",
                "aggregation",
                "property",
            ):
                del self.fields[name]
        elif not may_define_meter:
            self.fields["meter"].empty_label = "Choose…"  # type: ignore[attr-defined]
            for name in ("event_type", "aggregation", "property"):
                del self.fields[name]

    def _choose(self, name: str, rows: Any) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = rows

    def clean(self) -> dict[str, Any]:
        typed = super().clean() or {}
        if typed.get("product") is None and self.may_create and "product" not in self.errors:
            self._require("new_name", "What is it called?")
            self._require("new_unit", "What is one of them called?")
            typed["new_key"] = typed.get("new_key") or slugify(typed.get("new_name", ""))[:60]
            if typed.get("new_kind") == Product.Kind.USAGE:
                self._check_meter(typed)
        return typed

    def _check_meter(self, typed: dict[str, Any]) -> None:
        typed["measured_by"] = typed.get("meter")
        if typed["measured_by"] is not None or "meter" in self.errors:
            return
        if not self.may_define_meter:
            self.add_error("meter", "Choose the meter that measures it.")
            return
        self._require("event_type", "Which events count?")
        if typed.get("aggregation") != Meter.Aggregation.COUNT:
            self._require("property", "Which property of them is added up?")
        typed["measured_by"] = NewMeter(
            typed.get("event_type", ""), typed.get("aggregation", ""), typed.get("property", "")
        )

    def _require(self, name: str, sentence: str) -> None:
        if not self.cleaned_data.get(name) and name not in self.errors:
            self.add_error(name, sentence)

    @classmethod
    def of_preset(cls, preset: Preset) -> dict[str, Any]:
        """A preset as somebody would have typed it."""
        return {
            "charge": written(preset.charge),
            "cycle_months": preset.cycle_months,
            "in_advance": preset.in_advance,
            "new_name": preset.name,
            "new_key": preset.key,
            "new_kind": preset.kind,
            "new_unit": preset.unit,
            "event_type": preset.event_type,
            "aggregation": preset.aggregation,
            "property": preset.property,
        }
