"""What the chaos happens to: a seller, prices, customers, contracts with commits, usage; and how to look afterwards."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Barrier, Thread
from typing import Any

from django.apps import apps
from django.db import connection

from config.books import breaches
from contracts.models import Contract
from contracts.operations import sign_contract
from contracts.terms import AgreedCommit, AgreedLine, SignedTerms
from governance.acts import Act
from integrations import outbox
from integrations.models import Delivery
from invoicing import operations as invoicing
from invoicing.models import BillingRun, Invoice
from ledger.operations import install_accounts
from metering.operations import ingest
from metering.wire.events import Event
from tests import cast

JAN_15, FEB_15 = datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 2, 15, tzinfo=UTC)
FEB_3, MAR_3 = datetime(2026, 2, 3, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)


def act(because: str, at: datetime) -> Act:
    return Act.of_system("chaos", because, at)


def company() -> None:
    """Everything before the first customer."""
    install_accounts()
    cast.seller()
    cast.standard_card()


def sign(key: str, *, start_on: date = cast.START_ON, months: int = 12, commits: int = 1) -> Contract:
    """15 % off usage, the fee, and as many commits of $40 for $36."""
    off = Decimal(15)
    terms = SignedTerms(
        customer=cast.customer(key),
        legal_entity=cast.seller(),
        rate_card_version=cast.standard_card(),
        currency="USD",
        start_on=start_on,
        months=months,
        lines=[
            AgreedLine(cast.product("input-tokens"), discount_percent=off),
            AgreedLine(cast.product("output-tokens"), discount_percent=off),
            AgreedLine(cast.product("platform-fee")),
        ],
        commits=[AgreedCommit(f"Commit {number}", Decimal(40), Decimal(36)) for number in range(commits)],
        signed_by="Dan Contoso",
    )
    return sign_contract(terms, act=act("Signed", cast.NOW))


def use(
    key: str, event_id: str, input_tokens: int, output_tokens: int, at: datetime, told: datetime | None = None
) -> str:
    """What became of one event, told when it happened or later."""
    tokens = {"ContextTokens": input_tokens, "GeneratedTokens": output_tokens}
    (verdict,) = ingest([Event(event_id, "llm.request", at, key, tokens)], source="gateway", at=told or at)
    return verdict.outcome


def bill(through: datetime, **options: Any) -> BillingRun:
    return invoicing.bill_due(through=through, act=act("Billing day", through), **options)


def book(at: datetime) -> None:
    """Tell the ledger, and leave mail, with its documents to be drawn, for another time."""
    while outbox.relay(at=at):
        pass
    for delivery in Delivery.objects.filter(route__startswith="ledger.", status="due").order_by("id"):
        outbox.deliver(delivery.pk, at=at)


def at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    """What each of so many threads, let go together, returned or raised."""
    barrier, results = Barrier(count), [None] * count

    def run(number: int) -> None:
        try:
            barrier.wait()
            results[number] = work(number)
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def broken() -> dict[str, list[str]]:
    """Each invariant that does not hold, with its exceptions."""
    return {invariant.says: exceptions for invariant, exceptions in breaches() if exceptions}


def everything() -> dict[str, str]:
    """A digest of every table's rows, but for the runs of billing: equal when nothing was written."""
    digests = {}
    with connection.cursor() as cursor:
        for table in sorted({model._meta.db_table for model in apps.get_models()} - {BillingRun._meta.db_table}):
            cursor.execute(
                f"SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM \"{table}\" t"
            )
            digests[table] = cursor.fetchone()[0]
    return digests


def issued() -> list[Invoice]:
    return list(Invoice.objects.exclude(number=None).order_by("sequence"))


def day(number: int) -> datetime:
    """The morning of so many days into the year."""
    return datetime(2026, 1, 1, 9, tzinfo=UTC) + timedelta(days=number)
