"""Documents as PDF: drawn from HTML without fetching anything, and read back only if they are what was kept."""

from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from typing import Any

from django.contrib.staticfiles import finders
from django.db.models.fields.files import FieldFile

FONTS = "font:"
FONT_FOLDER = "unfold/fonts/inter/"


class DocumentDamaged(RuntimeError):
    """The stored document is not the one that was kept."""


def pdf(html: str) -> bytes:
    """This HTML as PDF; the same HTML gives the same bytes.

    Nothing it refers to is fetched, neither from the network nor from the disk, but the fonts that come with the
    product (`font:Inter-Regular.woff2`).
    """
    import weasyprint  # loads Pango, which a process that draws nothing does without

    class OnlyFonts(weasyprint.urls.URLFetcher):
        def fetch(self, url: str, headers: object = None) -> Any:
            if not url.startswith(FONTS) or "/" in url:
                raise ValueError("documents fetch nothing")
            return weasyprint.urls.URLFetcherResponse(url, _font(url.removeprefix(FONTS)))

    document = weasyprint.HTML(string=html, url_fetcher=OnlyFonts())
    drawn: bytes = document.write_pdf(pdf_identifier=sha256(html.encode()).digest()[:16], pdf_tags=True)
    return drawn


def kept(file: FieldFile, hash_kept: str) -> bytes:
    """The stored bytes; DocumentDamaged if they do not have the SHA-256 they were kept with."""
    with file.open("rb") as stream:
        stored: bytes = stream.read()
    if sha256(stored).hexdigest() != hash_kept:
        raise DocumentDamaged(f"{file.name} is not what was kept")
    return stored


@lru_cache(maxsize=8)
def _font(name: str) -> bytes:
    """A font that comes with the product, unpacked once: a document is drawn three times as fast as from WOFF2."""
    from fontTools.ttLib import TTFont

    path = finders.find(FONT_FOLDER + name)
    if path is None:
        raise ValueError(f"there is no font {name}")
    unpacked = BytesIO()
    font = TTFont(path, recalcTimestamp=False)
    font.flavor = None
    font.save(unpacked)
    return unpacked.getvalue()
