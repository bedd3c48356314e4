"""The hosted invoice page of the fake Stripe: what a customer sees, with a button that pays."""

import time
from decimal import Decimal
from html import escape
from pathlib import Path
from string import Template

from integrations.fakes.stripe_shapes import items_of
from integrations.fakes.stripe_store import Object, Store

_WHOLE = {
    "bif",
    "clp",
    "djf",
    "gnf",
    "jpy",
    "kmf",
    "krw",
    "mga",
    "pyg",
    "rwf",
    "vnd",
    "vuv",
    "xaf",
    "xof",
    "xpf",
}
_THOUSANDTHS = {"bhd", "jod", "kwd", "omr", "tnd"}

_PAGE = Template(Path(__file__).with_name("stripe_page.html").read_text())


def invoice_page(store: Store, invoice: Object) -> bytes:
    currency = invoice["currency"]
    rows = [(item["description"] or "Item", item["amount"]) for item in items_of(store, invoice)]
    rows.append(("Total", invoice["total"]))
    table = "".join(f"<tr><td>{escape(text)}</td><td>{_money(amount, currency)}</td></tr>" for text, amount in rows)
    billed = escape(invoice["customer_name"] or invoice["customer_email"] or "")
    body = (
        f"<p>Invoice {escape(invoice['number'])} for {billed}</p>"
        f"<h1>{_money(invoice['amount_due'], currency)}</h1>{_state(invoice)}"
        f"<table>{table}</table>{_button(invoice)}"
    )
    return _PAGE.substitute(title=f"Invoice {escape(invoice['number'])}", body=body).encode()


def not_found() -> bytes:
    body = "<h1>No such invoice</h1><p>This link leads to no invoice that could be paid.</p>"
    return _PAGE.substitute(title="No such invoice", body=body).encode()


def _state(invoice: Object) -> str:
    if invoice["status"] == "paid":
        return f'<p class="good">Paid on {_day(invoice["status_transitions"]["paid_at"])}</p>'
    if invoice["status"] != "open":
        return f"<p>This invoice is {invoice['status']}; nothing is to be paid.</p>"
    return f"<p>Due {_day(invoice['due_date'])}</p>" if invoice["due_date"] else "<p>Due now</p>"


def _button(invoice: Object) -> str:
    if invoice["status"] != "open":
        return ""
    amount = _money(invoice["amount_due"], invoice["currency"])
    return f'<form method="post"><button type="submit">Pay {amount} with test card 4242</button></form>'


def _day(moment: int) -> str:
    return time.strftime("%-d %B %Y", time.gmtime(moment))


def _money(minor: int, currency: str) -> str:
    places = 0 if currency in _WHOLE else 3 if currency in _THOUSANDTHS else 2
    return f"{Decimal(minor).scaleb(-places):,.{places}f} {currency.upper()}".replace("-", "\N{MINUS SIGN}")
