"""Flags in the admin: what looks wrong with usage, the days around it, and what it turned out to be."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.enums import ActionVariant

from governance import clock
from governance.acts import Act
from governance.admin_base import GovernedAdmin, figure, operation, pill
from governance.admin_filters import OpenFirst
from metering.flags import operations as flags
from metering.flags.day_chart import day_chart
from metering.models import Meter, UsageFlag
from pricing.figures import grouped

RESOLVE = "metering.change_usageflag"
COLOURS = {"spike": "danger", "silence": "warning", "duplicates": "info", "skew": "info"}
WORDS = {"spike": "Spike", "silence": "Silence", "duplicates": "Duplicates", "skew": "Clock"}
DAYS_BEFORE, DAYS_AFTER = 28, 7


class Standing(OpenFirst):
    """What is open, unless somebody asks for the rest."""

    open_words = "Open"
    resolutions = (("resolved", "Resolved"),)

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows if self.value() == "all" else rows.filter(resolved_at__isnull=self.value() != "resolved")


def is_open(flag: UsageFlag) -> bool:
    return flag.resolved_at is None


@admin.register(UsageFlag)
class UsageFlagAdmin(GovernedAdmin):
    """Usage that looks wrong. Look at the days around it, say what it was, and what it held goes on."""

    list_display = ["shown_kind", "customer_key", "about", "day", "shown_seen", "shown_usual", "state"]
    list_display_links = ["shown_kind", "customer_key"]
    list_filter = [Standing, "kind", "meter_key"]
    search_fields = ["=customer_key", "=meter_key", "=source"]
    search_help_text = "The key of a customer or a meter, or the name of a source."
    ordering = ["-day", "-found_at", "customer_key", "meter_key"]
    readonly_fields = ["shown_kind", "about", "standing"]
    actions_detail = ["resolve"]
    change_form_outer_after_template = "metering/admin_flag.html"

    @display(description="What", ordering="kind", label=COLOURS)
    def shown_kind(self, flag: UsageFlag) -> tuple[str, str]:
        return flag.kind, WORDS[flag.kind]

    @display(description="Meter or source")
    def about(self, flag: UsageFlag) -> str:
        return flag.meter_key or flag.source

    @display(description="Seen", ordering="seen")
    def shown_seen(self, flag: UsageFlag) -> SafeString:
        return figure(f"{grouped(flag.seen)} s" if flag.kind == UsageFlag.Kind.SKEW else grouped(flag.seen))

    @display(description="Usual")
    def shown_usual(self, flag: UsageFlag) -> SafeString:
        return figure("—" if flag.kind == UsageFlag.Kind.SKEW else grouped(flag.usual))

    @display(description="State", label={"Open": "warning", "Resolved": "success"})
    def state(self, flag: UsageFlag) -> str:
        return "Open" if is_open(flag) else "Resolved"

    @display(description="State")
    def standing(self, flag: UsageFlag) -> SafeString:
        return pill(self.state(flag), "warning" if is_open(flag) else "success")

    @operation(
        "Resolve",
        permission=RESOLVE,
        icon="task_alt",
        when=is_open,
        variant=ActionVariant.PRIMARY,
        explain="Say what it was. It then holds no invoice any more.",
    )
    def resolve(self, flag: UsageFlag, act: Act) -> str:
        flags.resolve(flag, act=act)
        return "Resolved."

    def get_fields(self, request: HttpRequest, obj: UsageFlag | None = None) -> list[Any]:
        fields: list[Any] = [("customer_key", "about", "day"), "detail", ("standing", "found_at")]
        return fields if obj is None or is_open(obj) else [*fields, ("resolved_at", "resolved_by"), "because"]

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        flag = self.thing_or_404(request, object_id)
        extra = {"flag": flag, "title": flag.get_kind_display(), "chart": _chart(flag)}
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)


def _chart(flag: UsageFlag) -> SafeString:
    """The four weeks before the day and the week after it, of the meter; a source has no days of its own."""
    meter = Meter.objects.filter(key=flag.meter_key).first() if flag.meter_key else None
    if meter is None:
        return SafeString("")
    first = flag.day - timedelta(days=DAYS_BEFORE)
    last = max(flag.day, min(flag.day + timedelta(days=DAYS_AFTER), clock.now().date()))
    seen = flags.day_totals([flag.customer_key], [meter], first, last)[flag.customer_key, meter.key]
    days = [first + timedelta(days=place) for place in range((last - first).days + 1)]
    return day_chart(
        [(day, seen.get(day, Decimal(0))) for day in days], meter.unit, marked={flag.day}, usual=flag.usual
    )
