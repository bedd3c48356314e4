"""Invoices in the fake Stripe: drafts and their items, and the states a finalized invoice may go through."""

from integrations.fakes.stripe_refusals import StripeRefusal
from integrations.fakes.stripe_shapes import blank, hosted_url, items_of, lines
from integrations.fakes.stripe_store import Object, Store, with_metadata

_TENS = {"bhd", "jod", "kwd", "omr", "tnd"}  # three decimals, the last of which must be 0
_HUNDREDS = {"isk", "ugx"}  # no decimals, still written with two
_MOST_ITEMS = 250


def create(store: Store, sent: Object) -> Object:
    if "customer" not in sent:
        message = "You must pass either `customer` or `customer_account`."
        raise StripeRefusal(message, code="parameter_missing", param="customer")
    customer = store.get("customers", sent["customer"], "customer")
    collection = sent.get("collection_method", "charge_automatically")
    _check_number(store, sent.get("number"))
    now = store.now()
    invoice = store.add(
        "invoices",
        **blank(),
        auto_advance=sent.get("auto_advance", False),
        billing_reason="manual",
        collection_method=collection,
        currency=_currency(sent.get("currency") or customer["currency"] or "usd"),
        customer=customer["id"],
        customer_address=customer["address"],
        customer_email=customer["email"],
        customer_name=customer["name"],
        customer_phone=customer["phone"],
        due_date=_due(store, sent, collection, now),
        metadata=with_metadata({}, sent.get("metadata")),
        period_start=now,
        period_end=now,
        **{name: sent.get(name) for name in ("description", "effective_at", "footer", "number")},
    )
    if sent.get("pending_invoice_items_behavior", "exclude") == "include":
        for item in store.tables["invoice_items"].values():
            if item["customer"] == customer["id"] and not item["invoice"] and item["currency"] == invoice["currency"]:
                item["invoice"] = invoice["id"]
    return _announce(store, invoice, "invoice.created")


def update(store: Store, invoice: Object, sent: Object) -> Object:
    """A draft may change; of a finalized invoice only the metadata."""
    if invoice["status"] != "draft" and set(sent) - {"metadata", "expand"}:
        raise not_editable("Finalized invoices can't be updated in this way")
    if "number" in sent and sent["number"] != invoice["number"]:
        _check_number(store, sent["number"])
    if {"due_date", "days_until_due"} & set(sent):
        invoice["due_date"] = _due(store, sent, invoice["collection_method"], invoice["created"])
    plain = ("auto_advance", "description", "effective_at", "footer", "number")
    invoice |= {name: sent[name] for name in plain if name in sent}
    invoice["metadata"] = with_metadata(invoice["metadata"], sent.get("metadata"))
    return _announce(store, invoice, "invoice.updated")


def delete(store: Store, invoice: Object) -> Object:
    if invoice["status"] != "draft":
        raise not_editable("You can only delete draft invoices")
    for item in items_of(store, invoice):
        del store.tables["invoice_items"][item["id"]]
    del store.tables["invoices"][invoice["id"]]
    return {"id": invoice["id"], "object": "invoice", "deleted": True}


def create_item(store: Store, sent: Object) -> Object:
    if "customer" not in sent:
        message = "You must pass either `customer` or `customer_account`."
        raise StripeRefusal(message, code="parameter_missing", param="customer")
    customer = store.get("customers", sent["customer"], "customer")
    if "amount" not in sent:
        raise StripeRefusal("You must pass an amount.", code="parameter_missing", param="amount")
    currency = _currency(sent.get("currency") or customer["currency"] or "usd")
    _check_amount(sent["amount"], currency)
    invoice = _draft_for(store, sent, customer, currency) if "invoice" in sent else None
    now = store.now()
    period = sent.get("period", {"start": now, "end": now})
    if period["end"] < period["start"]:
        raise StripeRefusal("The period's end must not be before its start.", param="period[end]")
    item = store.add(
        "invoice_items",
        **dict.fromkeys(("customer_account", "parent", "test_clock")),
        amount=sent["amount"],
        currency=currency,
        customer=customer["id"],
        date=now,
        description=sent.get("description"),
        discountable=sent["amount"] >= 0,
        discounts=[],
        invoice=invoice and invoice["id"],
        metadata=with_metadata({}, sent.get("metadata")),
        net_amount=sent["amount"],
        period=period,
        pricing={"type": "price_details", "unit_amount_decimal": str(sent["amount"])},
        proration=False,
        quantity=1,
        quantity_decimal="1",
        tax_rates=[],
    )
    del item["created"]  # an item has a date instead
    if invoice:
        total(store, invoice)
    return item


def finalize(store: Store, invoice: Object, sent: Object) -> Object:
    if invoice["status"] != "draft":
        raise not_editable("This invoice is already finalized, you can't re-finalize a non-draft invoice.")
    customer = store.get("customers", invoice["customer"])
    now = store.now()
    if invoice["due_date"] and invoice["due_date"] < now:
        raise StripeRefusal("The due date must be in the future to finalize an invoice.", param="due_date")
    total(store, invoice)
    customer["currency"] = customer["currency"] or invoice["currency"]
    invoice["number"] = invoice["number"] or _next_number(customer)
    invoice["auto_advance"] = sent.get("auto_advance", invoice["auto_advance"])
    invoice["effective_at"] = invoice["effective_at"] or now
    _apply_balance(invoice, customer)
    invoice["status"] = "open"
    invoice["status_transitions"]["finalized_at"] = now
    _announce(store, invoice, "invoice.finalized")
    if invoice["amount_due"] == 0:
        settle(store, invoice)
    return invoice


