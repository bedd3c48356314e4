"""Who may do what at every door: the table the tests hold the doors to. What is not listed is for nobody.

Ann prices, Ben sells, Dee is the deal desk, Cara keeps the books, Cleo looks after customers, Eric the machines,
Ada the accounts.
"""

from dataclasses import dataclass

EVERYBODY = "ann ben dee cara cleo eric ada"
NOBODY = ""


@dataclass(frozen=True)
class Table:
    """Who sees a list with its rows and their histories, who adds a row by form, who changes one by form."""

    sees: str
    adds: str = NOBODY
    changes: str = NOBODY


DEALS = "ann ben dee cara cleo ada"
BILLS = "ben dee cara cleo ada"
TABLES = {
    "catalog.product": Table(EVERYBODY, adds="ann", changes="ann"),
    "catalog.ratecard": Table(EVERYBODY, adds="ann"),
    "catalog.ratecardversion": Table(EVERYBODY),
    "catalog.feature": Table(EVERYBODY, adds="ann", changes="ann"),
    "catalog.costrate": Table("ann dee cara"),
    "catalog.selectionrule": Table(EVERYBODY, adds="ann", changes="ann"),
    "metering.meter": Table("ann cara cleo eric ada", adds="ann eric"),
    "metering.usageevent": Table("ann cara cleo eric ada"),
    "metering.quarantinedevent": Table("ann cara cleo eric ada"),
    "contracts.customer": Table(DEALS, adds="ben", changes="ben cara"),
    "contracts.legalentity": Table(DEALS, adds="ada", changes="cara ada"),
    "contracts.contract": Table(DEALS),
    "contracts.commit": Table(DEALS),
    "quoting.quote": Table(DEALS, adds="ben"),
    "quoting.quoteversion": Table(DEALS),
    "invoicing.invoice": Table(BILLS),
    "invoicing.payment": Table(BILLS),
    "invoicing.creditnote": Table(BILLS),
    "invoicing.billingrun": Table("dee cara cleo ada"),
    "invoicing.unpricedusage": Table(DEALS),
    "ledger.journalentry": Table("cara ada"),
    "ledger.account": Table("cara ada"),
    "integrations.delivery": Table("cara eric ada"),
    "integrations.inboundmessage": Table("cara eric ada"),
    "integrations.externalid": Table("cara eric ada"),
    "governance.change": Table("ann dee cara ada"),
    "governance.approvalrequest": Table("ann ben dee cara ada"),
    "governance.approvalpolicy": Table("ann dee cara ada", adds="dee ada", changes="dee ada"),
    "governance.systemkey": Table("ann dee cara eric ada", adds="eric ada"),
    "auth.user": Table("ada", adds="ada", changes="ada"),
    "auth.group": Table("ada"),
    "axes.accessattempt": Table(NOBODY),
    "axes.accesslog": Table(NOBODY),
    "axes.accessfailurelog": Table(NOBODY),
}

