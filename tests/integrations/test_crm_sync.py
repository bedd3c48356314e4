"""The CRM hears of a deal, over TLS, against the fake Salesforce."""

import pytest

from contracts import operations as contracts
from governance import external_ids
from integrations import outbox
from integrations.fakes.salesforce import FakeSalesforce
from integrations.models import Delivery
from quoting import operations as quoting
from quoting.models import QuoteVersion
from tests import cast

pytestmark = pytest.mark.django_db


def opportunity(salesforce: FakeSalesforce) -> tuple[str, float, str]:
    record = salesforce.find("Opportunity", "OPP-1")
    return record["StageName"], record["Amount"], record["Quoin_Quote_Number__c"]


def test_an_offer_brings_account_and_opportunity_with_its_amounts(salesforce: FakeSalesforce) -> None:
    version = cast.sent()
    outbox.drain(at=cast.NOW)
    record = salesforce.find("Opportunity", "OPP-1")
    account = salesforce.find("Account", str(version.quote.customer_id))
    assert opportunity(salesforce) == ("Proposal/Price Quote", 1103.0, version.quote.number)
    assert (record["AccountId"], record["Quoin_Commit_Amount__c"]) == (account["Id"], 36.0)
    assert record["Quoin_Annual_Amount__c"] == 1103.0
    assert account["Name"] == "Contoso Ltd"
    assert external_ids.known("salesforce", version.quote) == record["Id"]


def test_a_signature_wins_the_opportunity(salesforce: FakeSalesforce) -> None:
    contract = cast.signed_contract()
    outbox.drain(at=cast.NOW)
    number = QuoteVersion.objects.get(contract=contract).quote.number
    assert opportunity(salesforce) == ("Closed Won", 1103.0, number)
    assert len(salesforce.records["Opportunity"]) == 1


def test_the_end_is_the_same_in_whatever_order_it_is_told(salesforce: FakeSalesforce) -> None:
    cast.signed_contract()
    while outbox.relay(at=cast.NOW):
        pass
    for route in ("crm.won", "crm.quote", "crm.account"):
        for delivery in Delivery.objects.filter(route=route):
            outbox.deliver(delivery.pk, at=cast.NOW)
    assert opportunity(salesforce)[0] == "Closed Won"


def test_a_refusal_loses_the_opportunity(salesforce: FakeSalesforce) -> None:
    version = cast.sent()
    quoting.decline(version, name="Dan Contoso", reason="Too dear", act=cast.dans())
    outbox.drain(at=cast.NOW)
    assert opportunity(salesforce)[0] == "Closed Lost"


def test_a_stage_the_sales_team_chose_stays_until_the_end(salesforce: FakeSalesforce) -> None:
    version = cast.sent()
    outbox.drain(at=cast.NOW)
    salesforce.find("Opportunity", "OPP-1")["StageName"] = "Negotiation/Review"
    Delivery.objects.filter(route="crm.quote").update(status="due", next_at=cast.NOW)
    outbox.drain(at=cast.NOW)
    assert opportunity(salesforce) == ("Negotiation/Review", 1103.0, version.quote.number)


def test_a_renamed_customer_is_renamed_there(salesforce: FakeSalesforce) -> None:
    customer = cast.contoso()
    outbox.drain(at=cast.NOW)
    contracts.update_customer(customer, name="Contoso Group", act=cast.act("ben", "They merged"))
    outbox.drain(at=cast.NOW)
    assert salesforce.find("Account", str(customer.pk))["Name"] == "Contoso Group"
    assert len(salesforce.records["Account"]) == 1


def test_an_expired_session_is_tried_again(salesforce: FakeSalesforce) -> None:
    cast.contoso()
    salesforce.expire_session()
    outbox.drain(at=cast.NOW)
    delivery = Delivery.objects.get(route="crm.account")
    assert (delivery.status, delivery.error) == (
        "due",
        "Salesforce does not accept our session: renew SALESFORCE_ACCESS_TOKEN.",
    )
    salesforce.renew_session()
    outbox.drain(at=delivery.next_at)
    assert Delivery.objects.get(route="crm.account").status == "done"


def test_without_a_crm_deliveries_are_done_with_a_note() -> None:
    cast.signed_contract()
    outbox.drain(at=cast.NOW)
    notes = set(Delivery.objects.filter(route__startswith="crm.").values_list("status", "note"))
    assert notes == {("done", "No CRM is connected; nothing was sent.")}
