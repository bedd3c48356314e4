"""The PDF: what it says, that it is drawn once and kept, and that drawing fetches nothing."""

import io
from pathlib import Path
from uuid import uuid4

import pytest
from pypdf import PdfReader

from contracts import operations as contracts
from contracts.models import Contract, Customer
from governance.acts import Refused
from governance.documents import DocumentDamaged, pdf
from governance.models import Change
from invoicing import documents
from invoicing.models import Invoice
from tests.invoicing.books import FEB, act, bill, month_invoice


def text_of(document: bytes) -> str:
    text = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(document)).pages)
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_the_document_says_what_is_owed_to_whom_and_why(billed: list[Invoice]) -> None:
    text = text_of(documents.document_of(billed[1]))
    for said in (
        "Quoin GmbH", "DE123456789", "Contoso Ltd", "1 Main Street", "INV-000002", "2 Feb 2026", "4 Mar 2026",
        "1 – 31 Jan 2026", "20,000,000 tokens", "10,000,000 at $2.50 per million", "15% off", "$38.25", "$34.00",
        "$20.00", "Drawn from Prepaid usage", "$0.00 left", "−$40.00", "$92.25", "$52.25", "USD",
        "DE02 1203 0000 0000 2020 51", "1 / 1",
    ):  # fmt: skip
        assert said in text, said


def test_the_amounts_printed_are_the_amounts_stored(billed: list[Invoice]) -> None:
    for invoice in billed:
        text = text_of(documents.document_of(invoice))
        for amount in [invoice.total, *invoice.lines.values_list("amount", flat=True)]:
            assert f"{abs(amount):,.2f}" in text


def test_a_document_is_drawn_once_and_survives_every_change_of_what_it_shows(
    billed: list[Invoice], contoso: Customer
) -> None:
    first = documents.document_of(billed[1])
    contracts.update_customer(contoso, name="Contoso Renamed", act=act("They merged"))
    assert documents.document_of(billed[1]) == first
    assert Change.objects.filter(name="invoice.document_drawn").count() == 1


def test_drawing_again_gives_the_same_bytes(billed: list[Invoice]) -> None:
    assert documents.drawn(billed[1]) == documents.drawn(billed[1])


def test_a_damaged_document_is_noticed(billed: list[Invoice]) -> None:
    documents.document_of(billed[1])
    billed[1].refresh_from_db()
    Path(billed[1].document.path).write_bytes(b"%PDF-another")
    with pytest.raises(DocumentDamaged, match="INV-000002"):
        documents.document_of(billed[1])


def test_a_draft_has_no_document_but_can_be_looked_at(used: Contract) -> None:
    bill(FEB)
    draft = month_invoice(used)
    with pytest.raises(Refused, match="draft; it has no document"):
        documents.document_of(draft)
    assert "DRAFT" in text_of(documents.drawn(draft))
    assert not Change.objects.filter(name="invoice.document_drawn").exists()


def test_drawing_fetches_nothing_and_runs_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "secret.css"
    secret.write_text("body::after { content: 'leaked' }")
    html = f"""
        <link rel="stylesheet" href="file://{secret}"><link rel="attachment" href="file:///etc/passwd">
        <style>@import url(file://{secret}); body {{ background: url(file:///etc/passwd) }}</style>
        <img src="file:///etc/hostname"><img src="http://127.0.0.1:1/x"><p>kept</p>"""
    document = pdf(html)
    assert text_of(document).strip() == "kept"
    assert "/EmbeddedFiles" not in document.decode("latin-1")


def test_names_are_text_and_never_markup(used: Contract, contoso: Customer) -> None:
    contracts.update_customer(contoso, name="<b>Bold</b> & Sons", act=act("A name"))
    bill()
    assert "<b>Bold</b> & Sons" in text_of(documents.document_of(month_invoice(used)))


def test_a_long_invoice_has_numbered_pages_and_every_line(used: Contract) -> None:
    bill(FEB)
    draft = month_invoice(used)
    first = draft.lines.first()
    for position in range(100, 160):
        first.pk, first.position, first.description = uuid4(), position, f"Product {position}"
        first.save(force_insert=True)
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(documents.drawn(draft))).pages]
    assert len(pages) > 3
    for number, page in enumerate(pages, 1):
        assert f"{number} / {len(pages)}" in page
    text = "\n".join(pages)
    assert all(text.count(f"Product {position}") == 1 for position in range(100, 160))
