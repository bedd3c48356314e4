"""What an offer comes to, as plain values: months, expected usage, discounts."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from catalog.models import Product
from contracts.terms import (
    AgreedLine,
    ContractTerm,
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
from metering.models import Meter
from pricing.charges import Charge, Flat, Graduated, PerUnit, Tier
from pricing.drawdown import Drawable, Instrument
from pricing.measures import Split
from pricing.money import Money
from pricing.periods import Period
from pricing.rating import RatedLine, rate
from quoting import rules

START_ON, ZONE = date(2026, 1, 1), "Europe/Berlin"
MONTHS = months_of(START_ON, 12, ZONE)
WHOLE = term_of_contract(START_ON, 12, ZONE)
INPUT, OUTPUT = (
    Product(key=key, name=key, kind="usage", unit="token", meter=Meter(key=key)) for key in ("input", "output")
)
FEE = Product(key="fee", name="Platform fee", kind="recurring", unit="month")
TIERED = Graduated((Tier(Decimal(10), Decimal("2.50")), Tier(None, Decimal("2.00"))))


def line(
    key: str, product: Product, charge: Charge, *, cycle_months: int = 1, in_advance: bool = False, **agreed: object
):
    edition = Edition(WHOLE.start, charge, cycle_months, in_advance, "v1")
    return DealLine(key, AgreedLine(product, **agreed), WHOLE.start, WHOLE.end, [edition])  # type: ignore[arg-type]


def commit(access: str, price: str, pk: str = "c", products: tuple[str, ...] = ()) -> DealCommit:
    paid = [DealInstalment(1, Decimal(price), WHOLE.start)]
    return DealCommit(pk, pk, Decimal(access), Decimal(price), products, paid, WHOLE.start, WHOLE.end, Decimal(access))


def dues(deal: Deal, expected: dict[str, Decimal]) -> list[Decimal]:
    """What each month is invoiced, by line key and expected usage a month."""
    terms = agreed_terms(deal)
    usage = {key: rules.expected_usage(a_month, MONTHS, adds_up=True) for key, a_month in expected.items()}
    lines = rules.rated(terms, usage, WHOLE)
    totals = rules.month_totals(terms, lines, instruments(deal.commits, "USD"), MONTHS, "USD")
    return [month.due.amount for month in totals]


def test_the_commits_price_and_drawdown_are_counted_in_their_months() -> None:
    deal = Deal("offer 1", "USD", ZONE, [line("1", OUTPUT, PerUnit(Decimal(10)))], [commit("40", "36")])
    assert dues(deal, {"1": Decimal(3)}) == [Decimal(36), Decimal(20), *[Decimal(30)] * 10]


def test_a_quarter_in_arrears_falls_in_its_last_month_and_one_in_advance_in_its_first() -> None:
    arrears = Deal("offer 1", "USD", ZONE, [line("1", FEE, Flat(Decimal(90)), cycle_months=3)])
    advance = Deal("offer 1", "USD", ZONE, [line("1", FEE, Flat(Decimal(90)), cycle_months=3, in_advance=True)])
    assert dues(arrears, {}) == [Decimal(0), Decimal(0), Decimal(90)] * 4
    assert dues(advance, {}) == [Decimal(90), Decimal(0), Decimal(0)] * 4


def test_expected_usage_of_a_quarter_is_three_months_of_it() -> None:
    deal = Deal("offer 1", "USD", ZONE, [line("1", OUTPUT, PerUnit(Decimal(1)), cycle_months=3)])
    assert dues(deal, {"1": Decimal(7)}) == [Decimal(0), Decimal(0), Decimal(21)] * 4


def test_a_highest_value_is_expected_whatever_the_period() -> None:
    usage = rules.expected_usage(Decimal(7), MONTHS, adds_up=False)
    assert usage("m", Period(MONTHS[0].start, MONTHS[2].end), Split()) == Decimal(7)


@given(
    st.decimals(0, 10**9, places=3),
    st.lists(st.integers(1, 365 * 24 * 3600 - 1), max_size=6, unique=True).map(sorted),
)
def test_expected_usage_of_parts_adds_up_to_the_whole(a_month: Decimal, cuts: list[int]) -> None:
    usage = rules.expected_usage(a_month, MONTHS, adds_up=True)
    parts = WHOLE.split_at(WHOLE.start + timedelta(seconds=cut) for cut in cuts)
    assert sum(usage("m", part, Split()) for part in parts) == usage("m", WHOLE, Split()) == a_month * 12


percents = st.decimals(0, 100, places=2)
amounts = st.decimals(0, 500, places=2)


@st.composite
def deals(draw: st.DrawFn) -> tuple[Deal, dict[str, Decimal]]:
    """Deals of two usage lines and a fee, with up to two commits, and what is expected of them."""
    agreed = {"discount_percent": percents, "discount_amount": amounts, "minimum": st.none() | amounts}
    lines, expected = [], {}
    for key, product in (("1", INPUT), ("2", OUTPUT)):
        charge = draw(st.sampled_from([TIERED, PerUnit(Decimal("0.37"))]))
        lines.append(
            line(
                key,
                product,
                charge,
                cycle_months=draw(st.sampled_from([1, 3, 12])),
                **draw(st.fixed_dictionaries(agreed)),
            )
        )
        expected[key] = draw(st.decimals(0, 1000, places=1))
    lines.append(line("3", FEE, Flat(draw(amounts)), in_advance=draw(st.booleans())))
    offered = st.tuples(st.decimals(1, 5000, places=2), amounts, st.sampled_from([(), ("input",), ("output",)]))
    commits = [
        commit(str(access), str(price), f"c{number}", products)
        for number, (access, price, products) in enumerate(draw(st.lists(offered, max_size=2)))
    ]
    return Deal("offer 1", "USD", ZONE, lines, commits), expected


@given(deals())
def test_a_quotes_total_is_what_its_contract_is_billed(drawn: tuple[Deal, dict[str, Decimal]]) -> None:
    deal, expected = drawn
    assert dues(deal, expected) == billed_month_by_month(deal, expected)


def billed_month_by_month(deal: Deal, expected: dict[str, Decimal]) -> list[Decimal]:
    """What billing does: at each month's end rate all that fell due, bill what was not, draw what commits have left."""
    terms = agreed_terms(deal)
    usage = {
        each.term.meter: rules.expected_usage(expected[each.term.key], MONTHS, adds_up=True)
        for each in terms
        if each.term.meter
    }
    left, billed, result = instruments(deal.commits, "USD"), set(), []
    for month in MONTHS:
        through = month.end - timedelta(microseconds=1)
        due = [
            (each, rated)
            for each in terms
            for rated in rate(
                [each.term], lambda meter, period, split: usage[meter](meter, period, split), through=month.end
            )
            if (rated.key, rated.period) not in billed and not (each.term.in_advance and rated.due_at > through)
        ]
        billed |= {(rated.key, rated.period) for _, rated in due}
        drawn, left = rules.drawn(_drawables(due), left)
        result.append(sum((rated.amount.amount for _, rated in due), Decimal(0)) - drawn)
    return result


