"""The fake Salesforce refuses what Salesforce refuses, seen through simple-salesforce over TLS."""

from pathlib import Path
from typing import Any

import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce import exceptions as refusals

from integrations.fakes.salesforce import FakeSalesforce

DEAL = {"Name": "Contoso 12 months", "StageName": "Prospecting", "CloseDate": "2023-11-16"}


@pytest.fixture
def org(salesforce: FakeSalesforce) -> Salesforce:
    return connect(salesforce, "token")


def connect(fake: FakeSalesforce, token: str) -> Salesforce:
    session = requests.Session()
    session.verify, session.trust_env = str(fake.ca_file), False
    return Salesforce(instance_url=fake.url, session_id=token, session=session, version="64.0")


def code_of(error: refusals.SalesforceError) -> str:
    content: Any = error.content
    return str(content[0]["errorCode"])


def test_a_wrong_or_expired_session_is_refused(salesforce: FakeSalesforce, org: Salesforce) -> None:
    with pytest.raises(refusals.SalesforceExpiredSession):
        connect(salesforce, "another").Account.create({"Name": "Eve"})
    salesforce.expire_session()
    with pytest.raises(refusals.SalesforceExpiredSession) as raised:
        org.Account.create({"Name": "Contoso Ltd"})
    assert code_of(raised.value) == "INVALID_SESSION_ID"
    assert salesforce.records["Account"] == {}


def test_a_certificate_nobody_trusts_is_no_conversation(salesforce: FakeSalesforce) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{salesforce.url}/services/data/v64.0/limits", timeout=10)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Colour": "blue"}, "INVALID_FIELD"),
        ({"IsWon": True}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"Name": None}, "REQUIRED_FIELD_MISSING"),
        ({"CloseDate": None}, "REQUIRED_FIELD_MISSING"),
        ({"StageName": "Nearly"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"Name": "x" * 121}, "STRING_TOO_LONG"),
        ({"CloseDate": "16.11.2023"}, "JSON_PARSER_ERROR"),
        ({"CloseDate": "2023-02-30"}, "JSON_PARSER_ERROR"),
        ({"Amount": "plenty"}, "JSON_PARSER_ERROR"),
        ({"Amount": float("nan")}, "JSON_PARSER_ERROR"),
        ({"Amount": True}, "JSON_PARSER_ERROR"),
        ({"Amount": 1e16}, "NUMBER_OUTSIDE_VALID_RANGE"),
        ({"Name": 7}, "JSON_PARSER_ERROR"),
        ({"Account": {"Quoin_Id__c": "nobody"}}, "INVALID_FIELD"),
        ({"AccountId": "001nobody"}, "MALFORMED_ID"),
    ],
)
def test_a_record_that_salesforce_would_refuse_is_refused(
    salesforce: FakeSalesforce, org: Salesforce, change: dict[str, Any], code: str
) -> None:
    with pytest.raises(refusals.SalesforceMalformedRequest) as raised:
        org.Opportunity.upsert("Quoin_Id__c/o-1", DEAL | change)
    assert code_of(raised.value) == code
    assert salesforce.records["Opportunity"] == {}


def test_an_upsert_makes_one_record_and_then_changes_it(salesforce: FakeSalesforce, org: Salesforce) -> None:
    assert org.Opportunity.upsert("Quoin_Id__c/o-1", DEAL) == 201
    assert org.Opportunity.upsert("Quoin_Id__c/o-1", {"StageName": "Closed Won", "Amount": 57.02}) == 200
    [record] = salesforce.records["Opportunity"].values()
    kept = {name: record[name] for name in ("Name", "StageName", "Amount", "IsWon", "Probability", "Quoin_Id__c")}
    assert kept == {
        "Name": "Contoso 12 months",
        "StageName": "Closed Won",
        "Amount": 57.02,
        "IsWon": True,
        "Probability": 100,
        "Quoin_Id__c": "o-1",
    }


def test_a_refused_change_changes_nothing(salesforce: FakeSalesforce, org: Salesforce) -> None:
    org.Opportunity.upsert("Quoin_Id__c/o-1", DEAL)
    with pytest.raises(refusals.SalesforceMalformedRequest):
        org.Opportunity.upsert("Quoin_Id__c/o-1", {"Amount": 1, "StageName": "Nearly"})
    assert salesforce.find("Opportunity", "o-1")["Amount"] is None


def test_a_record_is_read_by_id_by_our_id_and_by_query(salesforce: FakeSalesforce, org: Salesforce) -> None:
    made = org.Account.create({"Name": "O'Hara", "Quoin_Id__c": "a-1"})["id"]
    assert org.Account.get(made)["Name"] == "O'Hara"
    assert org.Account.get_by_custom_id("Quoin_Id__c", "a-1")["Id"] == made
    found = org.query("SELECT Id, Name FROM Account WHERE Name = 'O\\'Hara'")
    assert [(one["Id"], one["Name"]) for one in found["records"]] == [(made, "O'Hara")]
    org.Account.update(made, {"Name": "O'Hara & Co"})
    assert salesforce.records["Account"][made]["Name"] == "O'Hara & Co"
    with pytest.raises(refusals.SalesforceResourceNotFound) as raised:
        org.Account.get_by_custom_id("Quoin_Id__c", "a-2")
    assert code_of(raised.value) == "NOT_FOUND"
    with pytest.raises(refusals.SalesforceMalformedRequest):
        org.query("SELECT Colour FROM Account")


def test_an_unknown_object_or_key_field_is_not_found(org: Salesforce) -> None:
    for attempt in (lambda: org.Spaceship.create({"Name": "x"}), lambda: org.Account.upsert("Name/x", {"Name": "x"})):
        with pytest.raises(refusals.SalesforceResourceNotFound):
            attempt()


def test_fields_are_described_and_calls_are_counted(org: Salesforce) -> None:
    fields = {field["name"]: field for field in org.Opportunity.describe()["fields"]}
    assert fields["Quoin_Id__c"]["externalId"] is True
    assert fields["CloseDate"]["nillable"] is False
    org.query("SELECT Id FROM Account")
    assert org.api_usage["api-usage"].used == 2


def test_the_limit_and_a_busy_server_are_told_apart(salesforce: FakeSalesforce, org: Salesforce) -> None:
    salesforce.trouble.fail_next, salesforce.trouble.fail_status = 1, 403
    with pytest.raises(refusals.SalesforceRefusedRequest) as raised:
        org.query("SELECT Id FROM Account")
    assert code_of(raised.value) == "REQUEST_LIMIT_EXCEEDED"


def test_a_restart_keeps_the_records_and_the_certificate(tmp_path: Path) -> None:
    files = {"ca_file": tmp_path / "ca.pem", "state_file": tmp_path / "state.json"}
    first = FakeSalesforce("token", **files)
    first.start()
    authority = first.ca_file.read_text()
    connect(first, "token").Account.create({"Name": "Contoso Ltd"})
    first.stop()
    second = FakeSalesforce("token", **files)
    second.start()
    assert connect(second, "token").query("SELECT Name FROM Account")["totalSize"] == 1
    second.stop()
    assert second.ca_file.read_text() == authority
    assert (tmp_path / "ca-key.pem").stat().st_mode & 0o777 == 0o600
