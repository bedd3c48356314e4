"""Nonsense at every door that takes something: it is declined in words, and never breaks what is behind."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from catalog import operations as catalog
from catalog.models import RateCardVersion
from config.api import MAX_BYTES
from governance.clock import clock_set_to
from governance.keys import SCOPES
from quoting.links import token_of
from tests import cast
from tests.doors.matrix import API
from tests.doors.test_matrix import route, signed_in, state
from tests.doors.world import World, build

pytestmark = pytest.mark.django_db

DECLINED = {400, 404, 409, 413, 415}
BODIES = [
    b"", b"{", b"[]", b"null", b"1", b'"x"', b"NaN", b"{]", b"\xff\xfe", b'{"a": NaN}', b'{"a": 1e999}', b"\x00",
    b'{"because": "\\u0000"}', b'{"because": "\\ud800"}', b"[" * 100_000, b'{"a":' * 50_000, b"9" * 5_000,
    b"[[[[1]]]]", b'{"": ""}', "﻿{}".encode(), b'[{"id": 1}]', b"[null]",
]  # fmt: skip
VALUES: list[Any] = [
    None, "", " ", 0, -1, True, 1.5, [], {}, [[]], "NaN", "Infinity", "-Infinity", "1e400", "1E5", "9" * 60,
    "-" + "9" * 60,
    "0." + "0" * 60 + "1", "\x00", "a\x00b", "x" * 20_000, "XXX", "‮", "2026-13-45", "0001-01-01", "9999-12-31",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59+14:00", 10**30, {"amount": "1", "currency": "XXX"},
    {"amount": "NaN", "currency": "USD"}, {"amount": "9" * 40, "currency": "USD"}, {"amount": "1", "currency": "\x00"},
    {"amount": "-1", "currency": "USD"}, {"amount": "0.00000000001", "currency": "USD"},
    {"kind": "flat", "amount": "1e9"},
    {"kind": "graduated", "tiers": []}, {"kind": "graduated", "tiers": [{}], "per": "0"}, {"kind": ["flat"]},
]  # fmt: skip
VALID: dict[str, Any] = {
    "POST usage-events": {
        "id": "1", "type": "llm.request", "time": "2026-01-15T00:00:00Z", "customer": "contoso",
        "properties": {"ContextTokens": 1, "GeneratedTokens": 2}, "source": "x",
    },
    "POST products": {
        "key": "gpu", "name": "GPU", "kind": "usage", "meter": "input-tokens", "unit": "hour",
        "revenue_account": "4000", "description": "d", "because": "b",
    },
    "PUT products/<slug:product>": {
        "name": "Fee", "unit": "month", "internal_unit": "m", "revenue_account": "4100", "recognition": "as_delivered",
        "tax_code": "t", "description": "d", "is_active": True, "because": "b",
    },
    "POST products/<slug:product>/costs": {
        "since": "2026-01-01T00:00:00Z", "unit_cost": "1.10", "per": "1000", "currency": "USD",
        "dimensions": {"model": "large"}, "because": "b",
    },
    "POST features": {"key": "audit", "name": "Audit", "kind": "boolean", "description": "d", "because": "b"},
    "POST rate-cards": {
        "key": "euro", "name": "Euro", "currency": "EUR", "base": "standard-usd", "region": "EU", "segment": "s",
        "channel": "c", "customer_type": "t", "notice_days": 30, "is_public": True, "because": "b",
    },
    "PUT rate-cards/<slug:key>": {"name": "Euro", "region": "EU", "notice_days": 30, "is_public": True, "because": "b"},
    "PUT rate-cards/<slug:key>/draft": {
        "note": "n", "planned_from": "2026-02-01T00:00:00Z", "reach": "from_date",
        "existing_from": "2026-03-01T00:00:00Z", "base_factor": "1", "publish_when_approved": True, "because": "b",
    },
    "PUT rate-cards/<slug:key>/draft/rates": {
        "rates": [{"product": "platform-fee", "charge": {"kind": "flat", "amount": "20"}, "cycle_months": 1}],
        "because": "b",
    },
    "POST selection-rules": {
        "name": "EU", "card": "standard-usd", "conditions": {"region": ["eu"]}, "because": "b",
    },
    "POST charges/price": {
        "charge": {"kind": "per_group", "by": ["model"], "charge": {"kind": "per_unit", "unit_price": "1"}},
        "currency": "USD", "parts": [{"quantity": "3", "values": ["large"], "at": "0"}],
    },
    "POST pricing/plan": {
        "format": 1,
        "features": {"audit": {"name": "Audit", "kind": "boolean"}},
        "products": {
            "seat": {
                "name": "Seat", "kind": "recurring", "unit": "seat", "is_active": True, "grants": {"audit": ""},
                "costs": [{"since": "2026-01-01T00:00:00Z", "unit_cost": "1.5", "currency": "USD", "per": "1"}],
            }
        },
        "rate_cards": {
            "eu": {
                "name": "EU", "currency": "EUR", "notice_days": 30, "is_public": True,
                "version": {"note": "n", "planned_from": "2026-02-01", "reach": "new_only", "base_factor": "1"},
                "rates": {"seat": {"charge": {"kind": "per_unit", "unit_price": "2"}, "cycle_months": 12}},
            }
        },
        "selection_rules": [{"name": "EU", "card": "eu", "conditions": {"region": ["eu"]}, "is_active": True}],
    },
    "POST rate-cards/<slug:key>/draft": {"note": "n", "because": "b"},
    "PUT rate-cards/<slug:key>/draft/rates/<slug:product>": {
        "charge": {"kind": "flat", "amount": "20"}, "cycle_months": 1, "in_advance": True, "because": "b",
    },
    "POST rate-cards/<slug:key>/draft/submit": {"warnings_accepted": "w", "because": "b"},
    "POST rate-cards/<slug:key>/draft/publish": {"effective_from": "2027-01-01T00:00:00Z", "because": "b"},
    "POST customers": {
        "key": "new", "name": "New", "email": "a@b.test", "billing_address": "x", "country": "US", "tax_number": "1",
        "tax_percent": "19", "currency": "USD", "time_zone": "UTC", "parent": "contoso",
    },
    "PUT customers/<str:customer>/caps": {
        "product": "input-tokens", "measure": "quantity", "soft_limit": "1", "hard_limit": "2",
    },
    "POST entitlements/check": {"customer": "contoso", "feature": "sso", "quantity": "1"},
    "POST quotes": {
        "customer": "contoso", "rate_card": "standard-usd", "legal_entity": "quoin", "owner": "ben",
        "start_on": "2026-01-01", "months": 12, "valid_until": "2026-01-31", "follows_card": False, "title": "t",
        "terms": "t", "opportunity_key": "o",
        "lines": [
            {
                "product": "input-tokens", "expected_usage": "20", "discount_percent": "5", "quantity": None,
                "discount_amount": {"amount": "1", "currency": "USD"}, "minimum": {"amount": "1", "currency": "USD"},
            }
        ],
        "commit": {
            "name": "n", "access": {"amount": "40.00", "currency": "USD"},
            "price": {"amount": "36.00", "currency": "USD"}, "product_keys": ["input-tokens"],
        },
    },
}  # fmt: skip


@pytest.fixture
def world(db: None) -> Iterator[World]:
    with clock_set_to(cast.NOW):
        world = build()
        catalog.draft_version(cast.card(), act=cast.act("ann"))
        yield world


@pytest.fixture
def system(world: World) -> Client:
    """A key that may everything."""
    return Client(headers=cast.system_key(*SCOPES), raise_request_exception=False)


def places(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a body that could hold something else."""
    yield path
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in inner:
        yield from places(value, (*path, key))


