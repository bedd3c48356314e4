"""`bench journey`: the whole story once, then its three heavy parts by themselves, in a throw-away database.

- ingest: events per second through POST /api/v1/usage-events over HTTP, in batches of 1,000, screened and durable.
  The limit is one COPY of the same rows, on one connection, into a table with the same unique index.
- billing: rated lines per second of whole runs (gather, rate, draw, record, number) over fifty contracts like the
  story's. The limit is the kernel's `rate()` on the same terms and usage.
- invoice_pdf: documents per second, from the database. The limit is WeasyPrint on the same HTML.
- whole: seconds from an empty company to booked cash with every document written, usage sent and billing run twice.
  The limit is what the limits above would take for the same rows, lines and documents, once.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
from django.template.loader import render_to_string

from config.bench import crowd
from config.bench.database import LIKE_USAGE, copied_out, copy_in, run
from config.bench.figures import Figure, Progress, seconds, typical
from config.journey import story, summary
from config.journey.stage import stage
from config.journey.usage_file import Request, first_month
from governance import documents
from invoicing.documents import drawn
from invoicing.models import Invoice, InvoiceLine
from invoicing.presentation import context

BENCH = "journey"
_NO_USAGE = "TRUNCATE metering_usageevent, metering_usageidentity"


def figures(usage: list[Request], progress: Progress) -> Iterator[Figure]:
    """Play the journey on this usage and measure; each figure as soon as it is known."""
    with stage() as place, TemporaryDirectory() as kept:
        told = story.Story(place, usage, first_month(usage), lambda *_: None)
        progress("Playing the whole journey")
        took = seconds(lambda: story.play(told)) + seconds(lambda: summary.write(told, Path(kept)))
        lines = InvoiceLine.objects.count()
        pdfs = len(list(Path(kept).glob("*.pdf")))
        progress("Sending usage")
        yield (ingest := _ingest(told))
        progress("Billing fifty contracts")
        yield (billing := _billing(told))
        progress("Drawing invoices")
        yield (pdf := _invoice_pdf(told))
        limit = len(usage) / ingest.limit + lines / billing.limit + pdfs / pdf.limit
        yield Figure(BENCH, "whole", took, "s", limit)


def _ingest(told: story.Story) -> Figure:
    key = story.usage_key("bench")
    batches = [(month_end, body) for month_end, rows in story.by_month(told.usage) for body in _bodies(told, rows)]
    count = len(told.usage)
    sent = typical(lambda: _send(told, batches, key), before=lambda: run(_NO_USAGE))
    rows = copied_out()
    copied = typical(lambda: copy_in(rows), before=lambda: run(LIKE_USAGE))
    return Figure(BENCH, "ingest", count / sent, "events/s", count / copied)


def _billing(told: story.Story) -> Figure:
    bill, rate = crowd.billed(told)
    return Figure(BENCH, "billing", bill, "lines/s", rate)


def _invoice_pdf(told: story.Story) -> Figure:
    """The last invoice of the story, the one with the most lines."""
    *_, invoice = story.invoices(told)
    html = render_to_string("invoicing/document.html", context(invoice))
    ours = typical(lambda: drawn(Invoice.objects.get(pk=invoice.pk)))
    bare = typical(lambda: documents.pdf(html))
    return Figure(BENCH, "invoice_pdf", 1 / ours, "documents/s", 1 / bare)


def _bodies(told: story.Story, rows: list[Request]) -> Iterator[bytes]:
    events = [story.event_of(row, told.customer.key) for row in rows]
    for first in range(0, len(events), story.BATCH):
        yield json.dumps(events[first : first + story.BATCH]).encode()


def _send(told: story.Story, batches: list[tuple[datetime, bytes]], key: str) -> None:
    with requests.Session() as session:
        session.headers.update({"Authorization": f"Api-Key {key}", "Content-Type": "application/json"})
        for month_end, body in batches:
            told.stage.set_clock(month_end)
            answer: Any = session.post(f"{told.stage.url}/api/v1/usage-events", data=body, timeout=120)
            answer.raise_for_status()
            if answer.json()["duplicates"] or answer.json()["quarantined"]:
                raise RuntimeError("the bench must only send what is new and can be counted")
