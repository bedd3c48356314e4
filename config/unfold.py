"""How the admin looks and how one finds one's way in it: the sidebar follows the chain from price to cash."""

from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse, reverse_lazy

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
            ("Groups", "group", "auth.group"),
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
    app, model = label.split(".")
    if not apps.is_installed(app) or not request.user.has_perm(f"{app}.view_{model}"):
        return None
    try:
        link = reverse(f"admin:{app}_{model}_changelist")
    except NoReverseMatch:
        return None
    return {"title": title, "icon": icon, "link": link}


# Indigo, as on the customer's pages and in the documents.
PRIMARY = {
    "50": "#eef2ff",
    "100": "#e0e7ff",
    "200": "#c7d2fe",
    "300": "#a5b4fc",
    "400": "#818cf8",
    "500": "#6366f1",
    "600": "#4f46e5",
    "700": "#4338ca",
    "800": "#3730a3",
    "900": "#312e81",
    "950": "#1e1b4b",
}

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Quoin",
    "SITE_HEADER": "Quoin",
    "SITE_SUBHEADER": "From price to cash",
    "SITE_ICON": lambda request: static("quoin/favicon.svg"),
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("quoin/favicon.svg")}],
    "SITE_URL": None,  # there is no other site to return to
    "COLORS": {"primary": PRIMARY},
    "DASHBOARD_CALLBACK": "config.home.dashboard",
    "SHOW_HISTORY": True,
    "STYLES": [lambda request: static("quoin/admin.css")],
    "SHOW_VIEW_ON_SITE": False,
    "COMMAND": {"search_callback": "config.search.search", "show_history": True},
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": False,
        "navigation": "config.unfold.navigation",
    },
}
