"""Outcomes in the admin: what counts as one, how they stand, and what is decided about them."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timeuntil
from unfold.decorators import display
from unfold.enums import ActionVariant

from governance import clock
from governance.acts import Act
from governance.admin_base import GovernedAdmin, figure, operation, pill, subject_link
from metering.admin.json import pretty
from metering.admin.links import trace_link
from metering.models import Outcome, OutcomeDefinition, OutcomeEntry
from metering.models.outcomes import OUTCOMES
from metering.outcomes import decisions
from metering.outcomes.definitions import define_outcome, revise_outcome
from metering.outcomes.forms import DefinitionForm, EvidenceForm
from metering.outcomes.queries import standing
from metering.outcomes.reports import Evidence
from pricing.figures import grouped

Status = Outcome.Status
COLOURS = {"provisional": "warning", "final": "success", "reversed": "", "disputed": "danger"}
ENTRY_COLOURS = {
    "reported": "info",
    "evidence": "info",
    "settled": "success",
    "reversed": "",
    "disputed": "danger",
    "upheld": "success",
}
DECIDE = "metering.change_outcome"
NEVER_CHANGES = ["key", "attribution_key", "scope", "counts_in"]


def is_standing(outcome: Outcome) -> bool:
    return outcome.status != Status.REVERSED


def is_disputable(outcome: Outcome) -> bool:
    return outcome.status in (Status.PROVISIONAL, Status.FINAL)


def is_disputed(outcome: Outcome) -> bool:
    return outcome.status == Status.DISPUTED


@admin.register(OutcomeDefinition)
class OutcomeDefinitionAdmin(GovernedAdmin):
    """What counts as a result, what it is about, and how long it may be called into question."""

    operations_for_saving = True
    form = DefinitionForm
    list_display = ["name", "event_type", "window", "evidence", "shown_provisional", "shown_final", "shown_disputed"]
    search_fields = ["key", "name", "attribution_key"]
    prepopulated_fields = {"key": ["name"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[OutcomeDefinition]:
        counts = {f"{status}_count": Count("outcomes", Q(outcomes__status=status)) for status in Status.values}
        return super().get_queryset(request).annotate(**counts)

    def get_readonly_fields(self, request: HttpRequest, obj: OutcomeDefinition | None = None) -> list[str]:
        return [*NEVER_CHANGES, "event_type"] if obj else []

    def get_prepopulated_fields(self, request: HttpRequest, obj: OutcomeDefinition | None = None) -> dict[str, Any]:
        return {} if obj else super().get_prepopulated_fields(request, obj)

    def get_fields(self, request: HttpRequest, obj: OutcomeDefinition | None = None) -> list[Any]:
        named = ("name", "key", "event_type") if obj else ("name", "key")
        fields: list[Any] = [
            named, "description", ("attribution_key", "scope"), ("settlement_hours", "counts_in"), "evidence_required",
        ]  # fmt: skip
        may_save = self.has_change_permission(request, obj) if obj else True
        return [*fields, "sources", "because"] if may_save else [*fields, "sources"]

    @display(description="Event type")
    def event_type(self, definition: OutcomeDefinition) -> str:
        return definition.event_type

    @display(description="Window", ordering="settlement_hours")
    def window(self, definition: OutcomeDefinition) -> SafeString:
        return figure(f"{definition.settlement_hours:,} h")

    @display(description="Evidence", ordering="evidence_required")
    def evidence(self, definition: OutcomeDefinition) -> str:
        return "Required" if definition.evidence_required else "Optional"

    @display(description="Provisional", ordering="provisional_count")
    def shown_provisional(self, definition: Any) -> SafeString:
        return _counted(definition, Status.PROVISIONAL, definition.provisional_count)

    @display(description="Final", ordering="final_count")
    def shown_final(self, definition: Any) -> SafeString:
        return _counted(definition, Status.FINAL, definition.final_count)

    @display(description="Disputed", ordering="disputed_count")
    def shown_disputed(self, definition: Any) -> SafeString:
        return _counted(definition, Status.DISPUTED, definition.disputed_count)

    def save_model(self, request: HttpRequest, obj: OutcomeDefinition, form: Any, change: bool) -> None:
        fields = dict(form.cleaned_data)
        act = self.act(request, fields.pop("because"))
        if change:
            revise_outcome(obj, **fields, act=act)
        else:
            obj.pk = define_outcome(**fields, act=act).pk


@admin.register(Outcome)
class OutcomeAdmin(GovernedAdmin):
    """Every result, what it is worth, and whether it stands. What was reported cannot be changed."""

    list_display = [
        "attribution",
        "definition",
        "customer_key",
        "status_label",
        "settling",
        "shown_value",
        "occurred_at",
    ]
    list_filter = ["status", "definition", "source"]
    list_select_related = ["definition"]
    search_fields = ["attribution__exact", "customer_key__exact"]
    search_help_text = "What it is about, exactly, or the key of a customer."
    ordering = ["-reported_at", "id"]
    fields = [
        ("shown_definition", "attribution", "customer_key"),
        ("state", "settling"),
        ("shown_value", "shown_confidence", "source"),
        ("occurred_at", "reported_at", "settles_at"),
        ("final_at", "counted_at", "billable"),
        "shown_properties",
    ]
    readonly_fields = [
        "shown_definition",
        "state",
        "settling",
        "shown_value",
        "shown_confidence",
        "billable",
        "shown_properties",
    ]
    actions_detail = ["attach", "dispute", "uphold", "reverse"]
    list_before_template = "metering/outcomes.html"
    change_form_outer_after_template = "metering/outcome.html"

    @display(description="Status", ordering="status", label=COLOURS)
    def status_label(self, outcome: Outcome) -> tuple[str, str]:
        return outcome.status, outcome.get_status_display()

    @display(description="Status")
    def state(self, outcome: Outcome) -> SafeString:
        return pill(outcome.get_status_display(), COLOURS[outcome.status])

    @display(description="Settles", ordering="settles_at")
    def settling(self, outcome: Outcome) -> str:
        return settling(outcome, clock.now())

    @display(description="Value", ordering="value")
    def shown_value(self, outcome: Outcome) -> SafeString:
        return figure("—" if outcome.value is None else grouped(outcome.value))

    @display(description="Confidence")
    def shown_confidence(self, outcome: Outcome) -> str:
        return "—" if outcome.confidence is None else grouped(outcome.confidence)

    @display(description="Definition")
    def shown_definition(self, outcome: Outcome) -> SafeString | str:
        definition = outcome.definition
        return subject_link("metering.outcomedefinition", str(definition.pk), definition.name)

    @display(description="Billable")
    def billable(self, outcome: Outcome) -> str:
        if outcome.counted_at is None:
            return "When it is final"
        return "Yes" if outcome.is_billable else f"No: {outcome.definition.event_type} says so"

    @display(description="Properties")
    def shown_properties(self, outcome: Outcome) -> SafeString | str:
        if not outcome.properties:
            return "none"
        return pretty(outcome.properties)

    @operation(
        "Attach evidence",
        permission=DECIDE,
        icon="attach_file",
        when=is_standing,
        form=EvidenceForm,
        explain="Where it can be seen that there was a result.",
    )
    def attach(self, outcome: Outcome, act: Act, url: str, hash: str, note: str) -> str:  # noqa: A002 - the field's name
        decisions.attach_evidence(outcome, Evidence(url, hash, note), act=act)
        return "The evidence is kept."

    @operation(
        "Dispute",
        permission=DECIDE,
        icon="gavel",
        when=is_disputable,
        explain="It does not become final meanwhile. What is final stays counted until the dispute is decided.",
    )
    def dispute(self, outcome: Outcome, act: Act) -> str:
        decisions.dispute(outcome, act=act)
        return f"Disputed: {outcome}."

    @operation(
        "Uphold",
        permission=DECIDE,
        icon="task_alt",
        when=is_disputed,
        variant=ActionVariant.SUCCESS,
        explain="The dispute is settled, and the outcome stands.",
    )
    def uphold(self, outcome: Outcome, act: Act) -> str:
        decisions.uphold(outcome, act=act)
        return f"Upheld: {outcome}."

    @operation(
        "Reverse",
        permission=DECIDE,
        icon="undo",
        when=is_standing,
        variant=ActionVariant.DANGER,
        explain="It was none after all. If it was counted, that is taken back in the same period; if it was billed, "
        "the next invoice has a negative line. This cannot be undone.",
    )
    def reverse(self, outcome: Outcome, act: Act) -> str:
        decisions.reverse(outcome, act=act)
        return f"Reversed: {outcome}."

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        whole, customers = standing(self.get_queryset(request))
        chosen = request.GET.get("status__exact", "")
        cards = [(status, label, whole.counts[status], status == chosen) for status, label in Status.choices]
        countdowns = [(key, each, _countdown(each.next_at)) for key, each in customers]
        extra = {"cards": cards, "customers": countdowns, "next": _countdown(whole.next_at), "total": whole.total}
        return super().changelist_view(request, extra | (extra_context or {}))

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        outcome = self.thing_or_404(request, object_id)
        extra = {"title": f"{outcome.definition.name}: {outcome.attribution}", "entries": _entries(outcome)}
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)


def settling(outcome: Outcome, at: datetime) -> str:
    """How far its settlement is, in words."""
    if outcome.status == Status.DISPUTED:
        return "When the dispute is decided"
    if outcome.status != Status.PROVISIONAL:
        return "—" if outcome.final_at is None else f"On {outcome.final_at:%-d %b %Y}"
    if outcome.settles_at > at:
        return f"In {timeuntil(outcome.settles_at, at, depth=1)}"
    return "Waits for evidence" if outcome.definition.evidence_required else "Any moment"


def _countdown(at: datetime | None) -> str:
    if at is None:
        return ""
    now = clock.now()
    return f"in {timeuntil(at, now, depth=1)}" if at > now else "any moment"


def _counted(definition: OutcomeDefinition, status: str, count: int) -> SafeString:
    if not count:
        return figure("0")
    asked = urlencode({"definition__id__exact": definition.pk, "status__exact": status})
    page = reverse("admin:metering_outcome_changelist")
    return format_html(
        '<span class="quoin-figure"><a class="font-medium text-primary-600 dark:text-primary-400" href="{}?{}">{}</a>'
        "</span>",
        page, asked, f"{count:,}",
    )  # fmt: skip


def _entries(outcome: Outcome) -> list[tuple[OutcomeEntry, str, SafeString | str]]:
    """What happened to it, newest first: each with its colour and where its usage event went."""
    return [
        (each, ENTRY_COLOURS[each.kind], trace_link(OUTCOMES, each.event_id) if each.event_id else "")
        for each in outcome.entries.order_by("-id")
    ]
