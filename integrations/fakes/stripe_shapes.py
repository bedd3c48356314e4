"""What an invoice and its lines look like when the fake Stripe shows them."""

from integrations.fakes.stripe_store import Object, Store

_NULLS = """
    account_country account_name account_tax_ids application automatically_finalizes_at
    confirmation_secret custom_fields customer_account customer_shipping default_payment_method
    default_source ending_balance from_invoice last_finalization_error latest_revision
    next_payment_attempt on_behalf_of parent receipt_number rendering shipping_cost shipping_details
    statement_descriptor test_clock threshold_reason webhooks_delivered_at
"""
_ZEROS = """
    amount_due amount_overpaid amount_paid amount_paid_off_stripe amount_remaining amount_shipping
    attempt_count post_payment_credit_notes_amount pre_payment_credit_notes_amount starting_balance
    subtotal subtotal_excluding_tax total total_excluding_tax
"""
_LISTS = """
    customer_tax_ids default_tax_rates discounts total_discount_amounts total_pretax_credit_amounts
    total_taxes
"""


def blank() -> Object:
    """A draft's fields before anything is on it."""
    automatic = dict.fromkeys(("disabled_reason", "liability", "provider", "status")) | {"enabled": False}
    payment = dict.fromkeys(("default_mandate", "payment_method_options", "payment_method_types"))
    return {
        **dict.fromkeys(_NULLS.split()),
        **dict.fromkeys(_ZEROS.split(), 0),
        **{name: [] for name in _LISTS.split()},
        "attempted": False,
        "automatic_tax": automatic,
        "customer_tax_exempt": "none",
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "payment_settings": payment,
        "status": "draft",
        "status_transitions": dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
    }


def items_of(store: Store, invoice: Object) -> list[Object]:
    return [item for item in store.tables["invoice_items"].values() if item["invoice"] == invoice["id"]]


def hosted_url(store: Store, invoice: Object) -> str | None:
    return None if invoice["status"] == "draft" else f"{store.url}/invoice/{invoice['id']}"


def lines(store: Store, invoice: Object, limit: int = 10) -> Object:
    """The items as the invoice shows them, in the order they were added."""
    made = [_line(item) for item in items_of(store, invoice)]
    address = f"/v1/invoices/{invoice['id']}/lines"
    return {"object": "list", "data": made[:limit], "has_more": len(made) > limit, "url": address}


def _line(item: Object) -> Object:
    details = {
        "invoice_item": item["id"],
        "proration": False,
        "proration_details": None,
        "subscription": None,
    }
    parent = {
        "type": "invoice_item_details",
        "invoice_item_details": details,
        "subscription_item_details": None,
    }
    same = "amount currency description discountable discounts invoice livemode metadata period pricing quantity"
    line = {name: item[name] for name in same.split()}
    line |= {"id": "il_" + item["id"].removeprefix("ii_"), "object": "line_item", "parent": parent}
    line |= {"discount_amounts": [], "pretax_credit_amounts": [], "subscription": None, "taxes": []}
    return line | {"subtotal": item["amount"], "quantity_decimal": item["quantity_decimal"]}
