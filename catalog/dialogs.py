"""What the catalog's buttons ask before they act. A dialog knows its thing by `object_id`, and starts as that is."""

from datetime import datetime
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from catalog.forms import InstantWidget
from catalog.lint import Finding, Severity, findings
from catalog.models import Feature, Product, RateCard, RateCardVersion
from catalog.presentation import scheduled_after
from catalog.queries import version_at
from governance import clock
from governance.admin_base import PlainDecimal, ReasonForm

Reach = RateCardVersion.Reach
MARKET = ("region", "segment", "channel", "customer_type")


class InstantField(forms.DateTimeField):
    """A day and a time in UTC, picked in the browser."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=InstantWidget(), required=False, **kwargs)


def text_field(label: str, help_text: str = "", *, required: bool = False, length: int = 60) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=required,
        max_length=length,
        widget=UnfoldAdminTextInputWidget(),
        help_text=help_text,
    )


def switch(label: str, help_text: str = "") -> forms.BooleanField:
    return forms.BooleanField(label=label, required=False, widget=UnfoldBooleanSwitchWidget(), help_text=help_text)


# ---------------------------------------------------------------- versions
class DraftForm(ReasonForm):
    """Starting a version: what it is about, and why."""

    field_order = ["note", "because"]
    note = text_field("What changes", "For those who review it.", length=500)


class PlanForm(ReasonForm):
    """When a draft is to take effect, and which existing contracts it reaches."""

    field_order = [
        "note", "planned_from", "reach", "existing_from", "base_factor", "publish_when_approved", "because",
    ]  # fmt: skip
    note = forms.CharField(
        label="What changes and why",
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="For those who review it.",
    )
    planned_from = InstantField(label="Takes effect (UTC)", help_text="Empty: at once when published.")
    reach = forms.ChoiceField(label="Reaches", choices=Reach.choices, widget=UnfoldAdminSelectWidget())
    existing_from = InstantField(
        label="Existing contracts from (UTC)",
        help_text="Only for “Existing contracts from a date”. Empty: when it takes effect.",
    )
    base_factor = PlainDecimal(
        label="The base's prices times",
        max_digits=16,
        decimal_places=9,
        widget=UnfoldAdminDecimalFieldWidget(),
        help_text="0.92 is 8 % below the base, 1 the same.",
    )
    publish_when_approved = switch("Publish as soon as everybody has agreed", "Otherwise somebody presses Publish.")

    def __init__(self, *args: Any, object_id: Any = None, **kwargs: Any) -> None:
        draft = RateCardVersion.objects.filter(pk=object_id).select_related("card").first()
        names = ("note", "planned_from", "reach", "existing_from", "base_factor", "publish_when_approved")
        kwargs["initial"] = {name: getattr(draft, name) for name in names} if draft else {}
        super().__init__(*args, object_id=object_id, **kwargs)
        if draft and draft.card.base_id is None:
            del self.fields["base_factor"]


class SubmitForm(ReasonForm):
    """Submitting shows what lint found; where that warns, one says why the prices may be published all the same."""

    form_before_template = "catalog/submit.html"
    field_order = ["warnings_accepted", "because"]

    def __init__(self, *args: Any, object_id: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, object_id=object_id, **kwargs)
        draft = RateCardVersion.objects.filter(pk=object_id).select_related("card__base").first()
        self.findings: list[Finding] = findings(draft, at=clock.now()) if draft else []
        if any(finding.severity == Severity.WARNING for finding in self.findings):
            self.fields["warnings_accepted"] = forms.CharField(
                label="Why publish in spite of the warnings?",
                widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
                initial=draft.warnings_accepted if draft else "",
                help_text="Those who must agree read it.",
            )
            self.order_fields(self.field_order)

    def get_before_template_context(self, request: Any, object_id: Any = None) -> dict[str, Any]:
        return {"findings": [finding for finding in self.findings if finding.severity != Severity.NOTE]}


class PublishForm(ReasonForm):
    """Publishing: from when on, and why."""

    field_order = ["effective_from", "because"]
    effective_from = InstantField(label="In force from (UTC)", help_text="Empty: as planned, or at once.")

    def __init__(self, *args: Any, object_id: Any = None, **kwargs: Any) -> None:
        version = RateCardVersion.objects.filter(pk=object_id).first()
        kwargs["initial"] = {"effective_from": version.planned_from} if version else {}
        super().__init__(*args, object_id=object_id, **kwargs)


class ScheduledStays(ReasonForm):
    """A roll back says which scheduled versions stay scheduled."""

    form_before_template = "catalog/scheduled_stays.html"

    def card_of(self) -> RateCard | None:
        return RateCard.objects.filter(versions=self.object_id).first()

    def get_before_template_context(self, request: Any, object_id: Any = None) -> dict[str, Any]:
        card = self.card_of()
        return {"scheduled": scheduled_after(card, clock.now()) if card else []}


class RollBackForm(ScheduledStays):
    """Rolling a card back: to which of the versions that have been in force."""

    field_order = ["to", "because"]
    to = forms.ModelChoiceField(
        RateCardVersion.objects.none(),
        label="Back to the prices of",
        empty_label=None,
        widget=UnfoldAdminSelectWidget(),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["to"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = restorable(self.card_of(), clock.now())
        field.label_from_instance = lambda version: (  # type: ignore[method-assign]
            f"Version {version.number}, in force from {version.effective_from:%-d %b %Y}"
        )

    def card_of(self) -> RateCard | None:
        return RateCard.objects.filter(pk=self.object_id).first()


def restorable(card: RateCard | None, at: datetime) -> Any:
    """The versions that have been in force and are no more, the latest first."""
    if card is None:
        return RateCardVersion.objects.none()
    now = version_at(card, at)
    past = card.versions.filter(status=RateCardVersion.Status.PUBLISHED, effective_from__lte=at)
    return past.exclude(pk=now and now.pk).order_by("-effective_from")


# ---------------------------------------------------------------- cards
class CardForm(ReasonForm):
    """A card's name and market. Its key, currency and base stay."""

    field_order = ["name", *MARKET, "notice_days", "is_public", "because"]
    name = text_field("Name", required=True, length=120)
    region = text_field("Region", "The market it is made for, in words: EU.")
    segment = text_field("Segment", "enterprise, startup …")
    channel = text_field("Channel", "direct, reseller, marketplace …")
    customer_type = text_field("Customer type", "business, public sector …")
    notice_days = forms.IntegerField(
        label="Days of notice",
        min_value=0,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text="A rise reaches existing contracts no sooner than so many days after publication.",
    )
    is_public = switch("On the public price page")

    def __init__(self, *args: Any, object_id: Any = None, **kwargs: Any) -> None:
        card = RateCard.objects.filter(pk=object_id).first()
        names = ("name", *MARKET, "notice_days", "is_public")
        kwargs["initial"] = {name: getattr(card, name) for name in names} if card else {}
        super().__init__(*args, object_id=object_id, **kwargs)


# ---------------------------------------------------------------- products
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

    field_order = ["feature", "value", "because"]
    feature = forms.ModelChoiceField(Feature.objects.none(), empty_label="Choose…", widget=UnfoldAdminSelectWidget())
    value = text_field("Limit or setting", "Empty for one that is simply on.", length=120)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["feature"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Feature.objects.all()


class RevokeForm(ReasonForm):
    """A feature that the product grants no more."""

    field_order = ["feature", "because"]
    feature = forms.ModelChoiceField(Feature.objects.none(), empty_label="Choose…", widget=UnfoldAdminSelectWidget())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["feature"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Feature.objects.filter(grants__product=self.object_id)