def put(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    body = copy.deepcopy(body)
    inner = body
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return body


def sent(client: Client, method: str, path: str, body: bytes) -> int:
    with transaction.atomic():
        status = client.generic(method, path, body, content_type="application/json").status_code
        transaction.set_rollback(True)
    return status


def writing() -> list[str]:
    return [line for line in API if not line.startswith("GET")]


def test_bodies_that_are_no_json_are_declined(world: World, system: Client) -> None:
    before, wrong = state(), []
    for line in writing():
        method, path = route(line, world.contoso)
        for body in BODIES:
            status = system.generic(method, path, body, content_type="application/json").status_code
            # An empty array of events is one of none; a quote can be submitted and sent without a word.
            if status not in DECLINED and not (body == b"[]" and status == 200):
                wrong.append(f"{line} {body[:30]!r}: {status}")
    assert [each for each in wrong if "/submit" not in each and "/send" not in each] == []
    assert state() == before


@pytest.mark.parametrize("line", list(VALID))
def test_nonsense_in_a_field_is_declined_or_taken_but_breaks_nothing(world: World, system: Client, line: str) -> None:
    method, path = route(line, world.contoso)
    wrong = []
    for place in places(VALID[line]):
        for value in VALUES:
            body = json.dumps(put(VALID[line], place, value)).encode()
            status = sent(system, method, path, body)
            if status not in DECLINED | {200, 201}:
                wrong.append(f"{place} {str(value)[:40]!r}: {status}")
    assert wrong == []


def test_the_valid_bodies_are_valid(world: World, system: Client) -> None:
    """Or the nonsense above would never get past the first check."""
    found = {line: sent(system, *route(line, world.contoso), json.dumps(body).encode()) for line, body in VALID.items()}
    refused = {line: status for line, status in found.items() if status not in (200, 201)}
    # There is a draft already, nobody has reviewed it, and only a person can ask for that.
    assert refused == {
        "POST rate-cards/<slug:key>/draft": 409,
        "POST rate-cards/<slug:key>/draft/submit": 409,
        "POST rate-cards/<slug:key>/draft/publish": 409,
    }


def test_bodies_have_a_limit(world: World, system: Client) -> None:
    before = state()
    for line in writing():
        size = 6 * 1024 * 1024 if "usage-events" in line or line == "POST outcomes" else MAX_BYTES + 1
        if "DELETE" not in line:
            method, path = route(line, world.contoso)
            answer = system.generic(method, path, b" " * size, content_type="application/json")
            assert answer.status_code == 413, line
    assert system.post("/api/v1/quotes", "because=x", content_type="text/plain").status_code == 415
    assert state() == before


def test_nonsense_in_a_question_is_no_error(world: World, system: Client) -> None:
    names = [
        "at",
        "customer",
        "contract",
        "status",
        "kind",
        "issued_from",
        "limit",
        "offset",
        "cursor",
        "meter",
        "from",
        "before",
        "after",
        "card",
        "format",
        "region",
    ]
    wrong = []
    for line in (line for line in API if line.startswith("GET") and not line.endswith("/pdf")):
        path = route(line, world.contoso)[1]
        for value in ("", "x", "-1", "9" * 30, "\x00", "0001-01-01T00:00:00Z", "é"):
            for name in names:
                status = system.get(path, {name: value}).status_code
                if status not in DECLINED | {200}:
                    wrong.append(f"{path} {name}={value!r}: {status}")
    assert wrong == []


@pytest.mark.parametrize("name", ["%00", "'", "a" * 500, "%ff", "9" * 40, "..%2f..", "%F0%9F%92%A9"])
def test_nonsense_in_an_address_is_no_error(world: World, system: Client, name: str) -> None:
    for line in API:
        method, pattern = line.split(" ")
        pattern = re.sub(r"<\w+:\w+>", name.replace("\\", r"\\"), pattern)
        if name in pattern:
            assert sent(system, method, f"/api/v1/{pattern}", b'{"because": "x"}') in DECLINED | {404, 405}, pattern
    for page in ("q", "i", "admin/quoting/quote"):
        assert system.get(f"/{page}/{name}/").status_code in (302, 400, 404)


def test_nonsense_in_a_form_is_no_error(world: World) -> None:
    """Each field of the forms on which money and dates are typed, with the others as they should be."""
    version = cast.quote_for_contoso(title="Draft")
    quote, invoice = version.quote, world.contoso.invoice
    draft = RateCardVersion.objects.get(status="draft")
    offer = token_of(cast.sent(title="Out"))
    why = {"because": "x", "_form_submitted": "1"}
    forms: list[tuple[str, str, dict[str, str]]] = [
        ("ben", reverse("admin:quoting_quote_line", args=[quote.pk]), {
            "product": str(cast.product("platform-fee").pk), "quantity": "1", "expected_usage": "1",
            "discount_percent": "5", "discount_amount": "1", "minimum": "1", "line": "x"}),
        ("ben", reverse("admin:quoting_quote_commit", args=[quote.pk]), {
            "name": "More", "access_amount": "40", "price": "36", "product_keys": "x", "commit": "x"}),
        ("ben", reverse("admin:quoting_quote_terms", args=[quote.pk]), {
            "start_on": "2026-01-01", "months": "12", "valid_until": "2026-01-31", "terms": "x"}),
        ("ben", reverse("admin:quoting_quote_add"), {
            "customer": str(quote.customer.pk), "rate_card": "x", "start_on": "2026-01-01", "months": "12",
            "valid_until": "2026-01-31", "legal_entity": "x", "title": "x", "opportunity_key": "x"}),
        ("cara", reverse("admin:invoicing_invoice_record_payment", args=[invoice.pk]), {
            "amount": "1", "reference": "r", "received_on": "2026-02-02"} | why),
        ("cara", reverse("admin:invoicing_invoice_credit", args=[invoice.pk]), {"amount": "1"} | why),
        ("cara", reverse("admin:contracts_contract_end", args=[world.contoso.contract.pk]), {
            "end_on": "2026-06-01"} | why),
        ("ann", reverse("admin:catalog_rate_edit", args=[draft.pk, "input-tokens"]), {
            "charge": '{"kind": "per_unit", "unit_price": "1"}', "cycle_months": "1", "because": "x"}),
        ("ann", reverse("admin:catalog_rate_add", args=[draft.pk]), {
            "charge": '{"kind": "per_unit", "unit_price": "1"}', "cycle_months": "1", "because": "x", "product": "",
            "new_name": "n", "new_key": "n", "new_kind": "usage", "new_unit": "u", "meter": "", "event_type": "e",
            "aggregation": "sum", "property": "p"}),
        ("ann", reverse("admin:catalog_ratecard_draft", args=[cast.card().pk]), {"note": "x"} | why),
        ("ben", reverse("admin:contracts_customer_add"), {
            "key": "k", "name": "n", "email": "a@b.test", "country": "US", "tax_percent": "1", "currency": "USD",
            "time_zone": "UTC", "parent": "x", "because": "x"}),
        ("dee", reverse("admin:governance_approvalpolicy_add"), {
            "name": "n", "subject_type": "quoting.quoteversion", "watched": "x", "above": "1", "role": "deal desk",
            "position": "1", "because": "x"}),
        ("eric", reverse("admin:governance_systemkey_add"), {
            "name": "n", "scopes": "usage:write", "expiry_date_0": "2027-01-01", "expiry_date_1": "00:00",
            "because": "x"}),
        ("dan", f"/q/{offer}/", {"decision": "accept", "name": "Dan", "consent": "on", "reason": "x"}),
        ("dan", f"/q/{offer}/", {"decision": "decline", "name": "Dan", "reason": "x"}),
    ]  # fmt: skip
    values = ["NaN", "9" * 60, "a\x00b", "9999-12-31"]
    wrong = []
    for username, page, form in forms:
        client = signed_in(username)
        for field in form:
            for value in values:
                with transaction.atomic():
                    status = client.post(page, form | {field: value}).status_code
                    transaction.set_rollback(True)
                if status >= 500:
                    wrong.append(f"{page} {field}={value[:40]!r}: {status}")
    assert wrong == []
