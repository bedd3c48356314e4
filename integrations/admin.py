"""What goes out and what comes in; failures first, each with a way to try again."""

import json
from datetime import datetime

from django.contrib import admin
from django.db.models import Case, IntegerField, Value, When
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from governance.acts import Act
from governance.admin_base import GovernedAdmin, kind_of, operation, subject_link
from integrations import inbox, outbox
from integrations.models import Delivery, InboundMessage

DELIVERY_COLOURS = {"due": "info", "done": "success", "failed": "danger"}
MESSAGE_COLOURS = {"new": "info", "applied": "success", "ignored": "", "failed": "danger"}


# What needs somebody comes first, then what is under way, then the past.
BY_URGENCY = Case(
    When(status="failed", then=Value(0)),
    When(status__in=["due", "new"], then=Value(1)),
    default=Value(2),
    output_field=IntegerField(),
).asc()


@admin.register(Delivery)
class DeliveryAdmin(GovernedAdmin):
    """What each listener is owed. A failed one says why and can be tried again."""

    list_display = ["route", "happened", "shown_status", "attempts", "when", "outcome"]
    list_filter = ["status", "route"]
    search_fields = ["route", "change__name", "change__subject_id", "error", "note"]
    list_select_related = ["change"]
    ordering = [BY_URGENCY, "-id"]
    fields = [
        ("route", "status"),
        ("happened", "subject"),
        ("attempts", "when"),
        "note",
        "error",
    ]
    readonly_fields = ["happened", "subject", "when"]
    actions_detail = ["retry"]

    @display(description="Status", ordering="status", label=DELIVERY_COLOURS)
    def shown_status(self, delivery: Delivery) -> tuple[str, str]:
        return delivery.status, delivery.get_status_display()

    @display(description="Because of", ordering="change__id")
    def happened(self, delivery: Delivery) -> str:
        return f"{delivery.change.name}, {_moment(delivery.change.at)}"

    @display(description="When")
    def when(self, delivery: Delivery) -> str:
        if delivery.done_at:
            return _moment(delivery.done_at)
        return f"next {_moment(delivery.next_at)}" if delivery.status == Delivery.Status.DUE else "—"

    @display(description="About")
    def subject(self, delivery: Delivery) -> SafeString | str:
        kind, key = delivery.change.subject_type, delivery.change.subject_id
        return subject_link(kind, key, f"{kind_of(kind)} {key}")

    @display(description="Outcome")
    def outcome(self, delivery: Delivery) -> str:
        return (delivery.error or delivery.note or "—")[:160]

    @operation(
        "Try again",
        permission="integrations.retry_delivery",
        icon="replay",
        when=lambda delivery: delivery.status == Delivery.Status.FAILED,
        explain="It becomes due at once, with ten new attempts. What was done before is not done twice.",
    )
    def retry(self, delivery: Delivery, act: Act) -> str:
        outbox.retry(delivery, act=act)
        return "It is due again and will be delivered within seconds."


@admin.register(InboundMessage)
class InboundMessageAdmin(GovernedAdmin):
    """What other systems told us, as it came, and what it led to."""

    list_display = ["sender", "type", "message_id", "shown_status", "times_received", "received_at", "outcome"]
    list_filter = ["status", "sender", "type"]
    search_fields = ["message_id", "type", "error", "note"]
    ordering = [BY_URGENCY, "-id"]
    fields = [
        ("sender", "type", "message_id"),
        ("status", "times_received", "attempts"),
        ("received_at", "applied_at"),
        "note",
        "error",
        "shown_body",
    ]
    readonly_fields = ["shown_body"]
    actions_detail = ["retry"]

    @display(description="Status", ordering="status", label=MESSAGE_COLOURS)
    def shown_status(self, message: InboundMessage) -> tuple[str, str]:
        return message.status, message.get_status_display()

    @display(description="Outcome")
    def outcome(self, message: InboundMessage) -> str:
        return (message.error or message.note or "—")[:160]

    @display(description="Message")
    def shown_body(self, message: InboundMessage) -> SafeString:
        text = json.dumps(message.body, indent=2, ensure_ascii=False)
        return format_html('<pre style="white-space:pre-wrap;font-size:.8rem">{}</pre>', text)

    @operation(
        "Try again",
        permission="integrations.retry_delivery",
        icon="replay",
        when=lambda message: message.status in (InboundMessage.Status.FAILED, InboundMessage.Status.IGNORED),
        explain="It is looked at again within seconds. What it led to before is not done twice.",
    )
    def retry(self, message: InboundMessage, act: Act) -> str:
        inbox.retry(message, act=act)
        return "It will be looked at again within seconds."


def _moment(at: datetime) -> str:
    return f"{at:%-d %b %Y %H:%M}"
