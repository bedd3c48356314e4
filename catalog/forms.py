"""Forms of the catalog's pages. A charge is typed the way one says it: a kind, a price, tiers as lines of text."""

import re
from decimal import Decimal
from datetime import datetime
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from catalog.models import Feature, Product, Rate, RateCard, RateCardVersion
from pricing.charges import Charge, ChargeError, Flat, Graduated, Package, PerUnit, Tier, Volume, dump
from pricing.money import exponent, grouped, parse, plain

KINDS = [
    ("per_unit", "Per unit — every unit at the same price"),
    ("graduated", "Graduated — each unit at the price of its tier"),
    ("volume", "Volume — all units at the price of the tier reached"),
    ("package", "Package — whole packages only"),
    ("flat", "Flat — the same amount whatever the quantity"),
]
TIERED = ("graduated", "volume")
TIERS_HELP = (
    "One tier a line, “up to: price”, the last one “above: price”. A fee for entering the tier goes behind a plus: "
    "“10,000,000: 2.50 + 100”."
)
_LINE = re.compile(r"(?P<up_to>[^:]+):(?P<price>[^+]+)(?:\+(?P<fee>.+))?")


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
            "description", "is_active",
        ]  # fmt: skip
        widgets = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 3})}

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
        fields = ["name", "key", "kind", "description"]
        widgets = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 3})}


class RateCardForm(forms.ModelForm):
    because = why_field()

    class Meta:
        model = RateCard
        fields = [
            "name", "key", "currency", "base", "region", "segment", "channel", "customer_type", "notice_days",
            "is_public",
        ]  # fmt: skip
        help_texts = {"base": "It holds only what differs; every other price is the base's."}

    def clean_currency(self) -> str:
        currency = str(self.cleaned_data["currency"]).upper()
        try:
            exponent(currency)
        except ValueError:
            raise forms.ValidationError(f"{currency} is not a currency one can be billed in.") from None
        return currency


class RateForm(forms.Form):
    """One product's price in a draft. `charge()` gives what was typed, once the form is valid."""

    product = forms.ModelChoiceField(Product.objects.none(), widget=UnfoldAdminSelectWidget())
    kind = forms.ChoiceField(
        label="How it is priced", choices=KINDS, widget=UnfoldAdminSelectWidget(attrs={"x-model": "kind"})
    )
    price = forms.CharField(required=False, widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}))
    tiers = forms.CharField(
        required=False,
        help_text=TIERS_HELP,
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 5, "placeholder": "10,000,000: 2.50\nabove: 2.00", "style": "font-family: monospace"}
        ),
    )
    per = forms.CharField(
        label="For every",
        required=False,
        initial="1",
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
        help_text="How many units the price is for: 1, 1,000, 1,000,000 … For packages: the size of one.",
    )
    cycle_months = forms.IntegerField(
        label="Billed every … months",
        initial=1,
        min_value=0,
        max_value=120,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text="1 monthly, 12 yearly, 0 once.",
    )
    in_advance = forms.BooleanField(
        label="Billed in advance",
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        help_text="At the start of the cycle instead of its end. Never for usage.",
    )
    because = why_field()

    def __init__(self, *args: Any, draft: RateCardVersion, rate: Rate | None = None, **kwargs: Any) -> None:
        kwargs["initial"] = _typed(rate) if rate else {}
        super().__init__(*args, **kwargs)
        product = self.fields["product"]
        assert isinstance(product, forms.ModelChoiceField)
        if rate is None:
            taken = draft.rates.values("product")
            product.queryset = Product.objects.filter(is_active=True).exclude(pk__in=taken)
        else:
            product.queryset, product.disabled = Product.objects.filter(pk=rate.product_id), True
        self.fields["price"].label = f"Price ({draft.card.currency})"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            cleaned["charge"] = self._charge(cleaned)
        return cleaned

    def _charge(self, typed: dict[str, Any]) -> Charge | None:
        """The charge, or None with an error next to the field that is wrong."""
        kind = typed["kind"]
        per = self._number("per", typed["per"] or "1") if kind != "flat" else Decimal(1)
        price = self._number("price", typed["price"]) if kind not in TIERED else Decimal(0)
        tiers = self._tiers(typed["tiers"]) if kind in TIERED else ()
        if self.errors or per is None or price is None:
            return None
        try:
            return _build(kind, price, per, tiers)
        except ChargeError as error:
            self._blame(str(error))
            return None

    def _number(self, field: str, text: str) -> Decimal | None:
        try:
            return _number(text)
        except ValueError as error:
            self.add_error(field, str(error))
            return None

    def _tiers(self, text: str) -> tuple[Tier, ...]:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if not lines:
            self.add_error("tiers", "Write at least one line, for example “above: 2.00”.")
        tiers = []
        for number, line in enumerate(lines, start=1):
            try:
                tiers.append(_tier(line))
            except ValueError as error:
                self.add_error("tiers", f"Line {number}: {error}")
        return tuple(tiers)

    def _blame(self, sentence: str) -> None:
        """Put the kernel's error where the person typed: `tiers[1].up_to: must be …` becomes `Line 2, up to: …`."""
        where, _, what = sentence.partition(": ")
        if match := re.fullmatch(r"tiers\[(\d+)\]\.(\w+)", where):
            part = {"up_to": "up to", "unit_price": "price", "flat_fee": "fee"}[match[2]]
            hint = " Begin it with “above”." if what == "the last tier must be open" else ""
            self.add_error("tiers", f"Line {int(match[1]) + 1}, {part}: {what}.{hint}")
        else:
            field = {"tiers": "tiers", "per": "per", "size": "per"}.get(where, "price")
            self.add_error(field, f"{what[:1].upper()}{what[1:]}.")


def _build(kind: str, price: Decimal, per: Decimal, tiers: tuple[Tier, ...]) -> Charge:
    if kind in TIERED:
        return (Graduated if kind == "graduated" else Volume)(tiers, per)
    if kind == "flat":
        return Flat(price)
    return Package(price, per) if kind == "package" else PerUnit(price, per)


def _tier(line: str) -> Tier:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError("write it as “up to: price”, for example “10,000,000: 2.50”.")
    up_to = match["up_to"].strip()
    is_open = up_to.lower() in ("above", "then", "rest")
    fee = match["fee"]
    return Tier(None if is_open else _number(up_to), _number(match["price"]), _number(fee) if fee else Decimal(0))


def _number(text: str) -> Decimal:
    text = text.strip()
    if not text:
        raise ValueError("A number is needed here.")
    try:
        return parse(text.replace(",", "") if re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?", text) else text)
    except ValueError:
        raise ValueError(f"“{text}” is not a number one can price with; write it like 2.50 or 1,000,000.") from None


def _typed(rate: Rate) -> dict[str, Any]:
    """A rate as somebody would have typed it."""
    charge, kind = rate.charge, dump(rate.charge)["kind"]
    typed = {
        "product": rate.product_id,
        "kind": kind,
        "cycle_months": rate.cycle_months,
        "in_advance": rate.in_advance,
    }
    if kind in TIERED:
        return typed | {"tiers": "\n".join(map(_line, charge.tiers)), "per": grouped(charge.per)}
    if kind == "flat":
        return typed | {"price": format(charge.amount, "f")}
    size = charge.size if kind == "package" else charge.per
    return typed | {"price": format(charge.unit_price, "f"), "per": grouped(size)}


def _line(tier: Tier) -> str:
    up_to = "above" if tier.up_to is None else grouped(tier.up_to)
    fee = f" + {plain(tier.flat_fee)}" if tier.flat_fee else ""
    return f"{up_to}: {tier.unit_price:f}{fee}"
