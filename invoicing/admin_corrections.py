"""Corrections of usage in the admin: what is wrong, what it comes to in money, and the buttons that make it so.

Here rather than with metering, because the page speaks of money.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from contracts.models import Customer
from contracts.words import amount_text
from governance.acts import Act, Refused
from governance.admin_base import GovernedAdmin, figure, operation, pill
from governance.doors import act_of, visible
from invoicing.corrections import Effect, Preview, preview
from metering import corrections
from metering.expressions import Kind, parse
from metering.models import EventType, UsageCorrection
from metering.store import event_store
from metering.wire.events import Event, Unreadable, json_of
from metering.wire.files import check_name, events_of
from pricing.money import grouped
from pricing.periods import Period, local_days

Status = UsageCorrection.Status
COLOURS = {Status.DRAFT: "info", Status.APPLIED: "success", Status.REVERTED: "warning", Status.DISCARDED: ""}
APPLY = "metering.change_usagecorrection"
SAMPLE = 10


class CorrectionForm(forms.ModelForm):
    """A range of usage that is wrong, and what is right instead."""

    customer_key = forms.ChoiceField(label="Customer", widget=UnfoldAdminSelectWidget())
    event_type = forms.ChoiceField(label="Event type", widget=UnfoldAdminSelectWidget())
    start_at = forms.SplitDateTimeField(
        label="From", widget=UnfoldAdminSplitDateTimeWidget(), help_text="UTC, included"
    )
    end_at = forms.SplitDateTimeField(label="To", widget=UnfoldAdminSplitDateTimeWidget(), help_text="UTC, excluded")
    condition = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Only events of which this is true, like region = 'eu' AND tokens > 1000. All of them if empty.",
    )
    file = forms.FileField(
        label="Replacements",
        required=False,
        widget=UnfoldAdminFileFieldWidget(),
        help_text="Events that count instead: .csv, .ndjson or .jsonl, as for an upload. Without, the events are void.",
    )
    because = forms.CharField(
        label="Why?", widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}), help_text="Kept in the history for good."
    )

    class Meta:
        model = UsageCorrection
        fields = ["name", "customer_key", "event_type", "start_at", "end_at", "condition"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        customers = visible(Customer.objects.order_by("name"), self.user)  # type: ignore[attr-defined]
        self.fields["customer_key"].choices = [  # type: ignore[attr-defined]
            ("", "---------"),
            *customers.values_list("key", "name"),
        ]
        types = EventType.objects.values_list("key", "name")
        self.fields["event_type"].choices = [  # type: ignore[attr-defined]
            ("", "---------"),
            *types,
        ]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if given.get("start_at") and given.get("end_at") and given["end_at"] <= given["start_at"]:
            self.add_error("end_at", "The range ends before it starts.")
        return given

    def clean_condition(self) -> str:
        condition: str = self.cleaned_data["condition"].strip()
        try:
            if condition:
                parse(condition, Kind.CONDITION)
        except ValueError as problem:
            raise ValidationError(str(problem)) from None
        return condition

    def clean_file(self) -> list[Event]:
        given: UploadedFile | None = self.cleaned_data["file"]
        if given is None:
            return []
        try:
            check_name(given.name or "")
            lines = list(events_of(given, given.name or ""))
        except Unreadable as refusal:
            raise ValidationError(refusal.detail) from None
        for line in lines:
            if line.event is None:
                raise ValidationError(f"Line {line.number}: {line.message}")
        return [line.event for line in lines if line.event is not None]


@admin.register(UsageCorrection)
class UsageCorrectionAdmin(GovernedAdmin):
    """Usage that was reported wrongly: look at what a correction comes to, apply it as a whole, or take it back."""

    operations_for_saving = True
    form = CorrectionForm
    list_display = ["name", "customer_key", "event_type", "shown_range", "shown_voided", "shown_added", "shown_status"]
    list_filter = ["status", "event_type"]
    search_fields = ["name", "=customer_key", "=event_type"]
    ordering = ["-start_at"]
    actions_detail = ["apply", "discard", "revert"]
    change_form_outer_after_template = "invoicing/admin_correction.html"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A draft is discarded and written anew, rather than edited under those who looked at it."""
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.user = request.user
        return form

    def get_fields(self, request: HttpRequest, obj: UsageCorrection | None = None) -> list[Any]:
        if obj is None:
            return [
                "name",
                ("customer_key", "event_type"),
                "start_at",
                "end_at",
                "condition",
                "file",
                "because",
            ]
        return [("name", "standing"), ("customer_key", "event_type"), ("shown_range", "condition")]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [] if obj is None else ["standing", "shown_range"]

    @display(description="Range (UTC)", ordering="start_at")
    def shown_range(self, correction: UsageCorrection) -> str:
        return f"{correction.start_at:%-d %b %Y %H:%M} to {correction.end_at:%-d %b %Y %H:%M}"

    @display(description="Made void", ordering="voided")
    def shown_voided(self, correction: UsageCorrection) -> SafeString:
        return figure(f"{correction.voided:,}" if correction.applied_in else "—")

    @display(description="Counted instead")
    def shown_added(self, correction: UsageCorrection) -> SafeString:
        return figure(f"{len(correction.replacements):,}")

    @display(description="Status", ordering="status", label=COLOURS)
    def shown_status(self, correction: UsageCorrection) -> tuple[str, str]:
        return correction.status, correction.get_status_display()

    @display(description="Status")
    def standing(self, correction: UsageCorrection) -> SafeString:
        return pill(correction.get_status_display(), COLOURS[Status(correction.status)])

    def save_model(self, request: HttpRequest, obj: UsageCorrection, form: Any, change: bool) -> None:
        given = dict(form.cleaned_data)
        made = corrections.draft_correction(
            name=given["name"],
            customer_key=given["customer_key"],
            event_type=given["event_type"],
            period=Period(given["start_at"], given["end_at"]),
            condition=given["condition"],
            replacements=given["file"],
            act=self.act(request, given["because"]),
        )
        obj.pk = made.pk

    def response_add(self, request: HttpRequest, obj: UsageCorrection, *args: Any, **kwargs: Any) -> HttpResponse:
        """To its page, where the money is shown."""
        return HttpResponse(status=302, headers={"Location": self.page_after(obj)})

    @operation(
        "Apply",
        permission=APPLY,
        icon="task_alt",
        when=lambda correction: correction.status == Status.DRAFT,
        variant=ActionVariant.PRIMARY,
        explain="All of it or nothing. Drafts follow with the next billing run; what is invoiced gets a difference.",
    )
    def apply(self, correction: UsageCorrection, act: Act) -> str:
        made = corrections.apply_correction(correction, act=act)
        return f"Applied: {made.voided:,} events are void, {len(made.replacements):,} count instead."

    @operation(
        "Discard",
        permission="metering.add_usagecorrection",
        icon="block",
        when=lambda correction: correction.status == Status.DRAFT,
        explain="It is kept, and never applied.",
    )
    def discard(self, correction: UsageCorrection, act: Act) -> str:
        corrections.discard_correction(correction, act=act)
        return f"Discarded: {correction}."

    @operation(
        "Revert",
        permission=APPLY,
        icon="undo",
        when=lambda correction: correction.status == Status.APPLIED,
        variant=ActionVariant.DANGER,
        explain="The events count again as they did before, and the replacements count no more.",
    )
    def revert(self, correction: UsageCorrection, act: Act) -> str:
        corrections.revert_correction(correction, act=act)
        return f"Reverted: {correction}."

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        correction = self.thing_or_404(request, object_id)
        extra = {"correction": correction, **_looked_at(correction, act_of(request, "A look at what it would do."))}
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)


