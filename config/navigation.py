"""How one finds one's way in the admin: the sidebar follows the chain from price to cash."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse, reverse_lazy

from governance.doors import may

Item = tuple[str, str, str]  # title, icon, "app.model" or the name of a page
# Pages that belong to no table, and what one must be allowed to see there.
PAGES = {
    "insights_coverage": "metering.view_meter",
    "insights_live": "metering.view_usageevent",
    "insights_trace": "metering.view_usageevent",
    "admin:contracts_contract_renewals": "contracts.view_contract",
}

GROUPS: list[tuple[str, list[Item]]] = [
    (
        "Sell",
        [
            ("Quotes", "request_quote", "quoting.quote"),
            ("Customers", "apartment", "contracts.customer"),
            ("Contracts", "contract", "contracts.contract"),
            ("Amendments", "edit_document", "contracts.amendment"),
            ("Renewals", "autorenew", "admin:contracts_contract_renewals"),
            ("Custom fields", "list_alt", "contracts.customfield"),
            ("Overrides and trials", "tune", "contracts.entitlementoverride"),
        ],
    ),
    (
        "Price",
        [
            ("Products", "inventory_2", "catalog.product"),
            ("Rate cards", "sell", "catalog.ratecard"),
            ("Packages", "package_2", "contracts.package"),
            ("Features", "extension", "catalog.feature"),
            ("Selection rules", "alt_route", "catalog.selectionrule"),
        ],
    ),
    (
        "Measure",
        [
            ("Meters", "speed", "metering.meter"),
            ("Event types", "schema", "metering.eventtype"),
            ("Coverage", "hub", "insights_coverage"),
            ("Usage events", "timeline", "metering.usageevent"),
            ("Live usage", "monitoring", "insights_live"),
            ("Trace an event", "conversion_path", "insights_trace"),
            ("Outcomes", "task_alt", "metering.outcome"),
            ("Outcome definitions", "rule_settings", "metering.outcomedefinition"),
            ("Flags", "flag", "metering.usageflag"),
            ("Quarantine", "report", "metering.quarantinedevent"),
            ("Aliases", "alternate_email", "metering.customeralias"),
            ("Corrections", "edit_note", "metering.usagecorrection"),
        ],
    ),
    (
        "Bill",
        [
            ("Invoices", "receipt_long", "invoicing.invoice"),
            ("Credit notes", "undo", "invoicing.creditnote"),
            ("Payments", "payments", "invoicing.payment"),
            ("Billing runs", "event_repeat", "invoicing.billingrun"),
            ("Unpriced usage", "money_off", "invoicing.unpricedusage"),
        ],
    ),
    ("Book", [("Journal", "menu_book", "ledger.journalentry")]),
    (
        "Operate",
        [
            ("Changes", "history", "governance.change"),
            ("Approvals", "approval", "governance.approvalrequest"),
            ("Approval policies", "rule", "governance.approvalpolicy"),
            ("Deliveries", "outbox", "integrations.delivery"),
            ("Inbound messages", "inbox", "integrations.inboundmessage"),
        ],
    ),
    (
        "Access",
        [
            ("Users", "person", "auth.user"),
            ("Roles", "group", "auth.group"),
            ("API keys", "key", "governance.systemkey"),
        ],
    ),
]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar for this person: what they may not look at and empty groups are left out."""
    home = {"title": "Home", "icon": "home", "link": reverse_lazy("admin:index")}
    groups: list[dict[str, Any]] = [{"title": None, "items": [home]}]
    for title, items in GROUPS:
        shown = [entry for item in items if (entry := _entry(request, item))]
        if shown:
            groups.append({"title": title, "separator": True, "items": shown})
    return groups


def _entry(request: HttpRequest, item: Item) -> dict[str, Any] | None:
    title, icon, label = item
    if label in PAGES:
        return {"title": title, "icon": icon, "link": reverse(label)} if may(request.user, PAGES[label]) else None
    model = apps.get_model(label)
    if not admin.site.get_model_admin(model).has_view_permission(request):
        return None
    return {"title": title, "icon": icon, "link": reverse(f"admin:{label.replace('.', '_')}_changelist")}
