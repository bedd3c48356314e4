"""Shapes of traces and of coverage in the API."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from contracts.schema import MoneyField
from insights.billed import BilledLine
from insights.coverage import DAYS, MOST_DAYS, Coverage
from insights.trace import InContract, OfMeter, OfProduct, Trace
from pricing.money import Money, plain

Shape = serializers.Serializer[Any]
VERDICTS = ["counted", "not_billable", "void", "quarantined", "dismissed", "retired", "unknown"]


class TraceIn(Shape):
    id = serializers.CharField(max_length=200, help_text="the event's id")
    source = serializers.CharField(max_length=120, required=False, help_text="if several sources use the id")  # type: ignore[assignment] # DRF's Field has one of its own


class TraceLineOut(Shape):
    invoice = serializers.CharField(allow_null=True, help_text="its number, null for a draft")
    status = serializers.CharField()
    description = serializers.CharField()
    quantity = serializers.CharField()
    amount = MoneyField()


class TraceContractOut(Shape):
    contract = serializers.CharField(help_text="its number")
    pinned_version = serializers.CharField(allow_null=True, help_text="null: it follows its rate card")
    price = serializers.CharField(allow_null=True, help_text="the price in force for the event, in words")
    price_source = serializers.CharField(allow_null=True, help_text="the rate card version or override it stands in")
    list_price = serializers.CharField(allow_null=True, help_text="where an override acts on it")
    period_start = serializers.DateTimeField(allow_null=True)
    period_end = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)
    lines = TraceLineOut(many=True)
    why_not = serializers.CharField(help_text="why nothing bills it, or what is still to come; may be empty")


class TraceProductOut(Shape):
    product = serializers.CharField()
    contracts = TraceContractOut(many=True)
    why_not = serializers.CharField()


class TraceMeterOut(Shape):
    meter = serializers.CharField()
    value = serializers.CharField(allow_null=True, help_text="what the event adds; null: nothing")
    why = serializers.CharField()
    products = TraceProductOut(many=True)
    why_not = serializers.CharField()


class TraceQuarantineOut(Shape):
    reason = serializers.CharField()
    detail = serializers.CharField()
    resolution = serializers.CharField(help_text="empty while it waits")
    received_at = serializers.DateTimeField()


class TraceOut(Shape):
    id = serializers.CharField()
    source = serializers.CharField(allow_null=True)  # type: ignore[assignment] # as above
    sources = serializers.ListField(child=serializers.CharField(), help_text="who reported an event under this id")
    verdict = serializers.ChoiceField([*VERDICTS, "ambiguous"])
    type = serializers.CharField(allow_null=True)
    customer = serializers.CharField(allow_null=True)
    reported_as = serializers.CharField(allow_null=True, help_text="the alias it was reported under")
    time = serializers.DateTimeField(allow_null=True)
    stored_at = serializers.DateTimeField(allow_null=True)
    batch = serializers.IntegerField(allow_null=True)
    is_billable = serializers.BooleanField(allow_null=True)
    billable_when = serializers.CharField(allow_null=True, help_text="the rule of its type")
    void_by = serializers.CharField(allow_null=True, help_text="the correction that made it void")
    quarantine = TraceQuarantineOut(many=True)
    meters = TraceMeterOut(many=True)


class CoverageIn(Shape):
    days = serializers.IntegerField(min_value=1, max_value=MOST_DAYS, default=DAYS)


class UnmeteredOut(Shape):
    type = serializers.CharField()
    is_registered = serializers.BooleanField()
    events = serializers.IntegerField()
    last_at = serializers.DateTimeField(allow_null=True)


class UnsoldOut(Shape):
    meter = serializers.CharField()
    is_used = serializers.BooleanField()


class OnlyRefusedOut(Shape):
    type = serializers.CharField()
    events = serializers.IntegerField()
    reasons = serializers.CharField()
    last_at = serializers.DateTimeField()


class SilentOut(Shape):
    customer = serializers.CharField()
    contracts = serializers.ListField(child=serializers.CharField())


class CoverageOut(Shape):
    days = serializers.IntegerField()
    since = serializers.DateTimeField()
    gaps = serializers.IntegerField(help_text="0: everything is connected")
    products_without_events = serializers.ListField(child=serializers.CharField())
    event_types_without_meter = UnmeteredOut(many=True)
    meters_without_product = UnsoldOut(many=True)
    event_types_only_in_quarantine = OnlyRefusedOut(many=True)
    customers_without_usage = SilentOut(many=True, allow_null=True)


def trace_shape(event_id: str, sources: list[str], trace: Trace | None) -> dict[str, Any]:
    """Without a trace: nobody, or several sources, used this id."""
    event, type_ = (trace.event, trace.type) if trace else (None, None)
    return {
        "id": event_id,
        "source": trace.source if trace else None,
        "sources": sources,
        "verdict": trace.verdict if trace else "ambiguous" if sources else "unknown",
        "type": event.type if event else None,
        "customer": event.customer_key if event else None,
        "reported_as": event.alias or None if event else None,
        "time": event.occurred_at if event else None,
        "stored_at": trace.batch.stored_at if trace and trace.batch else None,
        "batch": event.batch_id if event else None,
        "is_billable": event.is_billable if event else None,
        "billable_when": type_.billable_when or None if type_ else None,
        "void_by": str(trace.void.correction) if trace and trace.void else None,
        "quarantine": [
            {name: getattr(each, name) for name in ("reason", "detail", "resolution", "received_at")}
            for each in (trace.quarantined if trace else ())
        ],
        "meters": [_meter(each) for each in (trace.meters if trace else ())],
    }


def coverage_shape(found: Coverage) -> dict[str, Any]:
    return {
        "days": found.days,
        "since": found.since,
        "gaps": found.gaps,
        "products_without_events": [product.key for product in found.silent_products],
        "event_types_without_meter": [
            {"type": each.key, "is_registered": each.is_registered, "events": each.events, "last_at": each.last_at}
            for each in found.unmetered_types
        ],
        "meters_without_product": [{"meter": meter.key, "is_used": is_used} for meter, is_used in found.unsold_meters],
        "event_types_only_in_quarantine": [
            {"type": each.key, "events": each.events, "reasons": each.reasons, "last_at": each.last_at}
            for each in found.refused_types
        ],
        "customers_without_usage": None
        if found.silent_customers is None
        else [
            {"customer": customer.key, "contracts": [contract.number for contract in contracts]}
            for customer, contracts in found.silent_customers
        ],
    }


def _meter(of: OfMeter) -> dict[str, Any]:
    value = of.counted.value
    return {
        "meter": of.meter.key,
        "value": plain(value) if isinstance(value, Decimal) else value,
        "why": of.counted.why,
        "products": [_product(each) for each in of.products],
        "why_not": of.why_not,
    }


def _product(of: OfProduct) -> dict[str, Any]:
    return {
        "product": of.product.key,
        "contracts": [_contract(each) for each in of.contracts],
        "why_not": of.why_not,
    }


def _contract(under: InContract) -> dict[str, Any]:
    where, billed, pinned = under.placed, under.billed, under.contract.pinned_version
    return {
        "contract": under.contract.number,
        "pinned_version": str(pinned) if pinned is not None else None,
        "price": where.sentence if where else None,
        "price_source": where.price.source if where else None,
        "list_price": where.listed or None if where else None,
        "period_start": where.period.start if where else None,
        "period_end": where.period.end if where else None,
        "due_at": where.due_at if where else None,
        "lines": [_line(line) for line in (billed.lines if billed else ())],
        "why_not": under.why_not or (billed.why_not if billed else ""),
    }


def _line(billed: BilledLine) -> dict[str, Any]:
    line, invoice = billed.line, billed.invoice
    return {
        "invoice": invoice.number,
        "status": invoice.status,
        "description": line.description,
        "quantity": plain(line.quantity),
        "amount": Money(line.amount, invoice.currency).as_json(),
    }
