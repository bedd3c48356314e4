"""The offer as PDF: drawn once it is sent, kept with its hash, never drawn again."""

from hashlib import sha256
from urllib.parse import urlsplit

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction
from django.template.loader import render_to_string

from governance import documents
from governance.acts import Act
from governance.change import change, locked
from quoting.models import QuoteVersion
from quoting.presentation import presented


def document_of(version: QuoteVersion, *, act: Act | None = None) -> bytes:
    """The PDF of an offer. Of one that was sent whoever asks first has it drawn; from then on it is the same bytes.

    One that was not sent yet is drawn anew each time, and says that it is a draft. The instance given learns where the
    document is and its hash. DocumentDamaged when what is stored does not have the hash it was stored with.
    """
    stored = QuoteVersion.objects.select_related("quote__customer").get(pk=version.pk)
    if stored.sent_at is None:
        return drawn(stored)
    if not stored.document_sha256:
        stored = _keep(stored, drawn(stored), act or Act.of_system("quoting", "The document was first asked for."))
    version.document, version.document_sha256 = stored.document, stored.document_sha256
    return documents.kept(stored.document, stored.document_sha256)


def drawn(version: QuoteVersion) -> bytes:
    """The PDF as it would be drawn now. Nothing is kept."""
    host = urlsplit(settings.PUBLIC_URL).netloc
    return documents.pdf(render_to_string("quoting/document.html", {"shown": presented(version), "host": host}))


def _keep(version: QuoteVersion, document: bytes, act: Act) -> QuoteVersion:
    with transaction.atomic():
        version = locked(version)
        if not version.document_sha256:  # nobody was faster
            with change("quote.document_drawn", version, act):
                name = f"{version.quote.number}-v{version.number}.pdf"
                version.document.save(name, ContentFile(document), save=False)
                version.document_sha256 = sha256(document).hexdigest()
                version.save()
    return version
