"""What is owed and how it becomes invoices, as arithmetic."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoicing.calculation import credited_tax, horizon, invoice_parts, still_owed
from invoicing.drawing import Payer
from invoicing.lines import Line
from pricing.adjustments import PercentOff
from pricing.charges import Flat, Graduated, Tier
from pricing.drawdown import Draw, Instrument
from pricing.periods import Period
from pricing.rating import Price, Term, rate

JAN, FEB, MAR, APR = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3, 4))
END = datetime(2027, 1, 1, tzinfo=UTC)
MILLION = Decimal(1_000_000)
DAY = timedelta(days=1)
COMMIT = UUID(int=7)


@dataclass(frozen=True)
class AgreedTerm:
    term: Term
    name: str
    kind: str = "charge"
    unit: str = "token"
    revenue_account: str = "4000"
    commit_id: UUID | None = None
    tax_percent: Decimal = Decimal(0)
    untaxed_until: datetime | None = None
    earned_on_invoice: bool = False
    tags: frozenset[str] = frozenset()
    invoice_group: str = ""


def metered(key: str, *tiers: Tier, percent_off: int = 0) -> AgreedTerm:
    adjustments = (PercentOff(Decimal(percent_off), key),) if percent_off else ()
    price = Price(JAN, Graduated(tiers, MILLION), "Standard USD v1")
    term = Term(key, key, (price,), "USD", JAN, END, "UTC", meter=key, adjustments=adjustments)
    return AgreedTerm(term, key.title())


def fee(amount: int = 20, *, in_advance: bool = False) -> AgreedTerm:
    price = Price(JAN, Flat(Decimal(amount)), "Standard USD v1")
    term = Term("fee", "fee", (price,), "USD", JAN, END, "UTC", in_advance=in_advance)
    return AgreedTerm(term, "Platform fee", revenue_account="4100")


def purchase(price: int = 36) -> AgreedTerm:
    terms = (Price(JAN, Flat(Decimal(price)), "commit"),)
    term = Term(f"commit:{COMMIT}", "commit", terms, "USD", JAN, END, "UTC", cycle_months=0, in_advance=True)
    return AgreedTerm(term, "Prepaid usage", kind="commit", commit_id=COMMIT)


def prepaid(balance: str = "40") -> Payer:
    instrument = Instrument(str(COMMIT), "prepaid", Decimal(balance), "USD", JAN, END, JAN, cost_basis=Decimal("0.9"))
    return Payer(instrument, "Prepaid usage")


INPUT = metered("input", Tier(MILLION * 10, Decimal("2.50")), Tier(None, Decimal("2.00")), percent_off=15)
OUTPUT = metered("output", Tier(None, Decimal("10.00")), percent_off=15)
EXPECTED = {"input": MILLION * 20, "output": MILLION * 4}


def owed(agreed, quantities, billed=(), through=FEB):
    terms = [each.term for each in agreed]
    rated = rate(terms, lambda meter, period, split: quantities.get(meter, Decimal(0)), horizon(billed, through))
    return still_owed(agreed, rated, billed)


def parts(lines, *payers, paid=None, through=FEB, grace=DAY):
    return invoice_parts(lines, payers, paid or {}, currency="USD", ends_at=END, grace=grace, through=through)


def amounts(lines):
    return [(line.term, line.amount) for line in lines]


def test_the_month_of_the_quote_comes_to_a_commit_invoice_and_a_period_invoice() -> None:
    commit, month = parts(owed([INPUT, OUTPUT, fee(), purchase()], EXPECTED), prepaid())
    assert (commit.kind, commit.total, commit.closes_at) == ("commit", Decimal("36.00"), JAN)
    assert [(line.kind, line.amount) for line in month.lines] == [
        ("charge", Decimal("38.25")),
        ("charge", Decimal("34.00")),
        ("charge", Decimal("20.00")),
        ("drawdown", Decimal("-40.00")),
    ]
    assert (month.subtotal, month.tax, month.drawn, month.total) == (
        Decimal("92.25"),
        Decimal(0),
        Decimal("-40.00"),
        Decimal("52.25"),
    )
    assert (month.period, month.closes_at) == (Period(JAN, FEB), FEB + DAY)


def test_the_waterfall_of_every_line_adds_up_to_its_amount() -> None:
    _, month = parts(owed([INPUT, OUTPUT, fee(), purchase()], EXPECTED), prepaid())
    for line in month.lines:
        assert sum(Decimal(step["amount"]) for step in line.waterfall) == line.amount


def test_the_drawdown_says_what_it_paid_dearer_units_first() -> None:
    _, month = parts(owed([INPUT, OUTPUT, purchase()], EXPECTED), prepaid())
    assert [(step["label"], step["amount"]) for step in month.lines[-1].waterfall] == [
        ("Output", "-34"),
        ("Input", "-6"),
    ]


def test_commits_do_not_pay_for_fees() -> None:
    (month,) = parts(owed([fee()], {}), prepaid())
    assert (month.drawn, month.total) == (Decimal(0), Decimal("20.00"))


def test_what_was_billed_is_not_owed_again() -> None:
    agreed = [INPUT, OUTPUT, fee(), purchase()]
    billed = owed(agreed, EXPECTED)
    assert owed(agreed, EXPECTED, billed) == []


def test_late_usage_is_a_difference_with_its_original_period_and_the_tax_of_then() -> None:
    billed = [replace(line, tax_percent=Decimal(19)) for line in owed([INPUT], EXPECTED)]
    (line,) = owed([INPUT], {"input": MILLION * 21}, billed, through=MAR)[:1]
    assert (line.period, line.quantity, line.amount) == (Period(JAN, FEB), MILLION, Decimal("1.70"))
    assert (line.tax_percent, line.is_late) == (Decimal(19), True)
    assert line.waterfall[-1]["kind"] == "billed"
    assert sum(Decimal(step["amount"]) for step in line.waterfall) == line.amount


def test_late_usage_inside_a_free_tier_makes_no_invoice_by_itself() -> None:
    free = metered("input", Tier(MILLION, Decimal(0)), Tier(None, Decimal("2.00")))
    billed = owed([free], {"input": Decimal(5)})
    late = owed([free], {"input": Decimal(9)}, billed)
    assert [(line.quantity, line.amount) for line in late] == [(Decimal(4), Decimal(0))]
    assert parts(late) == []


def test_a_run_for_an_earlier_day_takes_nothing_back() -> None:
    billed = owed([INPUT, fee(in_advance=True)], EXPECTED, through=MAR)
    assert owed([INPUT, fee(in_advance=True)], EXPECTED, billed, through=FEB) == []


def test_a_term_that_ended_early_gives_back_what_was_billed_in_advance() -> None:
    billed = owed([fee(31, in_advance=True)], {}, through=JAN)
    ended = fee(31, in_advance=True)
    ended = replace(ended, term=replace(ended.term, end=datetime(2026, 1, 11, tzinfo=UTC)))
    lines = owed([ended], {}, billed, through=FEB)
    assert [(line.period.start.day, line.amount) for line in lines] == [(11, Decimal("-21.00"))]


def test_what_is_out_of_grace_is_not_held_up_by_what_fell_due_since() -> None:
    lines = owed([fee()], {}, through=MAR)
    (month,) = parts(lines, through=MAR)
    assert amounts(month.lines) == [("fee", Decimal("20.00"))]
    assert (month.period, month.closes_at) == (Period(JAN, FEB), FEB + DAY)


def test_late_lines_wait_for_the_next_regular_invoice() -> None:
    billed = owed([INPUT], EXPECTED)
    (draft,) = parts(owed([INPUT], {"input": MILLION * 21}, billed, through=FEB + 3 * DAY), through=FEB + 3 * DAY)
    assert draft.closes_at == END + DAY
    usage = {"input": MILLION * 21}
    (later,) = parts(owed([INPUT], usage, billed, through=MAR), through=MAR)
    assert (len(later.lines), later.closes_at) == (2, MAR + DAY)


def test_tax_falls_on_charges_before_commits_pay_and_not_on_the_purchase() -> None:
    agreed = [replace(each, tax_percent=Decimal(19)) for each in (INPUT, OUTPUT, fee(), purchase())]
    commit, month = parts(owed(agreed, EXPECTED), prepaid())
    assert (commit.tax, commit.total) == (Decimal(0), Decimal("36.00"))
    assert (month.tax, month.total) == (Decimal("17.53"), Decimal("69.78"))
    assert sum(line.tax for line in month.lines) == month.tax


def test_what_is_taken_back_is_not_paid_from_a_commit_first() -> None:
    billed = owed([INPUT], EXPECTED)
    lines = owed([INPUT], {"input": MILLION * 10}, billed, through=MAR)
    (month,) = parts(lines, prepaid(), through=MAR)
    assert amounts(month.lines) == [
        ("input", Decimal("-17.00")),
        ("input", Decimal("21.25")),
        (f"commit:{COMMIT}", Decimal("-4.25")),
    ]
    assert month.total == Decimal(0)


OTHER = UUID(int=8)
JANUARY = ("input", Period(JAN, FEB))


def draw(amount: str, commit: UUID = COMMIT) -> Draw:
    return Draw(str(commit), "input", Decimal(amount), Decimal(amount))


def test_what_a_commit_paid_goes_back_to_it_and_not_to_the_customer() -> None:
    billed = owed([INPUT], EXPECTED)  # 38.25, all of it drawn
    fewer = owed([INPUT], {"input": MILLION * 10}, billed, through=FEB)
    (month,) = parts(fewer, prepaid("1.75"), paid={JANUARY: [draw("38.25")]})
    returned = month.lines[-1]
    assert amounts(month.lines) == [("input", Decimal("-17.00")), (f"commit:{COMMIT}", Decimal("17.00"))]
    assert (returned.description, returned.quantity, returned.period) == (
        "Returned to Prepaid usage",
        Decimal("-17.00"),
        Period(JAN, FEB),
    )
    assert (month.subtotal, month.drawn, month.total) == (Decimal("-17.00"), Decimal("17.00"), Decimal("0.00"))


def test_what_was_paid_in_money_is_taken_back_first_and_then_the_last_that_paid() -> None:
    billed = owed([INPUT], EXPECTED)  # 38.25: 10 from one commit, 20 from the other, 8.25 in money
    other = Payer(replace(prepaid("0").instrument, key=str(OTHER)), "Credits")
    paid = {JANUARY: [draw("10"), draw("20", OTHER)]}
    fewer = owed([INPUT], {"input": MILLION * 10}, billed, through=FEB)
    (month,) = parts(fewer, prepaid("0"), other, paid=paid)
    assert amounts(month.lines) == [("input", Decimal("-17.00")), (f"commit:{OTHER}", Decimal("8.75"))]
    none = owed([INPUT], {}, billed, through=FEB)
    (month,) = parts(none, prepaid("0"), other, paid=paid)
    assert amounts(month.lines) == [
        ("input", Decimal("-38.25")),
        (f"commit:{OTHER}", Decimal("20")),
        (f"commit:{COMMIT}", Decimal("10")),
    ]
    assert month.total == Decimal("-8.25")


def test_what_goes_back_can_be_drawn_again_at_once() -> None:
    billed = owed([INPUT], EXPECTED)
    lines = owed([INPUT], {"input": MILLION * 10}, billed, through=MAR)
    (month,) = parts(lines, prepaid("1.75"), paid={JANUARY: [draw("38.25")]}, through=MAR)
    assert amounts(month.lines) == [
        ("input", Decimal("-17.00")),
        ("input", Decimal("21.25")),
        (f"commit:{COMMIT}", Decimal("17.00")),
        (f"commit:{COMMIT}", Decimal("-18.75")),
    ]
    assert month.total == Decimal("2.50")


def test_what_counts_towards_a_postpaid_commit_is_paid_in_money() -> None:
    postpaid = Payer(replace(prepaid("100").instrument, kind="postpaid"), "Commitment")
    (month,) = parts(owed([INPUT], EXPECTED), postpaid)
    counted = month.lines[-1]
    assert (counted.description, counted.quantity, counted.amount) == (
        "Counted towards Commitment",
        Decimal("38.25"),
        Decimal(0),
    )
    assert (counted.waterfall[0]["paid"], month.total) == ("38.25", Decimal("38.25"))
    assert sum(Decimal(step["amount"]) for step in counted.waterfall) == Decimal(0)


def test_custom_units_pay_what_they_are_worth() -> None:
    in_credits = Payer(replace(prepaid("1200").instrument, worth=Decimal("0.01")), "Credits", "credit")
    (month,) = parts(owed([INPUT], EXPECTED), in_credits)
    drawn = month.lines[-1]
    assert (drawn.quantity, drawn.unit, drawn.amount) == (Decimal(1200), "credit", Decimal("-12.00"))


def test_a_commit_never_pays_an_invoice_below_nothing() -> None:
    """What is taken back of one thing pays for another, or the invoice could never be issued."""
    billed = owed([INPUT], EXPECTED)
    (month,) = parts(owed([OUTPUT], EXPECTED, billed), prepaid())
    assert amounts(month.lines) == [("output", Decimal("34.00")), ("input", Decimal("-38.25"))]
    assert (month.drawn, month.total) == (Decimal(0), Decimal("-4.25"))


@given(
    usage=st.lists(st.integers(0, 30_000_000), min_size=1, max_size=6),
    tax=st.sampled_from([Decimal(0), Decimal("7.7"), Decimal(19)]),
    balance=st.decimals(0, 100, places=2),
)
def test_an_invoice_adds_up_and_billing_in_any_number_of_runs_comes_to_the_same(usage, tax, balance) -> None:
    agreed = [replace(INPUT, tax_percent=tax), replace(fee(), tax_percent=tax)]
    billed: dict[tuple[str, Period], Line] = {}
    for quantity in usage:
        lines = owed(agreed, {"input": Decimal(quantity)}, list(billed.values()), through=MAR)
        for made in parts(lines, prepaid(str(balance)), through=MAR + 2 * DAY):
            assert made.total == sum(line.amount + line.tax for line in made.lines)
            assert -made.drawn <= balance
        for line in lines:
            before = billed.get((line.term, line.period))
            billed[line.term, line.period] = replace(
                line,
                quantity=line.quantity + (before.quantity if before else 0),
                amount=line.amount + (before.amount if before else 0),
            )
    rated = rate([each.term for each in agreed], lambda *_: Decimal(usage[-1]), MAR)
    assert sum(line.amount for line in billed.values()) == sum(line.amount.amount for line in rated)


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=8), st.integers(0, 2500))
def test_the_taxes_of_all_credits_add_up_to_the_tax_of_the_invoice(cents, tax_cents) -> None:
    credited, tax = [Decimal(each) / 100 for each in cents], Decimal(tax_cents) / 100
    total, before, taxes = sum(credited), Decimal(0), Decimal(0)
    for amount in credited:
        taxes += credited_tax(tax, total, before, amount, "USD")
        before += amount
    assert taxes == tax


# ------------------------------------------------------------ the legs of a change
def lasting(key: str, amount: str, start: datetime, end: datetime, *, in_advance: bool = True) -> AgreedTerm:
    """A monthly price that counts from January on, for some of the time."""
    price = Price(JAN, Flat(Decimal(amount)), "Standard USD v1")
    term = Term(key, key, (price,), "USD", start, end, "UTC", in_advance=in_advance, anchor=JAN)
    return AgreedTerm(term, key.title())


def summed(*runs: list[Line]) -> list[Line]:
    """What invoices hold after these lines, as it is read again: by term and period."""
    sums: dict[tuple[str, Period], Line] = {}
    for line in (line for lines in runs for line in lines):
        before = sums.get((line.term, line.period))
        quantity, amount = (line.quantity, line.amount) if before is None else (
            before.quantity + line.quantity, before.amount + line.amount
        )  # fmt: skip
        sums[line.term, line.period] = replace(line, quantity=quantity, amount=amount, is_metered=False)
    return list(sums.values())


@pytest.mark.parametrize(
    ("old", "new", "day", "legs"),
    [
        ("50", "100", 11, ["-33.33", "66.67"]),  # Flexprice: 33.34, and not 33.33 from two roundings
        ("100", "160", 11, ["-66.67", "106.67"]),
        ("20", "30", 16, ["-10.00", "15.00"]),  # Kill Bill: repaired by 10
        ("100", "100", 22, ["-30.00", "30.00"]),
    ],
)
@pytest.mark.parametrize("in_advance", [True, False])
def test_a_change_in_a_cycle_is_a_credit_and_a_charge_of_the_same_part(old, new, day, legs, in_advance) -> None:
    start, change, end = (datetime(2026, month, each, tzinfo=UTC) for month, each in ((4, 1), (4, day), (5, 1)))
    billed = owed([lasting("old", old, start, end, in_advance=in_advance)], {}, through=end)
    assert amounts(billed) == [("old", Decimal(old))]
    agreed = [
        lasting("old", old, start, change, in_advance=in_advance),
        lasting("new", new, change, end, in_advance=in_advance),
    ]
    lines = owed(agreed, {}, billed, through=end)
    assert [(line.term, line.period, line.quantity, str(line.amount)) for line in lines] == [
        ("old", Period(change, end), Decimal(-1), legs[0]),
        ("new", Period(change, end), Decimal(1), legs[1]),
    ]
    assert owed(agreed, {}, summed(billed, lines), through=end) == []


@given(
    ends=st.lists(st.integers(0, 92), min_size=1, max_size=8),
    amount=st.decimals(0, 1000, places=2),
    in_advance=st.booleans(),
)
def test_however_often_an_end_moves_what_was_billed_is_what_the_term_comes_to(ends, amount, in_advance) -> None:
    billed: list[Line] = []
    for days in ends:
        agreed = lasting("old", str(amount), JAN, JAN + days * DAY, in_advance=in_advance)
        lines = owed([agreed] if days else [], {}, billed, through=APR)
        charged = sum((line.amount for line in billed), Decimal(0))
        assert -sum((line.amount for line in lines if line.amount < 0), Decimal(0)) <= charged
        billed = summed(billed, lines)
        rated = rate([agreed.term] if days else [], lambda *_: Decimal(0), APR)
        assert sum((line.amount for line in billed), Decimal(0)) == sum(
            (line.amount.amount for line in rated), Decimal(0)
        )
        assert owed([agreed] if days else [], {}, billed, through=APR) == []
