"""The CRM's picture of a deal: the account, the opportunity with what was quoted, and how it ended.

Amounts and quote number are ours; the stage is ours only at the end. Off: deliveries end with a note.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from contracts.models import Contract, Customer
from governance import external_ids
from integrations.crm import salesforce
from integrations.crm.salesforce import AccountValues, OpportunityValues
from integrations.models import Delivery
from pricing.money import Money
from quoting.models import Quote, QuoteVersion
from quoting.queries import priced

SYSTEM = "salesforce"
OFF = "No CRM is connected; nothing was sent."
Status = QuoteVersion.Status


def account(delivery: Delivery, at: datetime) -> str:
    """Create the customer's account or bring it up to date."""
    if not salesforce.enabled():
        return OFF
    return f"Account {_push_account(Customer.objects.get(pk=delivery.change.subject_id))} is up to date."


def quote(delivery: Delivery, at: datetime) -> str:
    """The account, and the opportunity with the amounts of the offer that is out now; new ones start at the quote."""
    if not salesforce.enabled():
        return OFF
    version = _present(_version_of(delivery).quote)
    if version is None:
        return "No offer is out any more; nothing was sent."
    _push_account(version.quote.customer)
    return _remembered(version.quote, salesforce.upsert_opportunity(_values(version)), "shows the offer")


def won(delivery: Delivery, at: datetime) -> str:
    """Close the opportunity as won, with what was signed."""
    if not salesforce.enabled():
        return OFF
    contract = Contract.objects.select_related("customer").get(pk=delivery.change.subject_id)
    version = QuoteVersion.objects.filter(contract=contract).select_related("quote__customer").first()
    if version is None:
        return "This contract came without a quote; the CRM knows no opportunity for it."
    _push_account(contract.customer)
    signed_on = contract.signed_at.astimezone(ZoneInfo(contract.time_zone)).date()
    return _remembered(version.quote, salesforce.mark_won(_values(version), on=signed_on), "is won")


def lost(delivery: Delivery, at: datetime) -> str:
    """Close the opportunity as lost, unless a newer offer is out or was accepted meanwhile."""
    if not salesforce.enabled():
        return OFF
    version = _version_of(delivery)
    if _present(version.quote) != version or version.decided_at is None:
        return "The quote goes on with another offer; the opportunity stays open."
    _push_account(version.quote.customer)
    on = version.decided_at.astimezone(ZoneInfo(version.quote.customer.time_zone)).date()
    return _remembered(version.quote, salesforce.mark_lost(_values(version), on=on), "is lost")


def _push_account(customer: Customer) -> str:
    street = ", ".join(line.strip() for line in customer.billing_address.splitlines() if line.strip())
    values = AccountValues(str(customer.pk), customer.name, street=street, country=customer.country)
    pushed = salesforce.upsert_account(values)
    external_ids.remember(SYSTEM, customer, pushed)
    return pushed


def _values(version: QuoteVersion) -> OpportunityValues:
    offer = priced(version)
    year = sum(offer.total_by_month[:12], Money.zero(version.currency))
    commits = sum((commit.price for commit in offer.commits), Money.zero(version.currency).amount)
    return OpportunityValues(
        key=opportunity_key(version.quote),
        account_key=str(version.quote.customer_id),
        name=version.quote.title or f"{version.quote.customer.name} {version.quote.number}",
        close_on=version.valid_until,
        amount=offer.total.amount,
        currency=version.currency,
        annual_amount=year.amount,
        commit_amount=commits,
        quote_number=version.quote.number,
    )


def opportunity_key(quote: Quote) -> str:
    """Our id of the opportunity: the one it was given, otherwise the quote's own."""
    return quote.opportunity_key or str(quote.pk)


def _version_of(delivery: Delivery) -> QuoteVersion:
    return QuoteVersion.objects.select_related("quote__customer").get(pk=delivery.change.subject_id)


def _present(quote: Quote) -> QuoteVersion | None:
    """The latest offer that the customer has seen and that still counts."""
    seen = quote.versions.filter(status__in=[Status.SENT, Status.ACCEPTED, Status.DECLINED])
    return seen.select_related("quote__customer").order_by("-number").first()


def _remembered(quote: Quote, pushed: str, what: str) -> str:
    external_ids.remember(SYSTEM, quote, pushed)
    return f"Opportunity {pushed} {what}."
