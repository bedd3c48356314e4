"""CloudEvents 1.0 in JSON, and the usage events they are.

`source`, `id`, `type` and `time` (needed here) mean the same. The customer is the extension attribute `customer`, or
else `subject`, or else `data.customer`. `data`, a JSON object, is the properties. A `dataschema` that ends in `/v3`
names version 3 of the type's schema. Other attributes, such as those of tracing, are let by and not kept: they may
differ when an event is sent again.
"""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from metering.wire.events import Event, EventId, Path, Word, Wrong, objection

_JSON_TYPE = re.compile(r"(application|text)/([\w.+-]+\+)?json\s*(;.*)?", re.IGNORECASE)
_LONGEST_KEY = 120
_VERSION = re.compile(r"/v([1-9][0-9]{0,5})$", re.ASCII)


class CloudEvent(msgspec.Struct, frozen=True, gc=False):
    """What is read of one. An attribute that is null is not there, as the JSON format has it."""

    specversion: Literal["1.0"]
    id: EventId
    source: Word
    type: Word
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    subject: str | None = None
    customer: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    data: dict[str, Any] | None = None
    data_base64: Any = None


def event_of(cloud: CloudEvent) -> Event:
    """The usage event that it is, provided that `cloud_objection` has none."""
    return Event(
        id=cloud.id,
        type=cloud.type,
        time=cloud.time,
        customer_key=_customer(cloud)[1],
        properties=cloud.data or {},
        source=cloud.source,
        schema_version=_version(cloud.dataschema),
    )


def cloud_objection(cloud: CloudEvent, has_controls: bool = True) -> Wrong | None:
    """Why it cannot be taken, pointing into the CloudEvent."""
    if cloud.data_base64 is not None:
        return Wrong(("data_base64",), "Send `data` as a JSON object; binary data cannot be metered")
    if cloud.datacontenttype is not None and not _JSON_TYPE.fullmatch(cloud.datacontenttype):
        return Wrong(("datacontenttype",), "Only JSON data can be metered")
    place, key = _customer(cloud)
    if not isinstance(key, str) or not key:
        return Wrong(
            place, "Name the customer in `subject`, in an extension attribute `customer` or in `data.customer`"
        )
    if len(key) > _LONGEST_KEY:
        return Wrong(place, f"A customer's key has at most {_LONGEST_KEY} characters")
    wrong = objection(event_of(cloud), has_controls)
    if wrong is None:
        return None
    first, *rest = wrong.path
    moved: dict[str | int, Path] = {"properties": ("data",), "customer": place}
    return Wrong((*moved.get(first, (first,)), *rest), wrong.message)


def _version(dataschema: str | None) -> int | None:
    named = _VERSION.search(dataschema or "")
    return int(named[1]) if named else None


def _customer(cloud: CloudEvent) -> tuple[Path, Any]:
    if cloud.customer is not None:
        return ("customer",), cloud.customer
    if cloud.subject is not None or "customer" not in (cloud.data or {}):
        return ("subject",), cloud.subject
    return ("data", "customer"), (cloud.data or {})["customer"]
