"""What the API's schema says about usage: the shapes of requests and answers, with examples."""

from typing import Any

from rest_framework import serializers

from metering.models import QuarantinedEvent
from metering.wire.events import MAX_BYTES, MAX_EVENT_BYTES, MAX_EVENTS


class UsageEventIn(serializers.Serializer[Any]):
    """One reported fact. Numbers may be JSON numbers or decimal strings; both are kept exactly."""

    id = serializers.CharField(max_length=200, help_text="Yours. Sending the same id again never counts twice.")
    type = serializers.CharField(max_length=120, help_text="What happened; meters count by it.")
    time = serializers.DateTimeField(help_text="When it happened, RFC 3339 with an offset.")
    customer = serializers.CharField(max_length=120, help_text="The customer's key.")
    properties = serializers.DictField(required=False, help_text="What meters add up and filter by.")
    source = serializers.CharField(  # type: ignore[assignment] # DRF's Field has one of its own
        max_length=120, required=False, help_text="Who reports it; the API key's name unless given."
    )


class CloudEventIn(serializers.Serializer[Any]):
    """A CloudEvent 1.0 that reports usage."""

    specversion = serializers.ChoiceField(["1.0"])
    id = serializers.CharField(max_length=200)
    source = serializers.CharField(max_length=120)  # type: ignore[assignment] # DRF's Field has one of its own
    type = serializers.CharField(max_length=120, help_text="What happened; meters count by it.")
    time = serializers.DateTimeField(help_text="When it happened, RFC 3339 with an offset.")
    subject = serializers.CharField(max_length=120, required=False, help_text="The customer's key.")
    customer = serializers.CharField(
        max_length=120, required=False, help_text="The customer's key, where the subject is something else."
    )
    data = serializers.DictField(  # type: ignore[assignment] # and so has its Serializer
        required=False, help_text="The properties that meters add up and filter by."
    )


class UsageVerdictOut(serializers.Serializer[Any]):
    id = serializers.CharField()
    outcome = serializers.ChoiceField(["accepted", "duplicate", "conflict", "quarantined"])
    reason = serializers.ChoiceField(QuarantinedEvent.Reason.choices, required=False)
    detail = serializers.CharField(required=False)


class UsageVerdictsOut(serializers.Serializer[Any]):
    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    conflicts = serializers.IntegerField()
    quarantined = serializers.IntegerField()
    events = UsageVerdictOut(many=True)


class UsageProblemOut(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="Which event, counted from 0.")
    pointer = serializers.CharField(help_text="A JSON pointer (RFC 6901) to what is wrong in the body.")
    message = serializers.CharField()


class UsageRefusalOut(serializers.Serializer[Any]):
    detail = serializers.CharField()
    errors = UsageProblemOut(many=True, required=False)  # type: ignore[assignment]


class UsageUnavailableOut(serializers.Serializer[Any]):
    detail = serializers.CharField()


class UsageFoundEventOut(UsageEventIn):
    outcome = serializers.ChoiceField(["accepted", "quarantined"])
    reason = serializers.ChoiceField(QuarantinedEvent.Reason.choices, required=False)
    detail = serializers.CharField(required=False)
    resolution = serializers.CharField(required=False)
    received_at = serializers.DateTimeField()


class UsageFoundOut(serializers.Serializer[Any]):
    events = UsageFoundEventOut(many=True)


class TallyOut(serializers.Serializer[Any]):
    events = serializers.IntegerField()
    quantity = serializers.CharField(
        allow_null=True, help_text="What they add up to; null where a meter does not add up, as of a highest value."
    )


class MeterUsageOut(serializers.Serializer[Any]):
    meter = serializers.CharField()
    unit = serializers.CharField()
    quantity = serializers.CharField(help_text="An exact decimal: what is billed by.")
    billable = TallyOut(required=False)
    not_billable = TallyOut(required=False)
    all = TallyOut(required=False, help_text="Asked apart; always the sum of both.")


class UsageOut(serializers.Serializer[Any]):
    customer = serializers.CharField()
    usage = MeterUsageOut(many=True)


EVENT = {
    "id": "req-7f3a",
    "type": "llm.request",
    "time": "2026-11-24T09:30:00.123Z",
    "customer": "contoso",
    "properties": {"input_tokens": 374, "output_tokens": 44, "region": "eu"},
}
CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "req-7f3a",
    "source": "/gateways/eu-1",
    "type": "llm.request",
    "time": "2026-11-24T09:30:00.123Z",
    "subject": "contoso",
    "data": {"input_tokens": 374, "output_tokens": 44, "region": "eu"},
}
VERDICTS = {
    "accepted": 1,
    "duplicates": 0,
    "conflicts": 0,
    "quarantined": 1,
    "events": [
        {"id": "req-7f3a", "outcome": "accepted"},
        {
            "id": "req-7f3b",
            "outcome": "quarantined",
            "reason": "unknown_customer",
            "detail": "No customer has the key 'contosso'.",
        },
    ],
}
REFUSAL = {
    "detail": "1 of 2 events cannot be read; nothing was stored.",
    "errors": [{"index": 1, "pointer": "/1/time", "message": "Invalid RFC3339 encoded datetime"}],
}
UNAVAILABLE = {"detail": "The database does not answer at the moment; nothing was acknowledged. Please send it again."}
TOO_MANY = {"detail": "You have too many requests under way at once; nothing was acknowledged. Please send it again."}
REPORTING = (
    f"One event or many, up to {MAX_EVENTS:,} and {MAX_BYTES // 1024**2} MB unpacked, and {MAX_EVENT_BYTES // 1024} kB "
    "an event. JSON (one or an array), one event a line (`application/x-ndjson`), or CloudEvents 1.0, one or a batch; "
    "packed with gzip or zstd if you say so in `Content-Encoding`. The answer comes after the events are stored for "
    "good and says what became of each, in order. Send a batch again whenever in doubt: an id of a source counts once, "
    "for ever. A malformed event refuses the whole request, and the answer points at it and its field (RFC 6901). "
    "429 (too many requests of yours are under way at once) and 503 mean that nothing was acknowledged: send it again "
    "after `Retry-After` seconds.\n\n"
    "The customer of a CloudEvent is its extension attribute `customer`, or else `subject`, or else `data.customer`; "
    "`time` is needed, `data` is a JSON object and becomes the properties, other attributes are not kept."
)
