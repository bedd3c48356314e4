"""Quarantine in the admin: what waits, for whom and for how much; one by one, or many by the filters of the list."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from unfold.decorators import display
from unfold.enums import ActionVariant

from governance import clock
from governance.acts import Act, name_of
from governance.admin_base import GovernedAdmin, amount_words, link, money, operation
from governance.doors import may
from metering.admin.json import pretty
from metering.admin.links import trace_link
from metering.admin.quarantine_forms import REPLAY, DealForm, HandOverForm, Waiting, Whose
from metering.models import QuarantinedEvent
from metering.quarantine import operations as quarantine
from metering.quarantine.piles import Pile, piles, whole

STATE_COLOURS = {"": "warning", "counted": "success", "dismissed": "info"}
Reason = QuarantinedEvent.Reason


def _is_waiting(event: QuarantinedEvent) -> bool:
    return event.resolved_at is None


def _is_not_counted(event: QuarantinedEvent) -> bool:
    return event.resolution != QuarantinedEvent.Resolution.COUNTED


@admin.register(QuarantinedEvent)
class QuarantinedEventAdmin(GovernedAdmin):
    """Events that could not be counted. Put right what was wrong and replay them, or dismiss them."""

    list_display = ["event_id", "source", "shown_reason", "detail", "whose", "worth", "received_at", "shown_resolution"]
    list_filter = [Waiting, Whose, "reason", "source"]
    list_select_related = ["owner"]
    list_before_template = "metering/quarantine.html"
    search_fields = ["=event_id", "=body__customer", "=body__type"]
    search_help_text = "The exact id of an event, the key of a customer, or a type."
    ordering = ["-id"]
    fields = [
        ("source", "event_id"),
        ("reason", "received_at"),
        "detail",
        "remedy",
        "shown_body",
        ("owner", "shown_worth"),
        ("state", "decided", "traced"),
    ]
    readonly_fields = ["remedy", "shown_body", "shown_worth", "state", "decided", "traced"]
    actions_detail = ["replay", "dismiss", "hand_over"]

    @display(description="Reason", ordering="reason")
    def shown_reason(self, event: QuarantinedEvent) -> str:
        return event.get_reason_display()

    @display(description="Owner", ordering="owner__username")
    def whose(self, event: QuarantinedEvent) -> str:
        return name_of(event.owner) if event.owner else "nobody"

    @display(description="At risk", ordering="at_risk")
    def worth(self, event: QuarantinedEvent) -> SafeString:
        return money(event.at_risk, event.at_risk_currency or "USD")

    @display(description="State", ordering="resolution", label=STATE_COLOURS)
    def shown_resolution(self, event: QuarantinedEvent) -> tuple[str, str]:
        return event.resolution, self.state(event)

    @display(description="Trace")
    def traced(self, event: QuarantinedEvent) -> SafeString:
        return trace_link(event.source, event.event_id)

    @display(description="State")
    def state(self, event: QuarantinedEvent) -> str:
        return event.get_resolution_display() or "Waiting"

    @display(description="Decided")
    def decided(self, event: QuarantinedEvent) -> str:
        if event.resolved_at is None:
            return ""
        by = event.resolved_in
        when = f"{event.resolved_at:%Y-%m-%d %H:%M} UTC"
        return f"{when} by {by.by_name}: {by.because}" if by is not None else when

    @display(description="As reported")
    def shown_body(self, event: QuarantinedEvent) -> SafeString:
        return pretty(event.body)

    @display(description="At risk")
    def shown_worth(self, event: QuarantinedEvent) -> str:
        if event.estimated_at is None:
            return "Not estimated yet"
        ago = f"estimated {timesince(event.estimated_at, clock.now())} ago"
        if event.at_risk is None:
            return f"Unknown: no meter counts it, or no price is known for it ({ago})"
        return f"About {amount_words(event.at_risk, event.at_risk_currency)} ({ago})"

    @display(description="How to put it right")
    def remedy(self, event: QuarantinedEvent) -> SafeString | str:
        """The page on which the cause can be mended."""
        type_key, customer = event.body.get("type", ""), event.body.get("customer", "")
        if event.reason == Reason.UNKNOWN_CUSTOMER:
            url = f"{reverse('admin:metering_customeralias_add')}?{urlencode({'key': customer})}"
            return link(url, f"Say whose {customer} is: define an alias")
        if event.reason == Reason.UNKNOWN_TYPE:
            url = f"{reverse('admin:metering_eventtype_add')}?{urlencode({'key': type_key})}"
            return link(url, f"Register {type_key}, and replay it")
        if event.reason in (Reason.INVALID, Reason.WRONG_UNIT, Reason.MISSING_PROPERTY):
            url = f"{reverse('admin:metering_eventtype_changelist')}?{urlencode({'q': type_key})}"
            return link(url, f"Look at what {type_key} demands, or have the sender send it right under another id")
        if event.reason == Reason.CONFLICT:
            return "Another body is counted under this id. Dismiss it, or have it sent under an id of its own."
        return "Replay it once its time has come; lateness is forgiven to whom a person replays."

    @operation(
        "Replay",
        permission=REPLAY,
        icon="replay",
        when=_is_not_counted,
        variant=ActionVariant.SUCCESS,
        explain="Counts the event in its own period, if nothing stands against it any more.",
    )
    def replay(self, event: QuarantinedEvent, act: Act) -> str:
        quarantine.replay(event, act=act)
        return f"Counted: {event.event_id}."

    @operation(
        "Dismiss",
        permission=REPLAY,
        icon="block",
        when=_is_waiting,
        variant=ActionVariant.DANGER,
        explain="The event is kept, but not counted. It can still be replayed.",
    )
    def dismiss(self, event: QuarantinedEvent, act: Act) -> str:
        quarantine.dismiss(event, act=act)
        return f"Dismissed: {event.event_id}."

    @operation("Hand over", permission=REPLAY, icon="person", when=_is_waiting, form=HandOverForm)
    def hand_over(self, event: QuarantinedEvent, act: Act, to: User | None) -> str:
        quarantine.hand_over(QuarantinedEvent.objects.filter(pk=event.pk), to=to, act=act)
        return f"{event.event_id} is {name_of(to)}'s now." if to else f"{event.event_id} is nobody's now."

    # ------------------------------------------------------------ all that the list shows
    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        try:
            found = piles(self._shown(request)) if self.has_view_permission(request) else []
        except IncorrectLookupParameters:
            found = []  # the list itself says so
        told = _told(found)
        for pile, row in zip(found, told["piles"], strict=True):
            row["url"] = self._list(request, reason__exact=pile.reason, owner=pile.owner_id or "nobody")
        may_deal = bool(found) and may(request.user, REPLAY)
        deal = reverse("admin:metering_quarantinedevent_deal") + _query(request)
        extra = {**told, "deal_url": deal if may_deal else "", **(extra_context or {})}
        return super().changelist_view(request, extra_context=extra)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.deal_view)
        return [path("deal/", view, name="metering_quarantinedevent_deal"), *super().get_urls()]

    def deal_view(self, request: HttpRequest) -> HttpResponse:
        """Replay, dismiss or hand over whatever waits and fits the filters of the list, which are in the query."""
        if not may(request.user, REPLAY):
            raise PermissionDenied
        try:
            rows = self._shown(request).filter(resolved_at=None)
        except IncorrectLookupParameters:
            raise Http404 from None
        form = DealForm(request.POST or None)
        list_url = reverse("admin:metering_quarantinedevent_changelist") + _query(request)
        if request.method == "POST" and form.is_valid():
            messages.success(request, _dealt(rows, act=self.act(request, form.cleaned_data["because"]), form=form))
            return HttpResponseRedirect(list_url)
        context = {
            **self.admin_site.each_context(request),
            **_told(piles(rows)),
            "title": "Deal with many",
            "opts": self.opts,
            "form": form,
            "list_url": list_url,
        }
        return render(request, "metering/quarantine_deal.html", context)

    def _shown(self, request: HttpRequest) -> QuerySet[QuarantinedEvent]:
        """What the list shows by its filters and its search, on all of its pages."""
        rows: QuerySet[QuarantinedEvent] = self.get_changelist_instance(request).get_queryset(request)
        return rows.order_by()

    def _list(self, request: HttpRequest, **filters: Any) -> str:
        return f"{reverse('admin:metering_quarantinedevent_changelist')}?{urlencode(request.GET.dict() | filters)}"


def _dealt(rows: QuerySet[QuarantinedEvent], *, act: Act, form: DealForm) -> str:
    # By id, so that what is decided is what was chosen, and joins of the filters do not come between.
    waiting = QuarantinedEvent.objects.filter(pk__in=rows.values("pk"))
    match form.cleaned_data["deed"]:
        case "replay":
            return quarantine.replay_waiting(waiting, act=act).words
        case "dismiss":
            return f"{quarantine.dismiss_waiting(waiting, act=act):,} dismissed."
        case _:
            to = form.cleaned_data["to"]
            count = quarantine.hand_over(waiting, to=to, act=act)
            return f"{count:,} handed over to {name_of(to) if to else 'nobody'}."


def _told(found: list[Pile]) -> dict[str, Any]:
    together = whole(found)
    return {
        "piles": [_row(pile) for pile in found],
        "waiting": together,
        "worth": worth_of(together),
        "unknown_words": _unknown(together),
    }


def _row(pile: Pile) -> dict[str, Any]:
    return {
        "reason_words": pile.reason_words,
        "owner": pile.owner,
        "events": pile.events,
        "worth": worth_of(pile),
        "unknown": pile.unknown,
        "unknown_words": _unknown(pile),
    }


def worth_of(pile: Pile) -> str:
    """$1,234.50 and €3.00; empty where nothing is known."""
    return " and ".join(amount_words(each.amount, each.currency) for each in pile.money)


def _unknown(pile: Pile) -> str:
    return f"{pile.unknown:,} of unknown worth" if pile.unknown else ""


def _query(request: HttpRequest) -> str:
    return f"?{request.GET.urlencode()}" if request.GET else ""
