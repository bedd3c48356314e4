"""Two at the same instant: one is first, and the other sees what it did."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from contracts.models import CommitEntry, Contract
from governance import approvals
from governance.acts import Refused
from governance.models import ApprovalRequest, Change
from quoting import operations
from quoting.models import Quote, QuoteVersion
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*verbs: Callable[[], object]) -> list[object]:
    """What each came to: its result, or its refusal. Anything else is raised."""
    barrier, outcomes = threading.Barrier(len(verbs)), [None] * len(verbs)

    def run(place: int, verb: Callable[[], object]) -> None:
        barrier.wait(timeout=20)
        try:
            outcomes[place] = verb()
        except Exception as error:
            outcomes[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(verbs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    surprises = [each for each in outcomes if isinstance(each, Exception) and not isinstance(each, Refused)]
    assert surprises == []
    return outcomes


def accepts(version: QuoteVersion) -> Callable[[], object]:
    mine = QuoteVersion.objects.select_related("quote").get(pk=version.pk)
    return lambda: operations.accept(mine, name="Dan", from_ip=None, act=cast.dans())


def test_eight_who_accept_at_once_sign_one_contract() -> None:
    sent = cast.sent()
    outcomes = at_once(*(accepts(sent) for _ in range(8)))
    assert outcomes == [Contract.objects.get()] * 8
    assert Change.objects.filter(name="quote.accepted").count() == 1
    assert CommitEntry.objects.count() == 1


def test_of_accepting_and_revising_one_wins() -> None:
    sent = cast.sent()
    quote, ben = Quote.objects.get(), cast.act("ben", "They want more")
    accepted, revised = at_once(accepts(sent), lambda: operations.revise(quote, act=ben))
    assert isinstance(accepted, Refused) != isinstance(revised, Refused)
    assert Contract.objects.count() == (0 if isinstance(accepted, Refused) else 1)
    statuses = sorted(QuoteVersion.objects.values_list("status", flat=True))
    assert statuses == (["draft", "superseded"] if isinstance(accepted, Refused) else ["accepted"])


def test_of_accepting_and_declining_one_wins() -> None:
    sent = cast.sent()
    mine = QuoteVersion.objects.get()
    accepted, declined = at_once(
        accepts(sent), lambda: operations.decline(mine, name="Dan", reason="No", act=cast.dans())
    )
    assert isinstance(accepted, Refused) != isinstance(declined, Refused)
    assert Contract.objects.count() == (0 if isinstance(accepted, Refused) else 1)


def test_approving_and_reopening_at_once_do_not_wait_for_each_other_for_ever() -> None:
    version = operations.submit(cast.quote_for_contoso(), act=cast.act("ben"))
    request, dee, ben = (
        ApprovalRequest.objects.get(policy__role="deal desk"),
        cast.act("dee"),
        cast.act("ben", "One more thing"),
    )
    at_once(lambda: approvals.approve(request, act=dee), lambda: operations.reopen(version, act=ben))
    assert QuoteVersion.objects.get().status == "draft"


def test_quotes_drafted_at_once_have_different_numbers() -> None:
    cast.quote_for_contoso()
    quote, ben = Quote.objects.get(), cast.act("ben")
    at_once(*(lambda: operations.clone(quote, act=ben) for _ in range(6)))
    numbers = sorted(Quote.objects.values_list("number", flat=True))
    assert numbers == [f"Q-2025-{number:04d}" for number in range(1, 8)]