def _looked_at(correction: UsageCorrection, act: Act) -> dict[str, Any]:
    """What the page shows below the fields: the events, and the money while there is a choice left."""
    found = corrections.affected(correction)
    events = {event.pk: event for event in event_store().numbered([number for number, _ in found[:SAMPLE]])}
    shown: dict[str, Any] = {
        "covered": len(found),
        "sample": [
            (events[number], json_of(events[number].properties).decode())
            for number, _ in found[:SAMPLE]
            if number in events
        ],
        "replacements": correction.replacements[:SAMPLE],
        "is_open": correction.status in (Status.DRAFT, Status.APPLIED),
    }
    if shown["is_open"]:
        try:
            shown |= _money(preview(correction, act=act))
        except Refused as refusal:
            shown["refusal"] = str(refusal)
    return shown


def _money(found: Preview) -> dict[str, Any]:
    return {
        "preview": found,
        "rows": [effect_row(effect) for effect in found.effects],
        "totals": [amount_text(amount, currency) for currency, amount in found.totals.items()],
    }


def effect_row(effect: Effect) -> dict[str, Any]:
    """A line that comes to something else, as a table shows it."""
    currency = effect.contract.currency
    return {
        "contract": effect.contract,
        "contract_url": reverse("admin:contracts_contract_change", args=[effect.contract.pk]),
        "description": effect.description,
        "days": local_days(effect.period, effect.contract.time_zone),
        "unit": effect.unit,
        "quantity_before": grouped(effect.quantity_before),
        "quantity_after": grouped(effect.quantity_after),
        "quantity": grouped(effect.quantity),
        "amount_before": amount_text(effect.amount_before, currency),
        "amount_after": amount_text(effect.amount_after, currency),
        "amount": amount_text(effect.amount, currency),
    }
