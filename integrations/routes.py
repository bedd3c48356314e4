"""Who hears of what: the whole map, on one page. A route is `system.what`; each system is a queue of its own."""

ROUTES: dict[str, tuple[str, ...]] = {
    "customer.created": ("crm.account",),
    "customer.updated": ("crm.account", "stripe.customer"),
    "quote.sent": ("email.quote", "crm.quote"),
    "quote.declined": ("crm.lost",),
    "contract.signed": ("crm.won",),
    "invoice.finalized": ("ledger.invoice", "email.invoice", "stripe.invoice"),
    "payment.recorded": ("ledger.payment", "stripe.settlement"),
    "invoice.voided": ("ledger.void", "stripe.void"),
    "credit_note.issued": ("ledger.credit_note", "stripe.settlement"),
}

# In the order in which one round serves them: what needs nobody outside comes first.
SYSTEMS: tuple[str, ...] = ("ledger", "email", "stripe", "crm")
