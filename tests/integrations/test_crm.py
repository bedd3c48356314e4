"""The Salesforce adapter against the fake, over TLS."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from pytest_django.fixtures import Settings

from integrations.crm import salesforce as crm
from integrations.crm.salesforce import AccountValues, OpportunityValues
from integrations.errors import Permanent, Transient
from integrations.fakes.salesforce import FakeSalesforce

CONTOSO = AccountValues(key="a-1", name="Contoso Ltd", city="Dublin", country="Ireland")
DEAL = OpportunityValues(
    key="OPP/1 ü",
    account_key="a-1",
    name="Contoso: 12 months",
    close_on=date(2023, 11, 30),
    amount=Decimal("1103.00"),
    currency="USD",
    annual_amount=Decimal("1103.00"),
    commit_amount=Decimal("36.00"),
    quote_number="Q-0001",
)


def test_it_is_off_without_an_address(settings: Settings) -> None:
    settings.SALESFORCE_INSTANCE_URL = ""
    assert crm.enabled() is False


def test_an_account_is_written_once_by_our_id(salesforce: FakeSalesforce) -> None:
    first = crm.upsert_account(CONTOSO)
    assert crm.upsert_account(replace(CONTOSO, name="Contoso Group")) == first
    [record] = salesforce.records["Account"].values()
    assert (record["Id"], record["Name"], record["BillingCity"]) == (first, "Contoso Group", "Dublin")


def test_an_opportunity_carries_the_quotes_amounts(salesforce: FakeSalesforce) -> None:
    account = crm.upsert_account(CONTOSO)
    crm.upsert_opportunity(DEAL)
    record = salesforce.find("Opportunity", "OPP/1 ü")
    written = {name: value for name, value in record.items() if value is not None and "Date" not in name}
    assert {name: written[name] for name in written if name not in ("Id", "SystemModstamp")} == {
        "Quoin_Id__c": "OPP/1 ü",
        "Name": "Contoso: 12 months",
        "AccountId": account,
        "StageName": "Proposal/Price Quote",
        "Amount": 1103.0,
        "IsClosed": False,
        "IsWon": False,
        "Probability": 75,
        "Quoin_Quote_Number__c": "Q-0001",
        "Quoin_Annual_Amount__c": 1103.0,
        "Quoin_Commit_Amount__c": 36.0,
        "Quoin_Currency__c": "USD",
    }


def test_the_stage_stays_the_sales_teams_until_the_deal_is_won(salesforce: FakeSalesforce) -> None:
    crm.upsert_account(CONTOSO)
    crm.upsert_opportunity(DEAL)
    salesforce.find("Opportunity", DEAL.key)["StageName"] = "Negotiation/Review"
    crm.upsert_opportunity(replace(DEAL, amount=Decimal("1200.50")))
    assert crm.stage_of(DEAL.key) == "Negotiation/Review"
    crm.mark_won(DEAL, on=date(2023, 11, 16))
    record = salesforce.find("Opportunity", DEAL.key)
    assert (record["StageName"], record["CloseDate"], record["Amount"]) == ("Closed Won", "2023-11-16", 1103.0)
    assert len(salesforce.records["Opportunity"]) == 1


def test_a_win_may_arrive_first_and_twice(salesforce: FakeSalesforce) -> None:
    crm.upsert_account(CONTOSO)
    first = crm.mark_won(DEAL, on=date(2023, 11, 16))
    assert crm.mark_won(DEAL, on=date(2023, 11, 16)) == first
    assert crm.stage_of(DEAL.key) == "Closed Won"


def test_a_lost_deal_is_closed_as_lost(salesforce: FakeSalesforce) -> None:
    crm.upsert_account(CONTOSO)
    crm.mark_lost(DEAL, on=date(2023, 11, 16))
    assert crm.stage_of(DEAL.key) == "Closed Lost"
    assert crm.stage_of("unheard of") == ""


def test_an_answer_lost_on_the_way_leaves_one_record(salesforce: FakeSalesforce) -> None:
    salesforce.trouble.drop_next = 1
    with pytest.raises(Transient, match="could not be reached"):
        crm.upsert_account(CONTOSO)
    assert crm.upsert_account(CONTOSO) in salesforce.records["Account"]
    assert len(salesforce.records["Account"]) == 1


def test_an_expired_session_the_limit_and_a_busy_server_may_pass(salesforce: FakeSalesforce) -> None:
    for status in (403, 500, 503):
        salesforce.trouble.fail_next, salesforce.trouble.fail_status = 1, status
        with pytest.raises(Transient, match="cannot answer now"):
            crm.upsert_account(CONTOSO)
    salesforce.expire_session()
    with pytest.raises(Transient, match="SALESFORCE_ACCESS_TOKEN"):
        crm.upsert_account(CONTOSO)
    assert salesforce.records["Account"] == {}


def test_a_refusal_is_permanent_and_says_why(salesforce: FakeSalesforce) -> None:
    with pytest.raises(Permanent, match="Foreign key external ID: a-1 not found"):
        crm.upsert_opportunity(DEAL)
    crm.upsert_account(CONTOSO)
    with pytest.raises(Permanent, match="restricted picklist"):
        crm.upsert_opportunity(replace(DEAL, stage="Nearly"))
    with pytest.raises(Permanent, match="exactly"):
        crm.upsert_opportunity(replace(DEAL, amount=Decimal("99999999999999999.99")))
    assert salesforce.records["Opportunity"] == {}


def test_our_certificate_wins_over_the_environments(
    salesforce: FakeSalesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/certs/ca-certificates.crt")
    assert crm.upsert_account(CONTOSO) in salesforce.records["Account"]
