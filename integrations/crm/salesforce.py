"""Salesforce: accounts and opportunities, upserted by our id.

The organization needs these custom fields. On Account and Opportunity: `Quoin_Id__c` (text 64, external id, unique).
On Opportunity: `Quoin_Quote_Number__c` (text 40), `Quoin_Currency__c` (text 3), and `Quoin_Annual_Amount__c` and
`Quoin_Commit_Amount__c` (currency 16, 2).

Takes plain values and knows no tables. Failures are `Transient` or `Permanent`. Ask `enabled()` first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, cast
from urllib.parse import quote

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, SFType
from simple_salesforce import exceptions as refusals

from integrations.errors import Permanent, Transient

WON, LOST = "Closed Won", "Closed Lost"
_VERSION = "64.0"
_KEY = "Quoin_Id__c"
_TIMEOUT = 30
_PASSING = {"REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE", "UNABLE_TO_LOCK_ROW"}


@dataclass(frozen=True)
class AccountValues:
    """`key` is our id, for ever. Empty texts are not sent."""

    key: str
    name: str
    street: str = ""
    city: str = ""
    postal_code: str = ""
    state: str = ""
    country: str = ""


@dataclass(frozen=True)
class OpportunityValues:
    """What a quote says. `stage` is written when the opportunity is new; afterwards the sales team moves it.

    `amount` is the whole contract's, `annual_amount` a year's, `commit_amount` what is paid in advance.
    """

    key: str
    account_key: str
    name: str
    close_on: date
    amount: Decimal
    currency: str
    annual_amount: Decimal | None = None
    commit_amount: Decimal | None = None
    quote_number: str = ""
    stage: str = "Proposal/Price Quote"


def enabled() -> bool:
    return bool(settings.SALESFORCE_INSTANCE_URL)


def upsert_account(values: AccountValues) -> str:
    """Create or update the account; its Salesforce id."""
    fields = {
        "Name": values.name,
        "BillingStreet": values.street,
        "BillingCity": values.city,
        "BillingPostalCode": values.postal_code,
        "BillingState": values.state,
        "BillingCountry": values.country,
    }
    return _upsert("Account", values.key, {name: text for name, text in fields.items() if text})


def upsert_opportunity(values: OpportunityValues) -> str:
    """Create or update the opportunity and its amounts; its Salesforce id. The account must be there."""
    fields = _opportunity_fields(values)
    if _exists("Opportunity", values.key):
        return _upsert("Opportunity", values.key, fields)
    sales = {"StageName": values.stage, "CloseDate": values.close_on.isoformat()}
    return _upsert("Opportunity", values.key, fields | sales)


def mark_won(values: OpportunityValues, *, on: date) -> str:
    """Close the opportunity as won on that day, with what was signed; made if it was not there."""
    return _close(values, WON, on)


def mark_lost(values: OpportunityValues, *, on: date) -> str:
    """Close the opportunity as lost on that day; made if it was not there."""
    return _close(values, LOST, on)


def stage_of(key: str) -> str:
    """The opportunity's present stage; empty when Salesforce does not know it."""
    with _translated():
        try:
            return str(_sobject("Opportunity").get(_address(key))["StageName"])
        except refusals.SalesforceResourceNotFound:
            return ""


def _close(values: OpportunityValues, stage: str, on: date) -> str:
    closing = {"StageName": stage, "CloseDate": on.isoformat()}
    return _upsert("Opportunity", values.key, _opportunity_fields(values) | closing)


def _opportunity_fields(values: OpportunityValues) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "Name": values.name[:120],
        "Account": {_KEY: values.account_key},
        "Amount": _number(values.amount),
        "Quoin_Currency__c": values.currency,
    }
    if values.annual_amount is not None:
        fields["Quoin_Annual_Amount__c"] = _number(values.annual_amount)
    if values.commit_amount is not None:
        fields["Quoin_Commit_Amount__c"] = _number(values.commit_amount)
    if values.quote_number:
        fields["Quoin_Quote_Number__c"] = values.quote_number
    return fields


def _number(amount: Decimal) -> float:
    """A JSON number, which is all that Salesforce takes for money; refused when it would not be the same amount."""
    number = float(amount)
    if Decimal(repr(number)) != amount:
        raise Permanent(f"Salesforce cannot hold the amount {amount} exactly.")
    return number


def _exists(sobject: str, key: str) -> bool:
    with _translated():
        try:
            _sobject(sobject).get(_address(key))
        except refusals.SalesforceResourceNotFound:
            return False
        return True


def _upsert(sobject: str, key: str, fields: dict[str, Any]) -> str:
    with _translated():
        kind = _sobject(sobject)
        answer = kind.upsert(_address(key), fields, raw_response=True)
        return str(answer.json()["id"] if answer.content else kind.get(_address(key))["Id"])


def _address(key: str) -> str:
    return f"{_KEY}/{quote(key, safe='')}"


def _sobject(name: str) -> SFType:
    return cast(SFType, getattr(_client(), name))


def _client() -> Salesforce:
    url, token, bundle = (
        settings.SALESFORCE_INSTANCE_URL,
        settings.SALESFORCE_ACCESS_TOKEN,
        settings.SALESFORCE_CA_BUNDLE,
    )
    return _connected(url, token, bundle)


@cache
def _connected(url: str, token: str, bundle: str) -> Salesforce:
    session = requests.Session()
    session.mount("https://", _Patient())
    if bundle:  # REQUESTS_CA_BUNDLE would silently win over ours
        session.verify, session.trust_env = bundle, False
    return Salesforce(instance_url=url, session_id=token, session=session, version=_VERSION)


class _Patient(HTTPAdapter):
    """Waits, but not for ever: the client itself sets no time limit."""

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["timeout"] = kwargs.get("timeout") or _TIMEOUT
        return super().send(*args, **kwargs)


@contextmanager
def _translated() -> Iterator[None]:
    """Raise `Transient` for what may pass (network, limits, an expired session), `Permanent` for a refusal."""
    try:
        yield
    except refusals.SalesforceExpiredSession as error:
        raise Transient("Salesforce does not accept our session: renew SALESFORCE_ACCESS_TOKEN.") from error
    except refusals.SalesforceError as error:
        code, message = _reason(error)
        if code in _PASSING or error.status >= 500:
            raise Transient(f"Salesforce cannot answer now: {message}") from error
        raise Permanent(f"Salesforce refused: {message}") from error
    except requests.RequestException as error:
        raise Transient("Salesforce could not be reached.") from error


def _reason(error: refusals.SalesforceError) -> tuple[str, str]:
    content: Any = error.content
    if isinstance(content, list) and content and isinstance(content[0], dict):
        return str(content[0].get("errorCode", "")), str(content[0].get("message", ""))
    return "", f"HTTP {error.status}"