def _drawables(due: list[tuple[ContractTerm, RatedLine]]) -> list[Drawable]:
    return [
        Drawable.of(f"{place:06d}", rated.product, rated.period, rated.quantity, rated.amount.amount)
        for place, (each, rated) in enumerate(due)
        if each.is_drawable or rated.amount.amount < 0
    ]


def total(listed: str, percent: str) -> rules.LineTotal:
    net = Decimal(listed) * (100 - Decimal(percent)) / 100
    return rules.LineTotal(Decimal(listed), net, Decimal(percent))


def test_the_discount_on_usage_is_weighted_by_what_is_used() -> None:
    assert rules.usage_discount([total("900", "0"), total("100", "40")]) == Decimal(4)
    assert rules.usage_discount([]) == Decimal(0)


def test_a_discount_is_never_below_zero_and_never_of_nothing() -> None:
    assert rules.percent_below(Decimal(10), Decimal(12)) == Decimal(0)
    assert rules.percent_below(Decimal(0), Decimal(0)) == Decimal(0)
    assert rules.percent_below(Decimal(3), Decimal(2)) == Decimal("33.333333")


def rated_year(expected: str, **agreed: object) -> rules.LineTotal:
    (term,) = agreed_terms(Deal("offer 1", "USD", ZONE, [line("1", OUTPUT, PerUnit(Decimal(10)), **agreed)]))
    usage = {"1": rules.expected_usage(Decimal(expected), MONTHS, adds_up=True)}
    percent = Decimal(str(agreed.get("discount_percent", 0)))
    return rules.line_total(rules.rated([term], usage, WHOLE), percent, bool(agreed.get("discount_amount")))


def test_a_percent_and_an_amount_off_count_together() -> None:
    both = rated_year("10", discount_amount=Decimal(20), discount_percent=Decimal(10))
    assert both == rules.LineTotal(Decimal(1200), Decimal(864), Decimal(28))


def test_no_minimum_hides_a_discount() -> None:
    assert rated_year("10", discount_percent=Decimal(40), minimum=Decimal(100)).discount_percent == Decimal(40)


def test_no_usage_hides_a_discount() -> None:
    assert rated_year("0", discount_percent=Decimal(40)).discount_percent == Decimal(40)
    assert rated_year("0", discount_amount=Decimal(1)).discount_percent == Decimal(100)


def test_a_month_adds_up() -> None:
    month = rules.MonthTotal(
        MONTHS[0], Money(Decimal("92.25"), "USD"), Money(Decimal(36), "USD"), Money(Decimal(40), "USD")
    )
    assert month.due == Money(Decimal("88.25"), "USD")
    assert isinstance(instruments([commit("1", "1")], "USD")[0], Instrument)
    assert datetime(2025, 12, 31, 23, tzinfo=UTC) == WHOLE.start
