"""Event types in the admin: what may be reported, what it must carry, and a place to try an event."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from governance import clock
from governance.acts import Refused, name_of
from governance.admin_base import GovernedAdmin, figure
from governance.doors import may
from metering.admin.json import pretty
from metering.admin.quarantine_forms import people
from metering.models import EventType, Meter
from metering.registry import examples
from metering.registry.registering import change_event_type, check_billable_when, publish_schema, register_event_type
from metering.registry.schemas import check_schema, check_units
from metering.registry.trying import tried

CHANGE = "metering.change_eventtype"
MONO = "font-family: ui-monospace, monospace; font-size: .8125rem"
COLOURS = {"quarantine": "info", "reject": "warning"}
WORDS = {"quarantine": "Quarantine", "reject": "Refuse"}


class JSONText(forms.JSONField):
    """JSON to edit as people write it; what `check` refuses is wrong."""

    def __init__(self, check: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check = check

    def prepare_value(self, value: Any) -> Any:
        return json.dumps(value, indent=2) if isinstance(value, dict) else super().prepare_value(value)

    def clean(self, value: Any) -> Any:
        found = super().clean(value) or {}
        return _checked(self.check, found)


def _checked(check: Any, value: Any) -> Any:
    try:
        check(value)
    except Refused as refusal:
        raise forms.ValidationError(str(refusal)) from None
    return value


def schema_field(widget: Any) -> JSONText:
    return JSONText(
        check_schema,
        label="Schema",
        required=False,
        widget=widget,
        help_text="JSON Schema (2020-12) of the properties. Empty: nothing is demanded.",
    )


def units_field(widget: Any) -> JSONText:
    return JSONText(
        check_units,
        label="Units",
        required=False,
        widget=widget,
        help_text='{"duration": "ms"}: an event that says otherwise in duration_unit is put aside.',
    )


class EventTypeForm(forms.ModelForm):
    """A type; with its first schema when it is new."""

    schema = schema_field(UnfoldAdminTextareaWidget(attrs={"rows": 12, "class": "font-mono", "spellcheck": "false"}))
    units = units_field(UnfoldAdminTextareaWidget(attrs={"rows": 2, "class": "font-mono", "spellcheck": "false"}))
    because = forms.CharField(
        label="Why?",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Kept in the history for good.",
    )

    class Meta:
        model = EventType
        fields = ["key", "name", "description", "owner", "on_invalid", "billable_when"]
        widgets = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 2})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "owner" in self.fields:
            self.fields["owner"].queryset = people()  # type: ignore[attr-defined]
            self.fields["owner"].label_from_instance = name_of  # type: ignore[attr-defined]

    def clean_billable_when(self) -> str:
        text: str = self.cleaned_data["billable_when"].strip()
        _checked(check_billable_when, text)
        return text


class SchemaForm(forms.Form):
    """The next version."""

    schema = schema_field(
        forms.Textarea(attrs={"class": "quoin-input", "style": MONO, "rows": 18, "spellcheck": "false"})
    )
    units = units_field(forms.Textarea(attrs={"class": "quoin-input", "style": MONO, "rows": 2, "spellcheck": "false"}))
    because = forms.CharField(
        label="Why?",
        widget=forms.Textarea(attrs={"class": "quoin-input", "rows": 2}),
        help_text="Kept in the history for good.",
    )


@admin.register(EventType)
class EventTypeAdmin(GovernedAdmin):
    """What may be reported. What must be carried is said by versions of a schema, which never change."""

    operations_for_saving = True
    form = EventTypeForm
    list_display = ["key", "name", "version", "shown_on_invalid", "billable", "owner"]
    list_filter = ["on_invalid", ("owner", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["owner"]
    search_fields = ["key", "name", "description"]
    change_form_outer_after_template = "metering/event_type.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[EventType]:
        return super().get_queryset(request).annotate(newest=Max("versions__number"))

    def get_readonly_fields(self, request: HttpRequest, obj: EventType | None = None) -> list[str]:
        return ["key"] if obj else []

    def get_fields(self, request: HttpRequest, obj: EventType | None = None) -> Any:
        fields = [("key", "name"), "description", ("owner", "on_invalid"), "billable_when"]
        if obj is not None and not self.has_change_permission(request, obj):
            return fields
        return [*fields, *([] if obj else ["schema", "units"]), "because"]

    @display(description="Version", ordering="newest")
    def version(self, event_type: Any) -> SafeString:
        return figure(f"{event_type.newest}")

    @display(description="If invalid", ordering="on_invalid", label=COLOURS)
    def shown_on_invalid(self, event_type: EventType) -> tuple[str, str]:
        return event_type.on_invalid, WORDS[event_type.on_invalid]

    @display(description="Billable when", ordering="billable_when")
    def billable(self, event_type: EventType) -> str:
        return event_type.billable_when or "always"

    def save_model(self, request: HttpRequest, obj: EventType, form: Any, change: bool) -> None:
        fields = dict(form.cleaned_data)
        act = self.act(request, fields.pop("because"))
        schema, units = fields.pop("schema", None), fields.pop("units", None)
        if change:
            change_event_type(obj, **fields, act=act)
        else:
            obj.pk = register_event_type(**fields, schema=schema, units=units, act=act).pk

    # ------------------------------------------------------------ its page
    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        event_type = self.thing_or_404(request, object_id)
        newest, *older = event_type.versions.order_by("-number")
        event = examples.event_for(event_type, newest, clock.now())
        extra = {
            **self._about(event_type),
            "version": newest,
            "rows": examples.rows_of(newest),
            "schema": pretty(newest.schema),
            "older": [(version, pretty(version.schema)) for version in older],
            "meters": Meter.objects.filter(event_type=event_type.key),
            "may_see_meters": may(request.user, "metering.view_meter"),
            "schema_url": self._url("schema", event_type) if may(request.user, CHANGE) else "",
            "tried": json.dumps(event, indent=2),
            "curl": examples.curl(request.build_absolute_uri("/api/v1/usage-events"), event),
            "cloud_event": json.dumps(examples.cloud_event(event, newest.number), indent=2),
        }
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        pages = {"try": self.try_view, "schema": self.schema_view}
        ours = [
            path(f"<uuid:object_id>/{name}/", self.admin_site.admin_view(view), name=f"metering_eventtype_{name}")
            for name, view in pages.items()
        ]
        return [*ours, *super().get_urls()]

    def try_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """What would become of the event that was typed; nothing is stored."""
        event_type = self._seen(request, object_id)
        at = clock.now()
        example = examples.event_for(event_type, event_type.versions.latest("number"), at)
        text = request.POST.get("event", "").strip()
        context = {
            **self._about(event_type),
            "title": "Try an event",
            "tried": text or json.dumps(example, indent=2),
            "verdict": tried(text, at=at) if text else None,
        }
        return render(request, "metering/event_type_page.html", self.admin_site.each_context(request) | context)

    def schema_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Publish the next version, starting from what the newest says."""
        event_type = self._seen(request, object_id)
        if not may(request.user, CHANGE, event_type):
            raise PermissionDenied
        newest = event_type.versions.latest("number")
        form = SchemaForm(request.POST or None, initial={"schema": newest.schema, "units": newest.units})
        if request.method == "POST" and form.is_valid():
            fields = dict(form.cleaned_data)
            act = self.act(request, fields.pop("because"))
            try:
                published = publish_schema(event_type, **fields, act=act)
                messages.success(request, f"Version {published.number} of {event_type} holds from now on.")
                return HttpResponseRedirect(self._url("change", event_type))
            except Refused as refusal:
                messages.error(request, str(refusal))
        context = {
            **self._about(event_type),
            "title": "New version",
            "form": form,
            "version": newest,
            "next": newest.number + 1,
        }
        return render(request, "metering/event_type_page.html", self.admin_site.each_context(request) | context)

    def _seen(self, request: HttpRequest, object_id: Any) -> EventType:
        event_type: EventType = self.thing_or_404(request, str(object_id))
        if not self.has_view_permission(request, event_type):
            raise PermissionDenied
        return event_type

    def _about(self, event_type: EventType) -> dict[str, Any]:
        return {"event_type": event_type, "opts": self.opts, "try_url": self._url("try", event_type)}

    def _url(self, page: str, event_type: EventType) -> str:
        return reverse(f"admin:metering_eventtype_{page}", args=[event_type.pk])