# Buttons with a dialog: it opens by GET and acts by POST.
VERBS = {
    "catalog_product_add_cost": "ann",
    "catalog_product_grant": "ann",
    "catalog_product_revoke": "ann",
    "catalog_product_delete_unused": "ann",
    "catalog_feature_delete_unused": "ann",
    "catalog_selectionrule_ask_earlier": "ann",
    "catalog_selectionrule_ask_later": "ann",
    "catalog_selectionrule_delete_rule": "ann",
    "catalog_ratecard_draft": "ann",
    "catalog_ratecard_roll_back": "ann",
    "catalog_ratecard_describe": "ann",
    "catalog_ratecardversion_submit": "ann",
    "catalog_ratecardversion_plan": "ann",
    "catalog_ratecardversion_publish": "ann",
    "catalog_ratecardversion_reopen": "ann",
    "catalog_ratecardversion_roll_back": "ann",
    "catalog_ratecardversion_withdraw": "ann",
    "metering_usageevent_upload": "eric",
    "metering_quarantinedevent_replay": "eric",
    "metering_quarantinedevent_dismiss": "eric",
    "metering_quarantinedevent_replay_all": "eric",
    "contracts_contract_end": "cara",
    "quoting_quote_submit": "ben",
    "quoting_quote_send": "ben",
    "quoting_quote_reopen": "ben",
    "quoting_quote_revise": "ben",
    "quoting_quote_decline": "ben",
    "quoting_quote_clone": "ben",
    "invoicing_invoice_finalize": "cara",
    "invoicing_invoice_void": "cara",
    "invoicing_invoice_record_payment": "cara",
    "invoicing_invoice_credit": "cara",
    "invoicing_billingrun_bill_now": "cara",
    "invoicing_unpricedusage_bill_again": "cara",
    "invoicing_unpricedusage_dismiss": "cara",
    "integrations_delivery_retry": "cara eric ada",
    "integrations_inboundmessage_retry": "cara eric ada",
    "governance_approvalrequest_approve": "dee cara",
    "governance_approvalrequest_reject": "dee cara",
    "governance_systemkey_revoke": "eric ada",
}
# Forms on a page that only take a POST, each from a page of its own.
POSTS = {
    "catalog_rate_preview": "ann",
    "quoting_quote_line": "ben",
    "quoting_quote_line_remove": "ben",
    "quoting_quote_commit": "ben",
    "quoting_quote_commit_remove": "ben",
    "quoting_quote_terms": "ben",
    "quoting_quote_prices": "ben",
}
# Other pages, and who may open them.
PAGES = {
    "catalog_rate_add": "ann",
    "catalog_rate_edit": "ann",
    "catalog_ratecard_compare": EVERYBODY,
    "catalog_ratecardversion_impact": "ann dee cara cleo ada",
    "catalog_selectionrule_explain": EVERYBODY,
    "quoting_quote_pdf": DEALS,
    "invoicing_invoice_pdf": BILLS,
    "ledger_journalentry_export": "cara ada",
    "auth_user_password_change": "ada",
    "index": EVERYBODY,
    "search": EVERYBODY,
    "jsi18n": EVERYBODY,
    "password_change": EVERYBODY,
    "password_change_done": EVERYBODY,
}
# Tested apart: by what they answer, not by who asks.
APART = {"login", "logout", "autocomplete", "view_on_site", "app_list"}

