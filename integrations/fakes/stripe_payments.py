"""Money in the fake Stripe: an invoice is paid, by card or outside of Stripe, or not; a payment goes back."""

from integrations.fakes.stripe_invoicing import not_editable, settle
from integrations.fakes.stripe_refusals import StripeRefusal
from integrations.fakes.stripe_shapes import hosted_url, lines
from integrations.fakes.stripe_store import Object, Store, with_metadata


def pay(store: Store, invoice: Object, sent: Object) -> Object:
    """`paid_out_of_band`, or a test card: `pm_card_visa` works, one with `chargeDeclined` in it does not."""
    if invoice["status"] == "paid":
        raise not_editable("Invoice is already paid")
    if invoice["status"] not in ("open", "uncollectible"):
        raise not_editable(f"Only open and uncollectible invoices can be paid, this one is {invoice['status']}.")
    if sent.get("paid_out_of_band"):
        invoice["amount_paid"] = invoice["amount_paid_off_stripe"] = invoice["amount_due"]
        settle(store, invoice)
        return invoice
    card = sent.get("payment_method") or sent.get("source")
    if not card:
        message = "There is no `default_payment_method` set on this Customer or Invoice. Please pass one."
        raise StripeRefusal(message, code="missing", param="payment_method")
    if not card.startswith("pm_card_"):
        raise StripeRefusal(f"No such PaymentMethod: '{card}'", code="resource_missing", param="payment_method")
    if "chargeDeclined" in card:
        _decline(store, invoice)
    _collect(store, invoice, card)
    return invoice


def _collect(store: Store, invoice: Object, card: str) -> None:
    now = store.now()
    same = {"currency": invoice["currency"], "customer": invoice["customer"], "metadata": {}}
    amount = invoice["amount_due"]
    intent = store.add(
        "payment_intents",
        **same,
        amount=amount,
        amount_received=amount,
        capture_method="automatic",
        description=f"Payment for Invoice {invoice['number']}",
        latest_charge=None,
        payment_method=card,
        payment_method_types=["card"],
        status="succeeded",
    )
    charge = store.add(
        "charges",
        **same,
        amount=amount,
        amount_captured=amount,
        amount_refunded=0,
        captured=True,
        description=intent["description"],
        paid=True,
        payment_intent=intent["id"],
        payment_method=card,
        refunded=False,
        status="succeeded",
    )
    intent["latest_charge"] = charge["id"]
    payment = store.add(
        "invoice_payments",
        amount_paid=amount,
        amount_requested=amount,
        currency=invoice["currency"],
        invoice=invoice["id"],
        is_default=True,
        payment={"type": "payment_intent", "payment_intent": intent["id"]},
        status="paid",
        status_transitions={"canceled_at": None, "paid_at": now},
    )
    invoice["amount_paid"] = amount
    invoice["attempt_count"] += 1
    for name, subject in (
        ("payment_intent.succeeded", intent),
        ("charge.succeeded", charge),
        ("invoice_payment.paid", payment),
    ):
        store.emit(name, subject)
    settle(store, invoice)


def _decline(store: Store, invoice: Object) -> None:
    invoice["attempt_count"] += 1
    invoice["attempted"] = True
    shown = invoice | {"lines": lines(store, invoice), "hosted_invoice_url": hosted_url(store, invoice)}
    store.emit("invoice.payment_failed", shown)
    message = "Your card was declined."
    raise StripeRefusal(message, status=402, kind="card_error", code="card_declined", decline_code="generic_decline")


def refund(store: Store, sent: Object) -> Object:
    """Give back all or part of a charge; never more than was taken."""
    charge = _charge_of(store, sent)
    left = charge["amount"] - charge["amount_refunded"]
    amount = sent.get("amount", left)
    if left == 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise StripeRefusal(message, code="charge_already_refunded")
    if not 0 < amount <= left:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise StripeRefusal(message, param="amount")
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    made = store.add(
        "refunds",
        amount=amount,
        charge=charge["id"],
        currency=charge["currency"],
        metadata=with_metadata({}, sent.get("metadata")),
        payment_intent=charge["payment_intent"],
        reason=sent.get("reason"),
        status="succeeded",
    )
    del made["livemode"]
    store.emit("refund.created", made)
    store.emit("charge.refunded", charge)
    return made


def _charge_of(store: Store, sent: Object) -> Object:
    if "charge" in sent:
        return store.get("charges", sent["charge"], "charge")
    if "payment_intent" not in sent:
        message = "One of the following params should be provided for this request: payment_intent or charge."
        raise StripeRefusal(message, code="parameter_missing")
    intent = store.get("payment_intents", sent["payment_intent"], "payment_intent")
    return store.get("charges", intent["latest_charge"])
