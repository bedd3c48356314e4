"""The contract in sentences: snapshots of what a customer reads, as a page, as a document, and by their own link."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from django.test import Client

from contracts import operations
from contracts.account import token_of
from contracts.models import Contract
from contracts.one_page import one_page
from contracts.terms import AgreedCommit, AgreedInstalment, AgreedLine, RenewalRule, SignedTerms
from tests import cast

pytestmark = pytest.mark.django_db
MARCH = date(2026, 3, 1)
READS = """\
Quoin Inc. sells to Contoso Ltd, by contract {contract}. Dan Contoso signed it for Contoso Ltd on 15 December 2025. \
The purchase order is PO-1.
From 1 January 2026 to 30 June 2026, 6 months. Days are those of UTC. From 1 July 2026 it goes on for 12 months, \
unless it is declined by 31 May 2026. \
Then prices, minimums, and commits with what they give access to are 3.5\u00a0% more.
Input tokens: 1 Jan – 30 Jun 2026: as much as is used. First 10,000,000 at $2.50 per million, then $2.00 per million. \
On that 15\u00a0% off, at least $10.00. Charged monthly, in arrears.
Platform fee (Free months): 1 Jan – 28 Feb 2026. $20.00 flat. On that 100\u00a0% off. Charged monthly, in arrears.
Platform fee: 1 Mar – 30 Jun 2026. $20.00 flat. Charged monthly, in arrears.
Prices are those of Standard USD v1 and stay until the contract ends.
Prepaid usage: From 1 January 2026 to 30 June 2026 usage worth $40.00 is paid from this before it is invoiced; \
it costs $36.00. It is for Input tokens. Invoiced: $18.00 on 1 January 2026, $18.00 on 1 April 2026. \
When it is used up, usage is invoiced at the prices above. What is left after 30 June 2026 expires.
Months and other cycles begin on day 1 of a month. \
An invoice is drawn up when what is on it is due, and open for 24 hours for late usage. \
It is to be paid within 30 days, in USD. No tax is added.
What is written here changes only by an amendment, from the day that it names. \
A part of a cycle is charged by its days. \
What is found later, or was wrong, is invoiced or given back as a difference, for the period it is of."""


@pytest.fixture
def contract() -> Contract:
    """Tokens with a discount and a minimum, a fee that ramps, usage paid in advance in two parts, renewed with more."""
    parts = (AgreedInstalment(Decimal(18), date(2026, 1, 1)), AgreedInstalment(Decimal(18), date(2026, 4, 1)))
    fee = AgreedLine(cast.product("platform-fee"), label="Free months", discount_percent=Decimal(100), end_on=MARCH)
    tokens = AgreedLine(cast.product("input-tokens"), discount_percent=Decimal(15), minimum=Decimal(10))
    terms = SignedTerms(
        customer=cast.contoso(),
        legal_entity=cast.seller(),
        rate_card_version=cast.standard_card(),
        currency="USD",
        start_on=date(2026, 1, 1),
        months=6,
        lines=[tokens, fee, replace(fee, label="", discount_percent=Decimal(0), start_on=MARCH, end_on=None)],
        commits=[AgreedCommit("Prepaid usage", Decimal(40), Decimal(36), ("input-tokens",), instalments=parts)],
        signed_by="Dan Contoso",
        purchase_order="PO-1",
        renewal=RenewalRule("automatic", 12, notice_days=30, uplift_percent=Decimal("3.5")),
    )
    return operations.sign_contract(terms, act=cast.act("ben", "Agreed"))


def words(contract: Contract) -> list[str]:
    """Every clause as one text."""
    return [
        " ".join([*([f"{clause.name}:"] if clause.name else []), *clause.sentences])
        for chapter in one_page(contract)
        for clause in chapter.clauses
    ]


def test_a_contract_reads_like_this(contract: Contract) -> None:
    assert "\n".join(words(contract)) == READS.format(contract=contract)


def test_a_document_is_drawn_and_is_the_same_twice(contract: Contract) -> None:
    client = Client()
    client.force_login(cast.person("cara"))
    first, second = (client.get(f"/admin/contracts/contract/{contract.pk}/pdf/") for _ in range(2))
    assert (first.status_code, first["Content-Type"], first.content[:5]) == (200, "application/pdf", b"%PDF-")
    assert first.content == second.content
    page = client.get(f"/admin/contracts/contract/{contract.pk}/page/").content.decode()
    assert "Dan Contoso signed it for Contoso Ltd on 15 December 2025." in page


def test_customers_read_their_own_and_nobody_elses(contract: Contract) -> None:
    client = Client()
    address = f"/a/{token_of(contract.customer)}/contracts/{contract}.pdf"
    assert client.get(address).content[:5] == b"%PDF-"
    stranger = token_of(cast.customer("fabrikam"))
    assert client.get(f"/a/{stranger}/contracts/{contract}.pdf").status_code == 404
    assert client.get(f"/a/nonsense/contracts/{contract}.pdf").status_code == 404
