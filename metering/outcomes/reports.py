"""What is said about an outcome: the wire format of reports and evidence, and what is wrong with one."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from metering.wire.events import DECIMALS, WHOLE_DIGITS, Event, Wrong, exact_number, objection
from metering.wire.reading import Form

OWN = ("quantity", "value", "confidence", "source")
"""Properties that every outcome's event has, or may have; a report cannot name others so."""
MAX_EVIDENCE = 20
_HASH = re.compile(r"[0-9A-Za-z:+/=._-]{1,128}")
_CONFIDENCE = re.compile(r"0(\.[0-9]{1,4})?|1(\.0{1,4})?")
_URL = re.compile(r"https?://[^\s<>\"'\\]{1,490}", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

Key = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
Attribution = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where it can be seen that there was a result: an address, or the hash of a document, and words about it."""

    url: Annotated[str, msgspec.Meta(max_length=500)] = ""
    hash: Annotated[str, msgspec.Meta(max_length=128)] = ""
    note: Annotated[str, msgspec.Meta(max_length=2000)] = ""

    def wrong(self) -> Wrong | None:
        """What cannot be kept, or shown as a link."""
        if not self.url and not self.hash:
            return Wrong((), "Give a url or a hash")
        if self.url and not _URL.fullmatch(self.url):
            return Wrong(("url",), "An address begins with http:// or https:// and holds no spaces or quotes")
        if self.hash and not _HASH.fullmatch(self.hash):
            return Wrong(("hash",), "A hash is letters and digits, perhaps with the name of its kind: sha256:…")
        return Wrong(("note",), "Control characters are not allowed") if _CONTROL.search(self.note) else None


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One result as reported. `attribution` is what it is about: the value of the definition's attribution key.

    Numbers in `properties` are int or Decimal, never float.
    """

    outcome: Key
    customer_key: Word = msgspec.field(name="customer")
    attribution: Attribution
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    value: Decimal | None = None
    confidence: Decimal | None = None
    source: Literal["vendor", "customer", "third_party"] = "vendor"
    properties: dict[str, Any] = {}
    evidence: Annotated[list[Evidence], msgspec.Meta(max_length=MAX_EVIDENCE)] = []


def report_objection(report: Report, has_controls: bool = True) -> Wrong | None:
    """What the types cannot say."""
    if wrong := objection(_as_event(report), has_controls):
        return Wrong((_FIELDS.get(wrong.path[0], wrong.path[0]), *wrong.path[1:]), wrong.message)
    if taken := next((name for name in OWN if name in report.properties), None):
        return Wrong(("properties", taken), f"Every outcome has its own {taken}; give this property another name")
    if report.value is not None and (wrong := _number(report.value, "value")):
        return wrong
    if report.confidence is not None and not _CONFIDENCE.fullmatch(format(report.confidence, "f")):
        return Wrong(("confidence",), "A confidence is between 0 and 1, with at most four decimals")
    for index, evidence in enumerate(report.evidence):
        if wrong := evidence.wrong():
            return Wrong(("evidence", index, *wrong.path), wrong.message)
    return None


FORM = Form(
    "one or array",
    "a JSON array of outcomes, or one outcome as a JSON object",
    msgspec.json.Decoder(Report, float_hook=exact_number),
    msgspec.json.Decoder(list[Report], float_hook=exact_number),
    report_objection,
    noun="outcome",
)
_FIELDS: dict[str | int, str] = {"type": "outcome", "id": "attribution"}


def _as_event(report: Report) -> Event:
    """It stands in for the outcome where the rules for events are those for reports."""
    return Event(report.attribution, report.outcome, report.time, report.customer_key, report.properties)


def _number(number: Decimal, field: str) -> Wrong | None:
    if number.is_finite() and number.adjusted() < WHOLE_DIGITS and int(number.as_tuple().exponent) >= -DECIMALS:
        return None
    return Wrong((field,), f"A number has at most {WHOLE_DIGITS} digits before and {DECIMALS} after the point")
