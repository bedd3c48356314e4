"""Every address there is, for every role: as the table in `matrix` says, and a new address without a line fails."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import models, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from catalog import operations as catalog
from catalog.models import RateCardVersion
from contracts import operations as contracts
from contracts.models import Package
from governance.doors import belonging
from governance.keys import SCOPES
from governance.models import ApprovalPolicy, ApprovalRequest, Change, ExternalId, SystemKey
from integrations.models import Delivery, InboundMessage
from invoicing.models import BillingRun
from ledger.models import Account, JournalEntry
from metering.models import Outcome, QuarantinedEvent, UsageEvent
from quoting import operations as quoting
from quoting.models import QuoteVersion
from tests import cast
from tests.doors.matrix import APART, API, EVERYBODY, OPEN, PAGES, POSTS, TABLES, VERBS
from tests.doors.world import STRANGE, Chain, World, build
from tests.refusals import everything

pytestmark = pytest.mark.django_db

OURS = ("governance", "metering", "catalog", "contracts", "quoting", "invoicing", "ledger", "integrations", "auth")
PEOPLE = EVERYBODY.split()
STANDARD = ("changelist", "add", "change", "history", "delete")
DRAWN = {"quoting_quote_pdf", "invoicing_invoice_pdf"}  # a document may be drawn when it is first asked for


@pytest.fixture
def world(db: None) -> World:
    """Two customers, and on top a draft of prices, a draft of an offer, a key, and drawn documents."""
    world = build()
    catalog.draft_version(cast.card(), act=cast.act("ann"))
    quoting.submit(cast.quote_for_contoso(title="Another"), act=cast.act("ben"))
    contracts.draft_package(Package.objects.get(), act=cast.act("ann"))
    cast.system_key("catalog:read")
    return world


def signed_in(username: str) -> Client:
    client = Client()
    client.raise_request_exception = False
    client.force_login(cast.person(username), backend="django.contrib.auth.backends.ModelBackend")
    return client


def state() -> dict[str, list[str]]:
    """Every row of ours, but for when people were last seen."""
    rows = everything(*OURS)
    rows.pop("auth.User")
    return rows


# ---------------------------------------------------------------- what there is
def addresses(resolver: Any = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            yield from addresses(entry, prefix + str(entry.pattern))
        else:
            yield prefix + str(entry.pattern), entry


def admin_names() -> set[str]:
    return {entry.name for path, entry in addresses() if path.startswith("admin/") and entry.name}


def standard_name(label: str, view: str) -> str:
    return f"{label.replace('.', '_')}_{view}"


def sample(label: str, of: Chain) -> models.Model:
    """A row of this table, of this customer where it has one."""
    known: dict[str, Any] = {
        "contracts.customer": of.customer,
        "contracts.contract": of.contract,
        "contracts.commit": of.contract.commits.first(),
        "contracts.entitlementoverride": of.customer.entitlement_overrides.first(),
        "contracts.amendment": of.contract.amendments.first(),
        "contracts.legalentity": of.contract.legal_entity,
        "quoting.quote": of.quote,
        "quoting.quoteversion": of.quote.versions.first(),
        "invoicing.invoice": of.invoice,
        "invoicing.payment": of.payment,
        "invoicing.creditnote": of.note,
        "invoicing.unpricedusage": of.contract.unpriced_usage.first(),
        "ledger.journalentry": JournalEntry.objects.filter(customer=of.customer).first(),
        "governance.approvalrequest": ApprovalRequest.objects.filter(subject_type="quoting.quoteversion").first(),
        "catalog.ratecardversion": RateCardVersion.objects.filter(status="draft").first(),
        "auth.user": cast.person("ben"),
    }
    return known.get(label) or apps.get_model(label).objects.first()


def where(name: str, of: Chain) -> str | None:
    """The address of a page in the admin; None for a table that has no row to show."""
    if name.startswith("insights_"):
        return reverse(name)
    parts = name.split("_")
    label = f"{parts[0]}.{parts[1]}" if len(parts) > 1 else ""
    if name in ("catalog_rate_add", "catalog_rate_edit", "catalog_rate_preview"):
        draft = RateCardVersion.objects.get(status="draft")
        return reverse(f"admin:{name}", args=[draft.pk, *(["platform-fee"] if name.endswith("edit") else [])])
    try:
        return reverse(f"admin:{name}")
    except Exception:
        row = sample(label, of)
        return reverse(f"admin:{name}", args=[row.pk]) if row is not None else None


# ---------------------------------------------------------------- nothing is forgotten
def test_every_table_in_the_admin_has_its_line() -> None:
    assert {model._meta.label_lower for model in admin.site._registry} == set(TABLES)


def test_every_address_in_the_admin_has_its_line() -> None:
    standard = {standard_name(label, view) for label in TABLES for view in STANDARD}
    assert admin_names() - standard == set(VERBS) | set(POSTS) | set(PAGES) | APART


def test_every_route_of_the_api_has_its_line() -> None:
    found = {
        f"{method.upper()} {path.removeprefix('api/v1/')}"
        for path, entry in addresses()
        if path.startswith("api/v1/")
        for method in entry.callback.view_class.http_method_names  # type: ignore[attr-defined]
        if method != "options" and hasattr(entry.callback.view_class, method)  # type: ignore[attr-defined]
    }
    assert {route for route in found if not route.startswith("HEAD")} == set(API)
    assert {scope for scope, _ in API.values()} == set(SCOPES)


def test_buttons_ask_for_permission_without_a_database() -> None:
    """Unfold looks a dotted permission up while Django checks itself: `migrate` would fail on an empty database."""
    buttons = (getattr(type(page), name) for page in admin.site._registry.values() for name in dir(type(page)))
    asked_for = {word for button in buttons for word in getattr(button, "allowed_permissions", None) or ()}
    assert {word for word in asked_for if "." in word} == set()


def test_every_other_address_is_known() -> None:
    others = {path for path, _ in addresses() if not path.startswith(("admin/", "api/v1/"))}
    assert others == OPEN


def test_the_world_has_a_row_of_everything(world: World) -> None:
    """Or the tests below would look at nothing."""
    empty = {label for label in TABLES if label.split(".")[0] in OURS and sample(label, world.contoso) is None}
    assert empty == set()
    for model in (ApprovalPolicy, Change, SystemKey, Delivery, ExternalId, InboundMessage, BillingRun, Account,
                  QuarantinedEvent, UsageEvent, Group):  # fmt: skip
        assert model.objects.exists(), model


# ---------------------------------------------------------------- the admin, role by role
def expected(name: str) -> dict[str, str]:
    """Who may open this page by GET."""
    for label, table in TABLES.items():
        for view, who in (
            ("changelist", table.sees),
            ("change", table.sees),
            ("history", table.sees),
            ("add", table.adds),
            ("delete", ""),
        ):
            if name == standard_name(label, view):
                return dict.fromkeys(who.split(), view)
    return dict.fromkeys(({**VERBS, **PAGES} | dict.fromkeys(POSTS, "")).get(name, "").split(), name)


def acting() -> dict[str, str]:
    """Every page that takes a post, and who may send it."""
    pages = {**VERBS, **POSTS}
    for label, table in TABLES.items():
        pages |= {standard_name(label, "add"): table.adds, standard_name(label, "change"): table.changes}
    return pages


def test_pages_open_for_those_who_may_and_reading_changes_nothing(world: World) -> None:
    clients = {username: signed_in(username) for username in PEOPLE}
    wrong, before = [], state()
    for name in sorted(admin_names() - APART - DRAWN) + sorted(DRAWN):
        if name == min(DRAWN):
            assert state() == before
        page, opens = where(name, world.contoso), expected(name)
        for username, client in clients.items() if page else ():
            status = client.get(page).status_code
            fine = {200, 302} if name.startswith("quoting_quoteversion") else {200}
            if status not in (fine if username in opens else {403}):
                wrong.append(f"{username} at {name}: {status}")
    assert wrong == []


def test_posts_of_those_who_may_not_are_refused_and_write_nothing(world: World) -> None:
    clients = {username: signed_in(username) for username in PEOPLE}
    wrong, before = [], state()
    for label in TABLES:
        assert {standard_name(label, "delete"), standard_name(label, "changelist")} <= admin_names()
    closed = {standard_name(label, view): "" for label in TABLES for view in ("delete", "changelist")}
    form = {"because": "I want to", "post": "yes", "_form_submitted": "1", "action": "delete_selected"}
    for name, who in (acting() | closed).items():
        page = where(name, world.contoso)
        # The offer's own page and the lists take no posts: they show themselves again.
        silent = name.endswith("_changelist") or name.startswith("quoting_quote_change")
        fine = {200, 302, 403} if silent else {302, 403} if "quoteversion" in name else {403}
        for username, client in clients.items() if page else ():
            if username not in who.split() and (status := client.post(page, form).status_code) not in fine:
                wrong.append(f"{username} at {name}: {status}")
    assert wrong == []
    assert state() == before


def test_posts_of_those_who_may_never_fail_badly(world: World) -> None:
    """With a reason and nothing else, whatever state the thing is in."""
    clients, wrong = {username: signed_in(username) for username in PEOPLE}, []
    for name, who in acting().items():
        page = where(name, world.contoso)
        for username in who.split() if page else ():
            with transaction.atomic():
                status = clients[username].post(page, {"because": "I may", "_form_submitted": "1"}).status_code
                transaction.set_rollback(True)
            if status not in (200, 302, 400, 404):
                wrong.append(f"{username} at {name}: {status}")
    assert wrong == []


def test_the_admin_is_closed_to_all_others(world: World) -> None:
    before = state()
    for client in (Client(), signed_in("dan")):
        for name in sorted(admin_names() - {"login", "logout", "autocomplete", "view_on_site", "app_list"}):
            page = where(name, world.contoso)
            for response in (client.get(page), client.post(page, {"because": "x"})) if page else ():
                assert (response.status_code, response["Location"].split("?")[0]) == (302, "/admin/login/"), name
    assert state() == before


def test_signing_out_takes_a_post(world: World) -> None:
    assert signed_in("ben").get("/admin/logout/").status_code == 405


def test_nothing_that_is_not_there_breaks_a_page(world: World) -> None:
    """A made-up id, and an id that is none."""
    client, wrong = signed_in("ada"), []
    cast.person("ada").groups.set(Group.objects.all())
    for name in sorted(set(VERBS) | {standard_name(label, view) for label in TABLES for view in STANDARD[2:]}):
        for key in ("nonsense", "00000000-0000-0000-0000-000000000000", "-1", "99999999999999999999"):
            try:
                page = reverse(f"admin:{name}", args=[key])
            except Exception:
                continue
            found = [client.get(page).status_code, client.post(page, {"because": "x"}).status_code]
            if not set(found) <= {302, 403, 404}:
                wrong.append(f"{page}: {found}")
    assert wrong == []


def test_nonsense_in_a_list_s_address_is_no_error(world: World) -> None:
    client, wrong = signed_in("ada"), []
    for query in ("q=%27%22%3C", "o=99.-x", "p=nonsense", "p=999", "e=1", "nonsense=1", "q=%00"):
        for label in TABLES:
            page = reverse(f"admin:{standard_name(label, 'changelist')}") + f"?{query}"
            if (status := client.get(page).status_code) not in (200, 302, 400, 403):
                wrong.append(f"{page}: {status}")
    assert wrong == []


# ---------------------------------------------------------------- Ben and the customer he does not serve
def mentions(content: bytes, of: Chain) -> list[str]:
    """What of this customer is on a page: its name, its numbers."""
    words = [STRANGE, STRANGE.lower(), of.quote.number, of.contract.number, str(of.invoice.number), of.note.number]
    text = content.decode(errors="replace")
    return [word for word in words if re.search(rf"{re.escape(word)}(?!\d)", text)]


def test_no_page_of_bens_tells_of_a_customer_he_does_not_serve(world: World) -> None:
    client, told = signed_in("ben"), []
    pages = [where(name, world.contoso) for name in sorted(admin_names() - APART - DRAWN)]
    queries = [
        f"?{word}" for word in ("q=fabrikam", "q=C-2025", "s=fabrikam&extended=1", "s=c-2025&extended=1", "all=1")
    ]
    for page in filter(None, pages):
        for query in ["", *queries] if page.count("/") <= 4 else [""]:
            found = mentions(client.get(page + query).content, world.fabrikam)
            if found and not (found == [STRANGE.lower()] and "fabrikam" in query):  # the word he typed himself
                told.append(f"{page}{query}: {found}")
    assert told == []


def test_bens_lists_count_only_what_he_sees(world: World) -> None:
    client = signed_in("ben")
    labels = ("contracts.customer", "contracts.contract", "contracts.commit", "invoicing.payment", "quoting.quote")
    for label in (*labels, "invoicing.unpricedusage"):
        model = apps.get_model(label)
        served = model.objects.filter(belonging(model, [world.contoso.customer.pk])).count()
        changelist = client.get(reverse(f"admin:{standard_name(label, 'changelist')}")).context["cl"]
        assert (changelist.result_count, len(changelist.result_list)) == (served, served), label
        assert model.objects.count() > served


LISTS_AND_ADD = ("_changelist", "_add", "_renewals")


def test_nothing_of_that_customer_opens_or_moves(world: World) -> None:
    """Also not with the address in hand: pages, histories, documents, dialogs and posts."""
    client, open_, before = signed_in("ben"), [], state()
    for name in sorted(admin_names() - APART):
        label = ".".join(name.split("_")[:2])
        model = apps.get_model(label) if label in TABLES else None
        if model is None or not getattr(model, "customer_path", ()) or name.endswith(LISTS_AND_ADD):
            continue
        page = where(name, world.fabrikam)
        for response in (client.get(page), client.post(page, {"because": "x", "_form_submitted": "1"})):
            ok = response.status_code in (403, 404) or response.headers.get("Location") == "/admin/"
            if not ok or mentions(response.content, world.fabrikam):
                open_.append(f"{name}: {response.status_code}")
    assert open_ == []
    assert state() == before


def test_a_rep_reads_only_the_questions_they_asked(world: World) -> None:
    """Another rep does not learn what Ben asked about his customer's deal."""
    eve = cast.person("eve")
    eve.is_staff = True
    eve.save()
    eve.groups.add(Group.objects.get(name="sales rep"))
    question = ApprovalRequest.objects.filter(requested_by=cast.person("ben")).first()
    assert question is not None
    page = reverse("admin:governance_approvalrequest_change", args=[question.pk])
    assert signed_in("ben").get(page).status_code == 200
    assert signed_in("eve").get(page).headers.get("Location") == "/admin/"
    assert signed_in("eve").get(reverse("admin:governance_approvalrequest_changelist")).context["cl"].result_count == 0


