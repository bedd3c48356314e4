"""After any mixture of what can happen, billed equals rated, ledgers sum, and nothing is negative.

QUOIN_HISTORIES says how many histories (240 unless said; 2,000 take a quarter of an hour on two cores), QUOIN_HISTORY
plays the one with that number alone.
"""

import os

import pytest

from config.books import breaches
from contracts.models import Commit
from invoicing.models import Invoice
from ledger.operations import post_invoice, post_void
from tests.histories.checking import differences
from tests.histories.plans import plan
from tests.histories.playing import LAST_DAY, act, played

pytestmark = pytest.mark.django_db
COUNT = int(os.environ.get("QUOIN_HISTORIES", "240"))
ONE = os.environ.get("QUOIN_HISTORY")
SHARES = 8  # so that processes can share them


def numbers(share: int) -> list[int]:
    return [int(ONE)] * (share == 0) if ONE else list(range(share, COUNT, SHARES))


@pytest.mark.parametrize("share", range(SHARES))
def test_whatever_happens_billed_is_rated_ledgers_sum_and_nothing_is_negative(share: int) -> None:
    lives = played([plan(number) for number in numbers(share)])
    assert differences([life.contract for life in lives], LAST_DAY) == {}
    _book()
    assert {invariant.says: found for invariant, found in breaches() if found} == {}
    assert not Commit.objects.filter(balance__lt=0).exists()
    assert not Invoice.objects.exclude(number=None).filter(total__lt=0).exists()


def _book() -> None:
    for invoice in Invoice.objects.exclude(number=None).order_by("sequence"):
        post_invoice(invoice, act=act("Told", LAST_DAY))
        if invoice.status == Invoice.Status.VOID:
            post_void(invoice, act=act("Told", LAST_DAY))
