"""What customers get: a text, the same as HTML, the document, a link that works."""

import logging
import re
import smtplib
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.test import Client
from pytest_django.fixtures import Settings

from contracts import operations as contracts
from governance import clock
from governance.models import Change
from integrations import email, outbox
from integrations.models import Delivery
from invoicing import operations as invoicing
from invoicing.models import Invoice
from quoting import operations as quoting
from tests import cast
from tests.books import BILLING_DAY, act, billed_january, pay


@pytest.fixture
def billed(db: None) -> Iterator[tuple[Invoice, Invoice]]:
    with clock.clock_set_to(BILLING_DAY):
        yield billed_january()


class Refusing(BaseEmailBackend):
    """A mail server that refuses as the test says."""

    failure: Exception = OSError("connection refused")

    def send_messages(self, messages: Any) -> int:
        raise self.failure


def sent_to_dan(subject: str) -> EmailMultiAlternatives:
    (message,) = [each for each in mail.outbox if subject in each.subject]
    assert isinstance(message, EmailMultiAlternatives)
    assert message.to == ["dan@contoso.test"]
    return message


def html_of(message: EmailMultiAlternatives) -> str:
    ((content, kind),) = message.alternatives
    assert kind == "text/html"
    return str(content)


def link_in(text: str, path: str) -> str:
    (found,) = set(re.findall(rf"http://testserver({path}[^\s\"]+)", text))
    return str(found)


def test_an_offer_goes_out_with_its_document_and_a_link_that_works(db: None, client: Client) -> None:
    version = cast.sent()
    outbox.drain(at=cast.NOW)
    message = sent_to_dan(f"Your offer {version.quote.number} from Quoin Inc.")
    assert message.from_email == '"Quoin Inc." <billing@localhost>'
    assert message.reply_to == ["billing@quoin.test"]
    assert "In total     $1,103.00 if usage is as expected, $88.25 in the first month" in message.body
    assert "Valid until  31 January 2026" in message.body
    assert "$1,103.00" in html_of(message)
    ((name, document, kind),) = message.attachments
    version.refresh_from_db()
    assert (name, kind) == (f"{version.quote.number}.pdf", "application/pdf")
    assert sha256(document).hexdigest() == version.document_sha256  # type: ignore[arg-type]
    with clock.clock_set_to(cast.NOW):
        assert client.get(link_in(message.body, "/q/")).status_code == 200
    assert link_in(message.body, "/q/") == link_in(html_of(message), "/q/")


def test_an_offer_that_was_replaced_meanwhile_is_not_sent(db: None) -> None:
    version = cast.sent()
    quoting.revise(version.quote, act=cast.act("ben", "They want more"))
    outbox.drain(at=cast.NOW)
    assert mail.outbox == []
    assert Delivery.objects.get(route="email.quote").note == "The offer is superseded by now; nothing was sent."


def test_invoices_go_out_with_their_documents(billed: tuple[Invoice, Invoice], client: Client) -> None:
    outbox.drain(at=BILLING_DAY)
    commit, month = (sent_to_dan(f"Invoice {each.number} from Quoin Inc.") for each in billed)
    assert "It is for prepaid usage." in commit.body
    assert "It is for 1 January 2026 to 31 January 2026." in month.body
    assert "Total  $52.25\n  Open   $52.25, due on 4 March 2026" in month.body
    billed[1].refresh_from_db()
    ((name, document, _),) = month.attachments
    assert name == f"{billed[1].number}.pdf"
    assert sha256(document).hexdigest() == billed[1].document_sha256  # type: ignore[arg-type]
    assert client.get(link_in(month.body, "/i/")).status_code == 200


def test_mail_goes_to_the_billing_contacts(db: None) -> None:
    contacts = [contracts.Contact("ap@contoso.test", "Pat"), contracts.Contact("books@contoso.test", role="cc")]
    contracts.update_customer(cast.contoso(), noted=contracts.Noted(contacts), act=cast.act("ben"))
    with clock.clock_set_to(BILLING_DAY):
        billed_january()
        outbox.drain(at=BILLING_DAY)
    sent = [(each.to, each.cc) for each in mail.outbox]
    assert sent == [(["ap@contoso.test"], ["books@contoso.test"])] * 2


