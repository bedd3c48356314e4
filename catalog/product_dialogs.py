"""What the buttons of a product ask: a cost, a feature to grant or to revoke."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget

from catalog.dialogs import InstantField, switch, text_field
from catalog.grants import problems
from catalog.models import Feature, FeatureGrant, Product
from governance.admin_base import PlainDecimal, ReasonForm


class CostForm(ReasonForm):
    """What a unit costs us from an instant on."""

    field_order = ["unit_cost", "per", "currency", "since", "dimensions", "because"]
    unit_cost = PlainDecimal(
        label="Cost", min_value=0, max_digits=28, decimal_places=12, widget=UnfoldAdminDecimalFieldWidget()
    )
    per = PlainDecimal(
        label="For how many units",
        min_value=0,
        max_digits=28,
        decimal_places=12,
        initial=1,
        widget=UnfoldAdminDecimalFieldWidget(),
    )
    currency = text_field("Currency", required=True, length=3)
    since = InstantField(label="Since (UTC)", help_text="Empty: from now on.")
    dimensions = text_field(
        "Only for usage with", "As in “model: large, region: eu”. Empty: for all of it.", length=500
    )

    def __init__(self, *args: Any, object_id: Any = None, **kwargs: Any) -> None:
        product = Product.objects.filter(pk=object_id).first()
        last = product.cost_rates.order_by("-since").first() if product else None
        kwargs["initial"] = {"currency": last.currency if last else "USD", "per": last.per if last else 1}
        super().__init__(*args, object_id=object_id, **kwargs)

    def clean_currency(self) -> str:
        return str(self.cleaned_data["currency"]).upper()

    def clean_dimensions(self) -> dict[str, str]:
        pairs = [part.partition(":") for part in self.cleaned_data["dimensions"].split(",") if part.strip()]
        if any(not (colon and name.strip() and value.strip()) for name, colon, value in pairs):
            raise forms.ValidationError("Write it as “model: large, region: eu”.")
        return {name.strip(): value.strip() for name, _, value in pairs}


class GrantForm(ReasonForm):
    """A feature that whoever buys the product may use."""

    field_order = ["feature", "value", "window", "is_hard", "is_per_seat", "because"]
    feature = forms.ModelChoiceField(Feature.objects.none(), empty_label="Choose…", widget=UnfoldAdminSelectWidget())
    value = text_field("Limit or setting", "A number, or “unlimited”. Empty for one that is simply on.", length=120)
    window = forms.ChoiceField(
        label="Starts anew each",
        choices=FeatureGrant.Window.choices,
        widget=UnfoldAdminSelectWidget(),
        help_text="Of a metered allowance.",
    )
    is_hard = switch("Refused beyond it", "Off: what goes beyond is allowed, as overage.")
    is_per_seat = switch("For each seat", "Times the quantity agreed of the product.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["initial"] = {"window": FeatureGrant.Window.CYCLE, "is_hard": True}
        super().__init__(*args, **kwargs)
        field = self.fields["feature"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Feature.objects.all()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            terms = FeatureGrant(**{name: cleaned[name] for name in ("value", "window", "is_hard", "is_per_seat")})
            for name, text in problems(cleaned["feature"].kind, terms).items():
                self.add_error(name, text)
        return cleaned


class RevokeForm(ReasonForm):
    """A feature that the product grants no more."""

    field_order = ["feature", "because"]
    feature = forms.ModelChoiceField(Feature.objects.none(), empty_label="Choose…", widget=UnfoldAdminSelectWidget())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["feature"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Feature.objects.filter(grants__product=self.object_id).distinct()
