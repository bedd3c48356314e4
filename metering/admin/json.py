"""JSON on a page."""

from typing import Any

import msgspec
from django.utils.html import format_html
from django.utils.safestring import SafeString

from metering.wire.events import json_of


def pretty(value: Any) -> SafeString:
    """Indented, numbers as they were reported."""
    text = msgspec.json.format(json_of(value), indent=2).decode()
    return format_html('<pre class="font-mono whitespace-pre-wrap">{}</pre>', text)
