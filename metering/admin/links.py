"""Links from pages of metering to pages above it, by their names."""

from urllib.parse import urlencode

from django.urls import reverse
from django.utils.safestring import SafeString

from governance.admin_base import link


def trace_link(source: str, event_id: str) -> SafeString:
    """To the page that follows an event to its invoice line."""
    query = urlencode({"id": event_id, "source": source})
    return link(f"{reverse('insights_trace')}?{query}", "From here to the invoice")