def test_a_paid_invoice_says_that_nothing_is_left(billed: tuple[Invoice, Invoice]) -> None:
    pay(billed[1], "52.25")
    outbox.drain(at=BILLING_DAY)
    assert "Nothing is left to pay." in sent_to_dan(str(billed[1].number)).body


def test_a_void_invoice_is_not_sent(billed: tuple[Invoice, Invoice]) -> None:
    invoicing.void_invoice(billed[1], act=act("Wrong address"))
    outbox.drain(at=BILLING_DAY)
    assert [message.subject for message in mail.outbox] == [f"Invoice {billed[0].number} from Quoin Inc."]
    assert "The invoice is void by now; nothing was sent." in Delivery.objects.values_list("note", flat=True)


def test_the_message_id_is_the_deliverys_and_stays(billed: tuple[Invoice, Invoice]) -> None:
    outbox.drain(at=BILLING_DAY)
    delivery = Delivery.objects.filter(route="email.invoice").latest("id")
    Delivery.objects.filter(pk=delivery.pk).update(status="due", next_at=BILLING_DAY)
    outbox.drain(at=BILLING_DAY)
    first, second = [message for message in mail.outbox if str(billed[1].number) in message.subject]
    assert first.message()["Message-ID"] == second.message()["Message-ID"] == email.message_id(delivery)
    assert first.attachments == second.attachments


def test_a_name_in_the_text_is_plain_and_in_the_page_escaped(db: None) -> None:
    cast.contoso(name='Contoso <b>&</b> "Sons"')
    cast.sent()
    outbox.drain(at=cast.NOW)
    message = sent_to_dan("Your offer")
    assert 'Contoso <b>&</b> "Sons"' in message.body
    assert "Contoso &lt;b&gt;&amp;&lt;/b&gt;" in html_of(message)


def test_a_name_cannot_add_a_header(billed: tuple[Invoice, Invoice]) -> None:
    seller = billed[0].legal_entity
    seller.name = "Quoin\r\nBcc: eve@elsewhere.test"
    delivery = Delivery(pk=1, change=Change.objects.latest("id"), route="email.invoice", next_at=BILLING_DAY)
    letter = email.Letter(billed[0].customer, "Invoice", "invoice", {"seller": seller}, ("a.pdf", b""))
    with pytest.raises(ValueError, match="newlines"):
        email._send(letter, seller, delivery)
    assert mail.outbox == []


@pytest.mark.parametrize(
    ("failure", "status", "error"),
    [
        (OSError("connection refused"), "due", "The mail could not be sent (OSError)."),
        (smtplib.SMTPServerDisconnected("bye"), "due", "The mail could not be sent (SMTPServerDisconnected)."),
        (
            smtplib.SMTPRecipientsRefused({"dan@contoso.test": (550, b"no such user")}),
            "failed",
            "The mail server refuses the customer's address.",
        ),
        (
            smtplib.SMTPRecipientsRefused({"dan@contoso.test": (450, b"greylisted")}),
            "due",
            "The mail server cannot take mail for the customer now.",
        ),
    ],
)
def test_what_a_mail_server_says_is_on_the_row_and_the_log_names_nobody(
    db: None,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    failure: Exception,
    status: str,
    error: str,
) -> None:
    cast.sent()
    settings.EMAIL_BACKEND = f"{__name__}.Refusing"
    monkeypatch.setattr(Refusing, "failure", failure)
    caplog.set_level(logging.DEBUG)
    outbox.drain(at=cast.NOW)
    delivery = Delivery.objects.get(route="email.quote")
    assert (delivery.status, delivery.error) == (status, error)
    assert "contoso" not in caplog.text.lower()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    outbox.drain(at=cast.NOW + timedelta(days=1))
    assert len(mail.outbox) == (1 if status == "due" else 0)