def test_what_forms_offer_to_choose_is_limited_too(world: World) -> None:
    client, told = signed_in("ben"), []
    for model in apps.get_models():
        if model._meta.app_label not in OURS:
            continue
        for field in model._meta.get_fields():
            if not (field.concrete and field.is_relation):
                continue
            asked = {"app_label": model._meta.app_label, "model_name": model._meta.model_name, "field_name": field.name}
            response = client.get("/admin/autocomplete/", asked | {"term": ""})
            if response.status_code not in (200, 403, 404) or mentions(response.content, world.fabrikam):
                told.append(f"{asked}: {response.status_code}")
    assert told == []


def test_the_search_finds_for_others_what_it_hides_from_ben(world: World) -> None:
    def finds(username: str) -> bool:
        return b"Fabrikam Inc." in signed_in(username).get("/admin/search/?s=fabrikam&extended=1").content

    assert {username: finds(username) for username in PEOPLE} == dict.fromkeys(PEOPLE, True) | {
        "ben": False,
        "eric": False,
    }


# ---------------------------------------------------------------- the API
def route(line: str, of: Chain) -> tuple[str, str]:
    method, pattern = line.split(" ")
    names = {"contracts": of.contract.number, "quotes": of.quote.number, "invoices": str(of.invoice.number)}
    values = {
        "<slug:key>": "standard-usd",
        "<int:number>": "1",
        "<slug:product>": "platform-fee",
        "<slug:feature>": "sso",
        "<uuid:rule>": "00000000-0000-0000-0000-000000000000",
        "<uuid:correction>": "00000000-0000-0000-0000-000000000000",
        "<uuid:charge>": "00000000-0000-0000-0000-000000000000",
        "<uuid:outcome>": str(Outcome.objects.filter(customer_key=of.customer.key).values_list("pk", flat=True)[0]),
        "<uuid:commit>": str(of.contract.commits.get().pk),
        "<str:unit>": "credit",
        "<str:key>": of.customer.key if pattern.startswith("customers/") else "<str:key>",
        "<str:customer>": of.customer.key,
        "<str:number>": names.get(pattern.split("/")[0], ""),
        "<str:name>": names["invoices"],
    }
    for placeholder, value in values.items():
        pattern = pattern.replace(placeholder, value)
    return method, f"/api/v1/{pattern}"


