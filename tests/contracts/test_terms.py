"""From agreed lines to terms: which price is in force when, and what an invoice will say of it."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from catalog.models import Product
from contracts.terms import (
    AgreedLine,
    Deal,
    DealCommit,
    DealInstalment,
    DealLine,
    Edition,
    agreed_terms,
    instruments,
    months_of,
    term_of_contract,
)
from governance.acts import Refused
from metering.models import Meter
from pricing.adjustments import AmountOff, Minimum, PercentOff
from pricing.charges import Charge, Flat, PerUnit
from pricing.periods import Period
from pricing.rating import Price, rate

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
NEXT_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
TOKENS = Product(
    key="tokens", name="Tokens", kind="usage", unit="token", revenue_account="4000", meter=Meter(key="ContextTokens")
)
FEE = Product(key="fee", name="Platform fee", kind="recurring", unit="month", revenue_account="4100")


def edition(charge: Charge, since: datetime = datetime(2025, 6, 1, tzinfo=UTC), **fields: object) -> Edition:
    given = {"cycle_months": 1, "in_advance": False, "source": f"v{since:%y-%m}"} | fields
    return Edition(since, charge, **given)  # type: ignore[arg-type]


def deal(*lines: DealLine, commits: tuple[DealCommit, ...] = (), zone: str = "UTC") -> Deal:
    return Deal("contract 1", "USD", zone, lines, commits, tax_percent=Decimal("7.5"))


def line(agreed: AgreedLine, *editions: Edition, end: datetime = NEXT_YEAR) -> DealLine:
    return DealLine("line-1", agreed, JANUARY, end, editions)


def test_a_line_says_what_to_rate_and_what_to_print() -> None:
    agreed = AgreedLine(TOKENS, None, Decimal(15), Decimal(5), Decimal(100))
    (term,) = agreed_terms(deal(line(agreed, edition(PerUnit(Decimal("0.10"))))))
    assert (term.name, term.unit, term.kind, term.revenue_account) == ("Tokens", "token", "charge", "4000")
    assert (term.tax_percent, term.commit_id, term.is_drawable) == (Decimal("7.5"), None, True)
    assert (term.term.key, term.term.product, term.term.meter) == ("line-1", "tokens", "ContextTokens")
    assert term.term.prices == (Price(JANUARY, PerUnit(Decimal("0.10")), "v25-06"),)
    assert term.term.adjustments == (
        AmountOff(Decimal(5), "contract 1: Tokens"),
        PercentOff(Decimal(15), "contract 1: Tokens"),
        Minimum(Decimal(100), "contract 1: Tokens"),
    )


def test_nothing_agreed_off_adjusts_nothing() -> None:
    (term,) = agreed_terms(deal(line(AgreedLine(FEE), edition(Flat(Decimal(20))))))
    assert term.term.adjustments == ()
    assert not term.is_drawable


def test_every_edition_in_force_during_the_line_is_a_price() -> None:
    editions = [
        edition(PerUnit(Decimal(1)), datetime(2025, 1, 1, tzinfo=UTC)),
        edition(PerUnit(Decimal(2)), datetime(2025, 6, 1, tzinfo=UTC)),
        edition(PerUnit(Decimal(3)), MARCH),
        edition(PerUnit(Decimal(4)), NEXT_YEAR),
    ]
    (term,) = agreed_terms(deal(line(AgreedLine(TOKENS), *editions)))
    assert [(price.since, price.charge) for price in term.term.prices] == [
        (JANUARY, PerUnit(Decimal(2))),
        (MARCH, PerUnit(Decimal(3))),
    ]


def test_a_price_that_came_after_the_start_is_taken_back_to_it() -> None:
    (term,) = agreed_terms(deal(line(AgreedLine(TOKENS), edition(PerUnit(Decimal(3)), MARCH))))
    assert [price.since for price in term.term.prices] == [JANUARY]


def test_a_later_price_that_cannot_apply_leaves_the_one_before_in_force() -> None:
    seats = AgreedLine(FEE, quantity=Decimal(5))
    (term,) = agreed_terms(deal(line(seats, edition(PerUnit(Decimal(3))), edition(Flat(Decimal(9)), MARCH))))
    assert [price.charge for price in term.term.prices] == [PerUnit(Decimal(3))]


def test_what_is_charged_once_is_charged_for_its_first_day() -> None:
    once = edition(Flat(Decimal(500)), cycle_months=0, in_advance=True)
    whole, ended = (
        agreed_terms(deal(line(AgreedLine(FEE), once, end=end), zone="Europe/Berlin"))[0].term
        for end in (NEXT_YEAR, MARCH)
    )
    assert whole == ended
    (charged,) = rate([whole], lambda *_: Decimal(0), NEXT_YEAR)
    assert charged.period == Period(JANUARY, datetime(2026, 1, 1, 23, tzinfo=UTC))


def test_a_product_without_a_price_is_refused() -> None:
    with pytest.raises(Refused, match=r"^Tokens has no price in this rate card\.$"):
        agreed_terms(deal(line(AgreedLine(TOKENS))))


def test_a_price_that_does_not_suit_the_product_is_refused() -> None:
    with pytest.raises(Refused, match=r"^Tokens cannot be priced"):
        agreed_terms(deal(line(AgreedLine(TOKENS), edition(Flat(Decimal(3))))))


def commit(pk: str = "c1", **fields: object) -> DealCommit:
    given = {
        "name": "Prepaid usage",
        "access_amount": Decimal(40),
        "price": Decimal(36),
        "product_keys": [],
        "instalments": [DealInstalment(1, Decimal(36), JANUARY)],
        "start": JANUARY,
        "end": NEXT_YEAR,
        "balance": Decimal(40),
    } | fields
    return DealCommit(pk, **given)  # type: ignore[arg-type]


def test_a_commit_is_bought_once_in_advance() -> None:
    (term,) = agreed_terms(deal(commits=(commit(product_keys=["tokens"]),)))
    assert (term.term.key, term.term.product, term.kind) == ("commit:c1", "commit", "commit")
    assert (term.commit_id, term.commit_product_keys, term.revenue_account) == ("c1", ("tokens",), "2100")
    (bought,) = rate([term.term], lambda *_: Decimal(0), JANUARY)
    assert (bought.amount.amount, bought.period) == (Decimal(36), Period(JANUARY, NEXT_YEAR))


def test_a_commit_pays_at_what_it_cost() -> None:
    (instrument,) = instruments([commit(product_keys=["tokens"], balance=Decimal(12))], "USD")
    assert (instrument.key, instrument.kind, instrument.balance) == ("c1", "prepaid", Decimal(12))
    assert (instrument.cost_basis, instrument.products) == (Decimal("0.9"), frozenset({"tokens"}))


def test_of_commits_alike_the_one_named_first_pays_first() -> None:
    first, second = instruments([commit("b"), commit("a")], "USD")
    assert first.created_at < second.created_at


def test_months_tile_the_term_and_return_to_the_31st() -> None:
    months = months_of(date(2026, 1, 31), 3, "America/New_York")
    assert [month.start.isoformat() for month in months] == [
        "2026-01-31T05:00:00+00:00",
        "2026-02-28T05:00:00+00:00",
        "2026-03-31T04:00:00+00:00",
    ]
    whole = term_of_contract(date(2026, 1, 31), 3, "America/New_York")
    assert (months[0].start, months[-1].end) == (whole.start, whole.end)
