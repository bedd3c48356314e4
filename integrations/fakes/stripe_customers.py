"""Customers in the fake Stripe."""

from integrations.fakes.stripe_refusals import StripeRefusal
from integrations.fakes.stripe_store import Object, Store, with_metadata

_PLAIN = ("description", "email", "name", "phone", "preferred_locales", "tax_exempt")
_ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")


def create(store: Store, sent: Object) -> Object:
    customer = store.add(
        "customers",
        **dict.fromkeys(("currency", "default_source", "description", "email", "name", "phone", "shipping")),
        **dict.fromkeys(("address", "customer_account", "discount", "test_clock")),
        balance=0,
        delinquent=False,
        invoice_prefix=f"{len(store.tables['customers']) + 1:08X}",
        invoice_settings={
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        metadata={},
        next_invoice_sequence=1,
        preferred_locales=[],
        tax_exempt="none",
    )
    try:
        return _fill(store, customer, sent, "customer.created")
    except StripeRefusal:
        del store.tables["customers"][customer["id"]]
        raise


def update(store: Store, customer: Object, sent: Object) -> Object:
    return _fill(store, customer, sent, "customer.updated")


def _fill(store: Store, customer: Object, sent: Object, event: str) -> Object:
    email = sent.get("email")
    if email and ("@" not in email or " " in email):
        raise StripeRefusal(f"Invalid email address: {email}", code="email_invalid", param="email")
    country = (sent.get("address") or {}).get("country")
    if country and not (len(country) == 2 and country.isalpha()):
        message = f"Country '{country}' is unknown. Try using a 2-character alphanumeric country code instead."
        raise StripeRefusal(message, param="address[country]")
    customer |= {name: sent[name] for name in _PLAIN if name in sent}
    if "address" in sent:
        customer["address"] = dict.fromkeys(_ADDRESS) | sent["address"] if sent["address"] else None
    customer["metadata"] = with_metadata(customer["metadata"], sent.get("metadata"))
    store.emit(event, customer)
    return customer
