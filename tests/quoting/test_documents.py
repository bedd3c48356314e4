"""The offer as PDF: the same bytes for the same offer, drawn once, and nothing fetched to draw it."""

from collections.abc import Iterator
from hashlib import sha256

import pytest
from django.db import DatabaseError, connection

from governance import documents
from governance.clock import clock_set_to
from governance.models import Change
from quoting.documents import document_of, drawn
from quoting.models import QuoteVersion
from tests import cast

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_the_time_of_the_cast() -> Iterator[None]:
    with clock_set_to(cast.NOW):
        yield


def test_a_sent_offer_is_drawn_once_and_kept_with_its_hash() -> None:
    version = cast.sent()
    document = document_of(version)
    assert document.startswith(b"%PDF-")
    assert version.document_sha256 == sha256(document).hexdigest()
    stored = QuoteVersion.objects.get(pk=version.pk)
    assert stored.document_sha256 == version.document_sha256
    assert document_of(stored) == document
    change = Change.objects.get(name="quote.document_drawn")
    assert (change.subject_id, change.at) == (str(version.pk), cast.NOW)


def test_what_was_sent_stays_though_the_customer_moves() -> None:
    version = cast.sent()
    document = document_of(version)
    customer = version.quote.customer
    cast.contracts.update_customer(customer, name="Contoso Worldwide", act=cast.act("ben", "They moved"))
    assert document_of(version) == document
    assert drawn(QuoteVersion.objects.get(pk=version.pk)) != document


def test_the_same_offer_gives_the_same_bytes() -> None:
    version = cast.sent()
    assert drawn(version) == drawn(QuoteVersion.objects.get(pk=version.pk))


def test_a_draft_is_drawn_but_not_kept() -> None:
    version = cast.quote_for_contoso()
    assert document_of(version).startswith(b"%PDF-")
    version.refresh_from_db()
    assert (version.document_sha256, bool(version.document)) == ("", False)
    assert not Change.objects.filter(name="quote.document_drawn").exists()


def test_a_document_that_was_changed_on_disk_is_not_given_out() -> None:
    version = cast.sent()
    document_of(version)
    version.document.storage.delete(version.document.name)
    with version.document.storage.open(version.document.name, "wb") as file:
        file.write(b"%PDF- something else")
    with pytest.raises(documents.DocumentDamaged):
        document_of(version)


def test_the_hash_of_a_document_never_changes() -> None:
    version = cast.sent()
    document_of(version)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('quoin.change', '1', true)")
        with pytest.raises(DatabaseError, match="an offer that was sent never changes"):
            cursor.execute("UPDATE quoting_quoteversion SET document_sha256 = 'x' WHERE id = %s", [version.pk])


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/x.png", "file:///etc/hostname", "font:../../styles.css", "data:image/png;base64,AA"]
)
def test_nothing_is_fetched(address: str, caplog: pytest.LogCaptureFixture) -> None:
    document = documents.pdf(f'<p>Hello</p><img src="{address}" alt="picture">')
    assert document.startswith(b"%PDF-")
    assert b"/Image" not in document


def test_html_in_a_name_is_text() -> None:
    version = cast.quote_for_contoso(to=cast.customer("evil", name="<img src=x onerror=alert(1)> & O'Brien"))
    assert drawn(version).startswith(b"%PDF-")
