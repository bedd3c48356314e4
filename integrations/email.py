"""Messages to customers: plain text and HTML, the document attached, a link to the page.

The Message-ID comes from the delivery, so that a message sent twice is one to whoever compares. Logs name nobody.
"""

import smtplib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import formataddr, parseaddr
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from contracts.models import Customer, LegalEntity
from contracts.queries import addresses_of
from governance.acts import Act
from integrations.errors import Permanent, Transient
from integrations.models import Delivery
from invoicing import documents as invoice_documents
from invoicing import links as invoice_links
from invoicing.models import Invoice
from invoicing.queries import still_open
from pricing.money import shown
from pricing.periods import Period, local_days
from quoting import documents as quote_documents
from quoting import links as quote_links
from quoting.models import QuoteVersion
from quoting.queries import priced

PDF = "application/pdf"


@dataclass(frozen=True)
class Letter:
    """One message: `template` names the .txt and .html that turn `context` into its body."""

    to: Customer
    subject: str
    template: str
    context: Mapping[str, Any]
    attachment: tuple[str, bytes]


def quote(delivery: Delivery, at: datetime) -> str:
    """The offer goes out, unless it is no longer to be answered."""
    version = QuoteVersion.objects.select_related("quote__customer", "quote__legal_entity").get(
        pk=delivery.change.subject_id
    )
    if version.status != QuoteVersion.Status.SENT:
        return f"The offer is {version.get_status_display().lower()} by now; nothing was sent."
    ours, offer = version.quote.legal_entity, priced(version)
    months = offer.total_by_month
    context = {
        "seller": ours,
        "customer": version.quote.customer,
        "number": version.quote.number,
        "title": version.quote.title,
        "months": version.months,
        "start_on": version.start_on,
        "valid_until": version.valid_until,
        "total": str(offer.total),
        "first_month": str(months[0]) if months else "",
        "link": quote_links.link(version),
    }
    subject = f"Your offer {version.quote.number} from {ours.name}"
    document = (f"{version.quote.number}.pdf", quote_documents.document_of(version, act=_drawing(delivery, at)))
    return _send(Letter(version.quote.customer, subject, "quote", context, document), ours, delivery)


def invoice(delivery: Delivery, at: datetime) -> str:
    """The invoice goes out, also when it is paid already; one that was voided meanwhile does not."""
    ours = Invoice.objects.select_related("customer", "legal_entity").get(pk=delivery.change.subject_id)
    if ours.status == Invoice.Status.VOID:
        return "The invoice is void by now; nothing was sent."
    first, last = local_days(Period(ours.period_start, ours.period_end), ours.time_zone)
    context = {
        "seller": ours.legal_entity,
        "customer": ours.customer,
        "number": ours.number,
        "is_commit": ours.kind == Invoice.Kind.COMMIT,
        "first_day": first,
        "last_day": last,
        "total": shown(ours.total, ours.currency),
        "open": shown(still_open(ours), ours.currency),
        "is_open": still_open(ours) > 0,
        "due_on": ours.due_on,
        "link": invoice_links.link_to(ours),
    }
    subject = f"Invoice {ours.number} from {ours.legal_entity.name}"
    document = (f"{ours.number}.pdf", invoice_documents.document_of(ours, act=_drawing(delivery, at)))
    return _send(Letter(ours.customer, subject, "invoice", context, document), ours.legal_entity, delivery)


def _send(letter: Letter, seller: LegalEntity, delivery: Delivery) -> str:
    context = {**letter.context, "subject": letter.subject}
    to, cc = addresses_of(letter.to)
    message = EmailMultiAlternatives(
        subject=letter.subject,
        body=render_to_string(f"integrations/email/{letter.template}.txt", context),
        from_email=formataddr((seller.name, parseaddr(settings.DEFAULT_FROM_EMAIL)[1])),
        to=to,
        cc=cc,
        reply_to=[seller.email],
        headers={"Message-ID": message_id(delivery)},
    )
    message.attach_alternative(render_to_string(f"integrations/email/{letter.template}.html", context), "text/html")
    message.attach(*letter.attachment, PDF)
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as refusal:
        codes = {code for code, _ in refusal.recipients.values()}
        if all(code >= 500 for code in codes):
            raise Permanent("The mail server refuses the customer's address.") from refusal
        raise Transient("The mail server cannot take mail for the customer now.") from refusal
    except (OSError, smtplib.SMTPException) as failure:
        raise Transient(f"The mail could not be sent ({type(failure).__name__}).") from failure
    return f"Sent with {letter.attachment[0]}."


def _drawing(delivery: Delivery, at: datetime) -> Act:
    return Act.of_system("E-mail", f"Drawn to be sent: {delivery.change.name}", at)


def message_id(delivery: Delivery) -> str:
    """The same for every attempt of a delivery, and different from any other of this installation."""
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    return f"<delivery-{delivery.pk}.{delivery.change.at:%Y%m%d%H%M%S}@{host}>"
