"""Signed links to a customer's invoice: who has the link may look, and nobody can make one up."""

from django.conf import settings
from django.core import signing
from django.urls import reverse

from invoicing.models import Invoice

SALT = "invoicing.portal"


def token_of(invoice: Invoice) -> str:
    """For as long as the secret key stays: an invoice has to be found again years later."""
    return signing.dumps(str(invoice.pk), salt=SALT)


def link_to(invoice: Invoice) -> str:
    """The address of the customer's page, with host."""
    return settings.PUBLIC_URL + reverse("invoice-page", args=[token_of(invoice)])


def invoice_of(token: str) -> Invoice | None:
    """The issued invoice this token was made for; None for a forged token, a draft, or one that is gone."""
    try:
        pk = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        return None
    return Invoice.objects.select_related("contract").filter(pk=pk).exclude(number=None).first()
