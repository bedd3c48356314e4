"""The signed link to an offer. It names one version and nothing else; whoever holds it may read and answer."""

from django.conf import settings
from django.urls import reverse

from governance import links
from quoting.models import QuoteVersion

SALT = "quoting.portal"


def link(version: QuoteVersion) -> str:
    """The address under which the customer reads and answers this version: absolute, signed, always the same."""
    address: str = settings.PUBLIC_URL + reverse("offer", args=[token_of(version)])
    return address


def token_of(version: QuoteVersion) -> str:
    return links.signed(version.pk, SALT)


def version_named(token: str) -> QuoteVersion | None:
    """The version a token names, with what its page shows; None for a token we did not sign."""
    if (pk := links.named(token, SALT)) is None:
        return None
    related = ("quote__customer", "quote__legal_entity", "quote__owner", "rate_card_version__card", "contract")
    return QuoteVersion.objects.select_related(*related).filter(pk=pk).first()
