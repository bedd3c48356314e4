"""How one finds one's way in the admin: the sidebar follows the chain from price to cash."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse, reverse_lazy

Item = tuple[str, str, str]  # title, icon, "app.model"

GROUPS: list[tuple[str, list[Item]]] = [
    (
        "Sell",
        [
            ("Quotes", "request_quote", "quoting.quote"),
            ("Customers", "apartment", "contracts.customer"),
            ("Contracts", "contract", "contracts.contract"),
        ],
    ),
    (
        "Price",
        [
            ("Products", "inventory_2", "catalog.product"),
            ("Rate cards", "sell", "catalog.ratecard"),
            ("Features", "extension", "catalog.feature"),
            ("Selection rules", "alt_route", "catalog.selectionrule"),
        ],
    ),
    (
        "Measure",
        [
            ("Meters", "speed", "metering.meter"),
            ("Usage events", "timeline", "metering.usageevent"),
            ("Quarantine", "report", "metering.quarantinedevent"),
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
    model = apps.get_model(label)
    if not admin.site.get_model_admin(model).has_view_permission(request):
        return None
    return {"title": title, "icon": icon, "link": reverse(f"admin:{label.replace('.', '_')}_changelist")}
