"""What the fake Salesforce knows of its objects: their fields, and what a field takes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any


class SalesforceRefusal(Exception):
    """Becomes `[{"errorCode": ..., "message": ...}]` with this status."""

    def __init__(self, code: str, message: str, *, status: int = 400, fields: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"message": message, "errorCode": code}
        if status == 400:
            self.error["fields"] = list(fields)


@dataclass(frozen=True)
class Field:
    """`kind` is Salesforce's type; `length` bounds texts, `digits` (before, after the point) bounds numbers."""

    name: str
    kind: str = "string"
    length: int = 255
    digits: tuple[int, int] = (16, 2)
    required: bool = False
    values: tuple[str, ...] = ()
    written: bool = True
    external: bool = False

    def read(self, value: Any) -> Any:
        """`value` as Salesforce keeps it, or a refusal in its words."""
        if value is None:
            if self.required:
                raise self._missing()
            return None
        if self.kind in ("currency", "double"):
            return self._number(value)
        if not isinstance(value, str):
            raise self._unreadable(value, "string")
        if self.kind == "date":
            return self._date(value)
        return self._text(value)

    def _number(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._unreadable(value, "double")
        if abs(value) >= 10 ** self.digits[0]:
            text = f"{self.name}: value outside of valid range on numeric field: {value}"
            raise SalesforceRefusal("NUMBER_OUTSIDE_VALID_RANGE", text, fields=(self.name,))
        return round(value, self.digits[1])

    def _date(self, value: str) -> str:
        try:
            if not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
                raise ValueError
            return date.fromisoformat(value).isoformat()
        except ValueError:
            raise self._unreadable(value, "date") from None

    def _text(self, value: str) -> str | None:
        text = value.strip()
        if not text and self.required:
            raise self._missing()
        if len(text) > self.length:
            message = f"{self.name}: data value too large: {text[:80]} (max length={self.length})"
            raise SalesforceRefusal("STRING_TOO_LONG", message, fields=(self.name,))
        if self.values and text not in self.values:
            message = f"{self.name}: bad value for restricted picklist field: {text}"
            raise SalesforceRefusal("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, fields=(self.name,))
        return text or None

    def _missing(self) -> SalesforceRefusal:
        message = f"Required fields are missing: [{self.name}]"
        return SalesforceRefusal("REQUIRED_FIELD_MISSING", message, fields=(self.name,))

    def _unreadable(self, value: Any, kind: str) -> SalesforceRefusal:
        message = f"Cannot deserialize instance of {kind} from {type(value).__name__} value {value}"
        return SalesforceRefusal("JSON_PARSER_ERROR", message)


STAGES = (
    "Prospecting",
    "Qualification",
    "Needs Analysis",
    "Value Proposition",
    "Proposal/Price Quote",
    "Negotiation/Review",
    "Closed Won",
    "Closed Lost",
)
_PROBABILITY = dict(zip(STAGES, (10, 10, 20, 50, 75, 90, 100, 0), strict=True))
_STAMPS = ("CreatedDate", "LastModifiedDate", "SystemModstamp")


def _system() -> Iterator[Field]:
    yield Field("Id", "id", written=False)
    for name in _STAMPS:
        yield Field(name, "datetime", written=False)
    yield Field("Quoin_Id__c", length=64, external=True)


SCHEMA: dict[str, dict[str, Field]] = {
    "Account": {
        field.name: field
        for field in (
            *_system(),
            Field("Name", required=True),
            Field("BillingStreet", "textarea"),
            Field("BillingCity", length=40),
            Field("BillingState", length=80),
            Field("BillingPostalCode", length=20),
            Field("BillingCountry", length=80),
            Field("Phone", "phone", length=40),
            Field("Website", "url"),
            Field("Description", "textarea", length=32_000),
        )
    },
    "Opportunity": {
        field.name: field
        for field in (
            *_system(),
            Field("Name", length=120, required=True),
            Field("AccountId", "reference", length=18),
            Field("StageName", "picklist", required=True, values=STAGES),
            Field("CloseDate", "date", required=True),
            Field("Amount", "currency"),
            Field("Description", "textarea", length=32_000),
            Field("IsClosed", "boolean", written=False),
            Field("IsWon", "boolean", written=False),
            Field("Probability", "percent", written=False),
            Field("Quoin_Quote_Number__c", length=40),
            Field("Quoin_Annual_Amount__c", "currency"),
            Field("Quoin_Commit_Amount__c", "currency"),
            Field("Quoin_Currency__c", length=3),
        )
    },
}
PREFIXES = {"Account": "001", "Opportunity": "006"}
PARENTS = {("Opportunity", "Account"): "AccountId"}  # set through the parent's external id


def read(sobject: str, sent: dict[str, Any], *, creating: bool) -> dict[str, Any]:
    """The fields of `sent` as they are kept; every field known, writable and readable, none missing on create."""
    fields = SCHEMA[sobject]
    for name in sent:
        if name not in fields:
            message = f"No such column '{name}' on sobject of type {sobject}"
            raise SalesforceRefusal("INVALID_FIELD", message)
        if not fields[name].written:
            message = f"Unable to create/update fields: {name}. Please check the security settings of this field."
            raise SalesforceRefusal("INVALID_FIELD_FOR_INSERT_UPDATE", message, fields=(name,))
    lacking = [name for name, field in fields.items() if creating and field.required and sent.get(name) is None]
    if lacking:
        message = f"Required fields are missing: [{', '.join(lacking)}]"
        raise SalesforceRefusal("REQUIRED_FIELD_MISSING", message, fields=tuple(lacking))
    return {name: fields[name].read(value) for name, value in sent.items()}


def derived(sobject: str, record: dict[str, Any]) -> dict[str, Any]:
    """What Salesforce works out by itself from the stage."""
    if sobject != "Opportunity":
        return {}
    stage = record["StageName"]
    return {
        "IsClosed": stage.startswith("Closed"),
        "IsWon": stage == "Closed Won",
        "Probability": _PROBABILITY[stage],
    }


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
