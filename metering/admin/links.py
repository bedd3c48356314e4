"""Links from pages of metering to pages above it, by their names."""

from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


def trace_link(source: str, event_id: str) -> SafeString:
    """To the page that follows an event to its invoice line."""
    query = urlencode({"id": event_id, "source": source})
    return format_html(
        '<a href="{}?{}" class="font-medium text-primary-600 dark:text-primary-400">From here to the invoice</a>',
        reverse("insights_trace"),
        query,
    )