def asked(client: Client, method: str, path: str) -> int:
    """The status of a call with nothing in it, undone again."""
    with transaction.atomic():
        status = client.generic(method, path, "{}", content_type="application/json").status_code
        transaction.set_rollback(True)
    return status


def test_people_at_the_api(world: World) -> None:
    wrong = []
    for username in ("", "dan", *PEOPLE):
        client = signed_in(username) if username else Client()
        for line, (_, who) in API.items():
            status = asked(client, *route(line, world.contoso))
            may = username in who.split() and bool(username)
            if (status == 403) is may or status >= 500:
                wrong.append(f"{username} at {line}: {status}")
    assert wrong == []


def test_keys_at_the_api(world: World) -> None:
    """A key does what its scope names, and nothing else."""
    wrong = []
    for scope in ("", *SCOPES):
        client = Client(headers=cast.system_key(*([scope] if scope else []), name="probe"))
        for line, (needed, _) in API.items():
            status = asked(client, *route(line, world.contoso))
            if (status == 403) is (needed == scope) or status >= 500:
                wrong.append(f"{scope} at {line}: {status}")
    assert wrong == []


def test_a_key_that_is_no_good_opens_nothing(world: World) -> None:
    good = cast.system_key(*SCOPES, name="good")
    revoked = cast.system_key(*SCOPES, name="revoked")
    SystemKey.objects.filter(name="revoked").update(revoked=True)
    bad = {
        "revoked": revoked,
        "expired": cast.system_key(*SCOPES, name="old", expiry_date=cast.NOW.replace(year=2020)),
        "unknown": {"Authorization": "Api-Key nobody.knows"},
        "garbled": {"Authorization": "Api-Key \0.'"},
        "another's end": {"Authorization": f"{good['Authorization'][:-3]}xyz"},
    }
    for why, headers in bad.items():
        client = Client(headers=headers)
        assert {asked(client, *route(line, world.contoso)) for line in API} == {403}, why


def test_ben_at_the_api_and_the_customer_he_does_not_serve(world: World) -> None:
    client, told, before = signed_in("ben"), [], state()
    for line in API:
        method, path = route(line, world.fabrikam)
        if not line.split(" ")[1].startswith(("customers", "contracts", "commits", "quotes", "invoices")):
            continue
        response = client.generic(method, path, '{"because": "x"}', content_type="application/json")
        about_one = "<str" in line or "<uuid:commit" in line
        if (about_one and response.status_code not in (403, 404)) or mentions(response.content, world.fabrikam):
            told.append(f"{line}: {response.status_code}")
    assert told == []
    assert state() == before
    drafted = client.post(
        "/api/v1/quotes",
        {
            "customer": "fabrikam",
            "rate_card": "standard-usd",
            "start_on": "2026-01-01",
            "valid_until": "2026-01-31",
            "lines": [],
        },
        content_type="application/json",
    )
    assert (drafted.status_code, list(drafted.json())) == (400, ["customer"])
    assert QuoteVersion.objects.filter(quote__customer=world.fabrikam.customer).count() == 1