# Who may know what things cost us, and what a change of prices means in money.
COSTS = "ann dee cara"
# The API: the scope a key needs, and the people who may without one.
API = {
    "GET usage-events": ("usage:read", NOBODY),
    "POST usage-events": ("usage:write", NOBODY),
    "GET usage": ("usage:read", "ann cara cleo eric ada"),
    "GET products": ("catalog:read", EVERYBODY),
    "POST products": ("catalog:write", "ann"),
    "GET products/<slug:product>": ("catalog:read", EVERYBODY),
    "PUT products/<slug:product>": ("catalog:write", "ann"),
    "DELETE products/<slug:product>": ("catalog:write", "ann"),
    "GET products/<slug:product>/costs": ("catalog:write", COSTS),
    "POST products/<slug:product>/costs": ("catalog:write", "ann"),
    "GET products/<slug:product>/cost": ("catalog:write", COSTS),
    "PUT products/<slug:product>/features/<slug:feature>": ("catalog:write", "ann"),
    "DELETE products/<slug:product>/features/<slug:feature>": ("catalog:write", "ann"),
    "GET features": ("catalog:read", EVERYBODY),
    "POST features": ("catalog:write", "ann"),
    "PUT features/<slug:feature>": ("catalog:write", "ann"),
    "DELETE features/<slug:feature>": ("catalog:write", "ann"),
    "GET rate-cards": ("catalog:read", EVERYBODY),
    "POST rate-cards": ("catalog:write", "ann"),
    "GET rate-cards/select": ("catalog:read", EVERYBODY),
    "GET rate-cards/<slug:key>": ("catalog:read", EVERYBODY),
    "PUT rate-cards/<slug:key>": ("catalog:write", "ann"),
    "GET rate-cards/<slug:key>/rates": ("catalog:read", EVERYBODY),
    "GET rate-cards/<slug:key>/rates/<slug:product>": ("catalog:read", EVERYBODY),
    "GET rate-cards/<slug:key>/versions": ("catalog:read", EVERYBODY),
    "GET rate-cards/<slug:key>/versions/<int:number>": ("catalog:read", EVERYBODY),
    "GET rate-cards/<slug:key>/difference": ("catalog:read", EVERYBODY),
    "POST rate-cards/<slug:key>/versions/<int:number>/withdraw": ("catalog:write", "ann"),
    "POST rate-cards/<slug:key>/versions/<int:number>/roll-back": ("catalog:write", "ann"),
    "GET rate-cards/<slug:key>/draft": ("catalog:read", EVERYBODY),
    "POST rate-cards/<slug:key>/draft": ("catalog:write", "ann"),
    "PUT rate-cards/<slug:key>/draft": ("catalog:write", "ann"),
    "PUT rate-cards/<slug:key>/draft/rates": ("catalog:write", "ann"),
    "PUT rate-cards/<slug:key>/draft/rates/<slug:product>": ("catalog:write", "ann"),
    "DELETE rate-cards/<slug:key>/draft/rates/<slug:product>": ("catalog:write", "ann"),
    "PUT rate-cards/<slug:key>/draft/units/<str:unit>": ("catalog:write", "ann"),
    "GET rate-cards/<slug:key>/draft/lint": ("catalog:write", COSTS),
    "GET rate-cards/<slug:key>/draft/impact": ("catalog:write", COSTS),
    "POST rate-cards/<slug:key>/draft/submit": ("catalog:write", "ann"),
    "POST rate-cards/<slug:key>/draft/reopen": ("catalog:write", "ann"),
    "POST rate-cards/<slug:key>/draft/publish": ("catalog:write", "ann"),
    "POST rate-cards/<slug:key>/draft/discard": ("catalog:write", "ann"),
    "GET selection-rules": ("catalog:read", EVERYBODY),
    "POST selection-rules": ("catalog:write", "ann"),
    "PUT selection-rules/order": ("catalog:write", "ann"),
    "PUT selection-rules/<uuid:rule>": ("catalog:write", "ann"),
    "DELETE selection-rules/<uuid:rule>": ("catalog:write", "ann"),
    "GET charge-schema": ("catalog:read", EVERYBODY),
    "POST charges/price": ("catalog:read", EVERYBODY),
    "GET pricing": ("catalog:read", EVERYBODY),
    "GET pricing/schema": ("catalog:read", EVERYBODY),
    "POST pricing/plan": ("catalog:write", COSTS),
    "POST pricing/apply": ("catalog:write", "ann"),
    "GET customers": ("customers:read", DEALS),
    "POST customers": ("customers:write", "ben"),
    "GET contracts": ("contracts:read", DEALS),
    "GET contracts/<str:number>": ("contracts:read", DEALS),
    "POST quotes": ("quotes:write", "ben"),
    "GET quotes/<str:number>": ("quotes:read", DEALS),
    "POST quotes/<str:number>/submit": ("quotes:write", "ben"),
    "POST quotes/<str:number>/send": ("quotes:write", "ben"),
    "GET invoices": ("invoices:read", BILLS),
    "GET invoices/<str:name>": ("invoices:read", BILLS),
    "GET invoices/<str:name>/pdf": ("invoices:read", BILLS),
}
# Doors without a sign-in, each with a lock of its own or nothing behind it.
OPEN = {
    "", "favicon.ico", "health", "api/schema/", "api/docs/", "hooks/stripe",
    "q/<str:token>/", "q/<str:token>/pdf", "i/<str:token>/", "i/<str:token>/pdf",
    "prices/<slug:key>", "prices/<slug:key>.json", "prices/<slug:key>/estimate",
}  # fmt: skip
