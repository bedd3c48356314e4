"""How the admin looks."""

from typing import Any

from django.templatetags.static import static

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
        "navigation": "config.navigation.navigation",
    },
}