def settle(store: Store, invoice: Object) -> None:
    """Nothing is owed any more."""
    invoice |= {"status": "paid", "attempted": True, "auto_advance": False, "amount_remaining": 0}
    invoice["status_transitions"]["paid_at"] = store.now()
    _announce(store, invoice, "invoice.paid")
    _announce(store, invoice, "invoice.payment_succeeded")


def void(store: Store, invoice: Object) -> Object:
    if invoice["status"] not in ("open", "uncollectible"):
        raise not_editable(f"You can only void open or uncollectible invoices, this one is {invoice['status']}.")
    invoice |= {"status": "void", "auto_advance": False}
    invoice["status_transitions"]["voided_at"] = store.now()
    return _announce(store, invoice, "invoice.voided")


def mark_uncollectible(store: Store, invoice: Object) -> Object:
    if invoice["status"] != "open":
        raise not_editable(f"You can only mark open invoices uncollectible, this one is {invoice['status']}.")
    invoice |= {"status": "uncollectible", "auto_advance": False}
    invoice["status_transitions"]["marked_uncollectible_at"] = store.now()
    return _announce(store, invoice, "invoice.marked_uncollectible")


def total(store: Store, invoice: Object) -> None:
    """Bring a draft's figures up to date with its items."""
    amount = sum(item["amount"] for item in items_of(store, invoice))
    invoice |= dict.fromkeys(("total", "subtotal", "total_excluding_tax", "subtotal_excluding_tax"), amount)
    invoice |= dict.fromkeys(("amount_due", "amount_remaining"), max(amount, 0))


def not_editable(message: str) -> StripeRefusal:
    return StripeRefusal(message, code="invoice_not_editable")


def _announce(store: Store, invoice: Object, name: str) -> Object:
    from_items = lines(store, invoice)
    store.emit(name, invoice | {"lines": from_items, "hosted_invoice_url": hosted_url(store, invoice)})
    return invoice


def _due(store: Store, sent: Object, collection: str, created: int) -> int | None:
    given = [name for name in ("due_date", "days_until_due") if name in sent]
    if collection != "send_invoice":
        if given:
            raise StripeRefusal(f"{given[0]} is only for collection_method=send_invoice.", param=given[0])
        return None
    if len(given) != 1:
        message = "With collection_method=send_invoice you must pass one of `days_until_due` and `due_date`."
        raise StripeRefusal(message, code="parameter_missing", param="days_until_due")
    if "days_until_due" in sent:
        if sent["days_until_due"] < 1:
            raise StripeRefusal("Invalid days_until_due: must be positive", param="days_until_due")
        return created + 86_400 * int(sent["days_until_due"])
    if sent["due_date"] <= store.now():
        message = "Invalid timestamp: must be an integer Unix timestamp in the future."
        raise StripeRefusal(message, param="due_date")
    return int(sent["due_date"])


def _draft_for(store: Store, sent: Object, customer: Object, currency: str) -> Object:
    invoice = store.get("invoices", sent["invoice"], "invoice")
    if invoice["customer"] != customer["id"]:
        raise StripeRefusal("The invoice belongs to another customer.", param="invoice")
    if invoice["status"] != "draft":
        raise not_editable("The invoice item can't be added: this invoice is no longer editable")
    if invoice["currency"] != currency:
        message = f"The currency of the item ({currency}) must be that of the invoice ({invoice['currency']})."
        raise StripeRefusal(message, param="currency")
    if len(items_of(store, invoice)) >= _MOST_ITEMS:
        raise StripeRefusal(f"An invoice holds at most {_MOST_ITEMS} items.", param="invoice")
    return invoice


def _currency(code: str) -> str:
    if len(code) != 3 or not code.isalpha():
        raise StripeRefusal(f"Invalid currency: {code}.", param="currency")
    return code.lower()


def _check_amount(amount: int, currency: str) -> None:
    step = 10 if currency in _TENS else 100 if currency in _HUNDREDS else 1
    if amount % step:
        raise StripeRefusal(f"Invalid amount: {currency} amounts must be divisible by {step}.", param="amount")
    if abs(amount) > 99_999_999_999:
        raise StripeRefusal("Amount must be no more than 999,999,999.99", code="amount_too_large", param="amount")


def _check_number(store: Store, number: str | None) -> None:
    if number is None:
        return
    if len(number) > 26:
        raise StripeRefusal("The invoice number must be at most 26 characters.", param="number")
    if any(invoice["number"] == number for invoice in store.tables["invoices"].values()):
        raise StripeRefusal(f"The invoice number {number} is already in use.", param="number")


def _next_number(customer: Object) -> str:
    customer["next_invoice_sequence"] += 1
    return f"{customer['invoice_prefix']}-{customer['next_invoice_sequence'] - 1:04d}"


def _apply_balance(invoice: Object, customer: Object) -> None:
    """A customer's credit is used up first, and an invoice below zero adds to it."""
    invoice["starting_balance"] = customer["balance"]
    owed = invoice["total"] + customer["balance"]
    customer["balance"] = min(owed, 0)
    invoice["ending_balance"] = customer["balance"]
    invoice |= dict.fromkeys(("amount_due", "amount_remaining"), max(owed, 0))
