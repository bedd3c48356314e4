"""A stateful stand-in for Salesforce's REST API over TLS: accounts and opportunities, upsert, simple SOQL.

    fake = FakeSalesforce("token", ca_file=Path("var/fakes/salesforce-ca.pem"))
    url = fake.start()

Clients trust `ca_file`. Control: `GET /_fake/state`, `POST /_fake/expire-session`, `POST /_fake/trouble`.
"""

import json
import re
import secrets
import ssl
import string
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from integrations.fakes import certificates
from integrations.fakes.salesforce_schema import PARENTS, PREFIXES, SCHEMA, SalesforceRefusal, derived, read, stamp
from integrations.fakes.server import FakeServer, Reply, Request

Record = dict[str, Any]

_BASE = re.compile(r"/services/data/v(\d+\.\d)/(.*)")
_SOQL = re.compile(
    r"SELECT\s+(?P<fields>[\w\s,]+?)\s+FROM\s+(?P<sobject>\w+)"
    r"(?:\s+WHERE\s+(?P<field>\w+)\s*=\s*'(?P<value>(?:[^'\\]|\\.)*)')?(?:\s+LIMIT\s+(?P<limit>\d+))?\s*",
    re.IGNORECASE,
)
_LIMIT = 15_000


class FakeSalesforce(FakeServer):
    """`records` is by object name, then by Salesforce id."""

    def __init__(
        self, access_token: str, *, ca_file: str | Path | None = None, state_file: str | Path | None = None
    ) -> None:
        self.access_token = access_token
        self.records: dict[str, dict[str, Record]] = {name: {} for name in SCHEMA}
        self.ca_file = Path(ca_file) if ca_file else Path(tempfile.mkdtemp(prefix="fake-salesforce-")) / "ca.pem"
        self.calls = 0
        self._expired = False
        super().__init__(state_file)

    def tls(self) -> ssl.SSLContext:
        return certificates.context(self.ca_file, self.ca_file.with_name(f"{self.ca_file.stem}-key.pem"))

    def memory(self) -> dict[str, dict[str, Any]]:
        return {**self.records}

    def expire_session(self) -> None:
        """Refuse the token until `renew_session`, as when somebody revoked it."""
        self._expired = True

    def renew_session(self) -> None:
        self._expired = False

    def find(self, sobject: str, our_id: str) -> Record:
        """The record that carries our id, or an empty one."""
        matches = [one for one in self.records[sobject].values() if one.get("Quoin_Id__c") == our_id]
        return matches[0] if matches else {}

    def answer(self, request: Request) -> Reply:
        try:
            self._authenticate(request)
            self.pause()
            with self.lock:
                self.calls += 1
                reply = self._route(request)
                if request.method != "GET":
                    self.save()
        except SalesforceRefusal as refusal:
            reply = Reply.json(refusal.status, [refusal.error])
        reply.headers["Sforce-Limit-Info"] = f"api-usage={self.calls}/{_LIMIT}"
        return reply

    def failure(self, status: int) -> Reply:
        if status in (403, 429):
            refusal = SalesforceRefusal("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)
        else:
            refusal = SalesforceRefusal("SERVER_UNAVAILABLE", "Server is busy, as ordered.", status=status)
        return Reply.json(refusal.status, [refusal.error])

    def control(self, request: Request) -> Reply:
        command = f"{request.method} {request.path.removeprefix('/_fake/')}"
        if command == "POST expire-session":
            self.expire_session()
        elif command == "POST renew-session":
            self.renew_session()
        elif command != "GET state":
            return Reply.json(404, {"error": f"no such control: {command}"})
        return Reply.json(200, {name: list(table.values()) for name, table in self.records.items()})

    def _authenticate(self, request: Request) -> None:
        if self._expired or request.headers.get("Authorization") != f"Bearer {self.access_token}":
            raise SalesforceRefusal("INVALID_SESSION_ID", "Session expired or invalid", status=401)

    def _route(self, request: Request) -> Reply:
        match = _BASE.fullmatch(request.path)
        parts = [unquote(part) for part in match[2].strip("/").split("/")] if match else []
        match (request.method, parts):
            case ("GET", ["query"]):
                return self._query(parse_qs(request.query).get("q", [""])[0])
            case ("GET", ["limits"]):
                return Reply.json(200, {"DailyApiRequests": {"Max": _LIMIT, "Remaining": _LIMIT - self.calls}})
            case ("GET", ["sobjects", sobject, "describe"]):
                return Reply.json(200, _description(_known(sobject)))
            case ("POST", ["sobjects", sobject]):
                made = self._write(_known(sobject), None, _body(request))
                return Reply.json(201, {"id": made["Id"], "success": True, "errors": []})
            case (verb, ["sobjects", sobject, identifier]):
                return self._by_id(verb, _known(sobject), identifier, request)
            case (verb, ["sobjects", sobject, field, value]):
                return self._by_external_id(verb, _known(sobject), field, value, request)
        raise _not_found("The requested resource does not exist")

    def _by_id(self, verb: str, sobject: str, identifier: str, request: Request) -> Reply:
        record = self.records[sobject].get(identifier)
        if record is None:
            raise _not_found("Provided external ID field does not exist or is not accessible")
        if verb == "GET":
            return Reply.json(200, _shown(sobject, record))
        if verb == "PATCH":
            self._write(sobject, record, _body(request))
            return Reply(204)
        raise SalesforceRefusal("METHOD_NOT_ALLOWED", f"HTTP Method '{verb}' not allowed", status=405)

    def _by_external_id(self, verb: str, sobject: str, field: str, value: str, request: Request) -> Reply:
        if field not in SCHEMA[sobject] or not SCHEMA[sobject][field].external:
            raise _not_found(f"Provided external ID field does not exist or is not accessible: {field}")
        record = next((one for one in self.records[sobject].values() if one.get(field) == value), None)
        if verb == "GET":
            if record is None:
                raise _not_found("The requested resource does not exist")
            return Reply.json(200, _shown(sobject, record))
        if verb != "PATCH":
            raise SalesforceRefusal("METHOD_NOT_ALLOWED", f"HTTP Method '{verb}' not allowed", status=405)
        sent = _body(request)
        if field in sent:
            message = f"The {field} field should not be specified in the sobject data."
            raise SalesforceRefusal("INVALID_FIELD", message)
        written = self._write(sobject, record, sent | ({} if record else {field: value}))
        done = {"id": written["Id"], "success": True, "errors": [], "created": record is None}
        return Reply.json(201 if record is None else 200, done)

    def _write(self, sobject: str, record: Record | None, sent: Record) -> Record:
        now = stamp(datetime.now(UTC))
        values = read(sobject, self._with_parents(sobject, sent), creating=record is None)
        self._check_reference(sobject, values)
        if record is None:
            identifier = PREFIXES[sobject] + "".join(secrets.choice(string.ascii_letters) for _ in range(15))
            record = dict.fromkeys(SCHEMA[sobject]) | {"Id": identifier, "CreatedDate": now}
            self.records[sobject][identifier] = record
        record |= values
        record |= derived(sobject, record) | {"LastModifiedDate": now, "SystemModstamp": now}
        return record

    def _with_parents(self, sobject: str, sent: Record) -> Record:
        """`{"Account": {"Quoin_Id__c": "x"}}` names the parent by its external id."""
        plain = dict(sent)
        for (child, parent), field in PARENTS.items():
            if child != sobject or parent not in plain:
                continue
            named = plain.pop(parent)
            if not isinstance(named, dict) or set(named) != {"Quoin_Id__c"}:
                raise SalesforceRefusal("INVALID_FIELD", f"Name the {parent} by its Quoin_Id__c alone")
            our_id = named["Quoin_Id__c"]
            found = self.find(parent, our_id)
            if not found:
                message = f"Foreign key external ID: {our_id} not found for field Quoin_Id__c in entity {parent}"
                raise SalesforceRefusal("INVALID_FIELD", message)
            plain[field] = found["Id"]
        return plain

    def _check_reference(self, sobject: str, values: Record) -> None:
        for (child, parent), field in PARENTS.items():
            if child == sobject and values.get(field) and values[field] not in self.records[parent]:
                message = f"{field}: id value of incorrect type: {values[field]}"
                raise SalesforceRefusal("MALFORMED_ID", message, fields=(field,))

    def _query(self, soql: str) -> Reply:
        match = _SOQL.fullmatch(soql)
        if not match:
            raise SalesforceRefusal("MALFORMED_QUERY", f"The fake reads only simple queries, not: {soql}")
        if match["sobject"] not in SCHEMA:
            message = f"sObject type '{match['sobject']}' is not supported."
            raise SalesforceRefusal("INVALID_TYPE", message)
        sobject = match["sobject"]
        fields = [name.strip() for name in match["fields"].split(",")]
        for name in [*fields, *([match["field"]] if match["field"] else [])]:
            if name not in SCHEMA[sobject]:
                raise SalesforceRefusal("INVALID_FIELD", f"No such column '{name}' on entity '{sobject}'.")
        value = re.sub(r"\\(.)", r"\1", match["value"] or "")
        found = [one for one in self.records[sobject].values() if not match["field"] or one[match["field"]] == value]
        found = found[: int(match["limit"])] if match["limit"] else found
        records = [_shown(sobject, {name: one[name] for name in fields}, one["Id"]) for one in found]
        return Reply.json(200, {"totalSize": len(records), "done": True, "records": records})


def _known(sobject: str) -> str:
    if sobject not in SCHEMA:
        raise _not_found("The requested resource does not exist")
    return sobject


def _body(request: Request) -> Record:
    try:
        sent = json.loads(request.body, parse_constant=_no_number)
    except ValueError as error:
        raise SalesforceRefusal("JSON_PARSER_ERROR", f"Unreadable JSON: {error}") from error
    if not isinstance(sent, dict):
        raise SalesforceRefusal("JSON_PARSER_ERROR", "The body must be an object")
    return sent


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is not a number")


def _shown(sobject: str, record: Record, identifier: str = "") -> Record:
    address = f"/services/data/v59.0/sobjects/{sobject}/{identifier or record['Id']}"
    return {"attributes": {"type": sobject, "url": address}, **record}


def _description(sobject: str) -> Record:
    fields = [
        {
            "name": field.name,
            "type": field.kind,
            "length": field.length,
            "nillable": not field.required,
            "updateable": field.written,
            "externalId": field.external,
            "picklistValues": [{"value": value, "active": True} for value in field.values],
        }
        for field in SCHEMA[sobject].values()
    ]
    return {"name": sobject, "fields": fields}


def _not_found(message: str) -> SalesforceRefusal:
    return SalesforceRefusal("NOT_FOUND", message, status=404)
