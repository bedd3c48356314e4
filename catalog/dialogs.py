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
from catalog.history import scheduled_after
from catalog.lint import Finding, Severity, findings
from catalog.models import RateCard, RateCardVersion
from catalog.presentation import by_rule
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
        return {"findings": by_rule(each for each in self.findings if each.severity != Severity.NOTE)}


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


class PastVersionField(forms.ModelChoiceField):
    """Versions that have been in force, told apart by when."""

    def label_from_instance(self, obj: Any) -> str:
        return f"Version {obj.number}, in force from {obj.effective_from:%-d %b %Y}"


class RollBackForm(ScheduledStays):
    """Rolling a card back: to which of the versions that have been in force."""

    field_order = ["to", "because"]
    to = PastVersionField(
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

    def card_of(self) -> RateCard | None:
        return RateCard.objects.filter(pk=self.object_id).first()


def restorable(card: RateCard | None, at: datetime) -> Any:
    """The versions that have been in force and are no more, the latest first."""
    if card is None:
        return RateCardVersion.objects.none()
    now = version_at(card, at)
    past = card.versions.filter(status=RateCardVersion.Status.PUBLISHED, effective_from__lte=at)
    return (past.exclude(pk=now.pk) if now else past).order_by("-effective_from")


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
