"""How fast a commit is used: shares, the day it is used up, what is left at its end."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from contracts.pace import Drawn, Pace, pace_of
from pricing.periods import Period

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=100)
YEAR = Period(START, END)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def test_half_used_after_a_quarter_of_the_time_is_used_up_at_half_of_it() -> None:
    pace = pace_of(Decimal(50), YEAR, Drawn(Decimal(50), Decimal(50), day(25)), day(25))
    assert pace == Pace(Decimal("0.5"), Decimal("0.25"), Decimal(50), day(50), Decimal(0))


def test_a_slow_one_leaves_a_rest() -> None:
    pace = pace_of(Decimal(90), YEAR, Drawn(Decimal(10), Decimal(0), day(25)), day(40))
    assert pace == Pace(Decimal("0.1"), Decimal("0.4"), Decimal(0), None, Decimal(60))


def test_what_is_used_up_was_so_with_the_last_draw() -> None:
    pace = pace_of(Decimal(0), YEAR, Drawn(Decimal(100), Decimal(0), day(30)), day(80))
    assert (pace.used, pace.exhausted_at, pace.expected_rest) == (Decimal(1), day(30), Decimal(0))


def test_it_is_not_used_up_in_the_past_while_something_is_left() -> None:
    pace = pace_of(Decimal(10), YEAR, Drawn(Decimal(90), Decimal(0), day(30)), day(60))
    assert pace.exhausted_at == day(60)


def test_nothing_is_foretold_of_what_nobody_used_has_not_begun_or_is_over() -> None:
    untouched = pace_of(Decimal(100), YEAR, Drawn(), day(50))
    assert (untouched.used, untouched.exhausted_at, untouched.expected_rest) == (Decimal(0), None, Decimal(100))
    assert pace_of(Decimal(100), YEAR, Drawn(), START - timedelta(days=3)).gone == Decimal(0)
    over = pace_of(Decimal(1), YEAR, Drawn(Decimal(99), Decimal(0), day(90)), day(120))
    assert (over.gone, over.exhausted_at, over.expected_rest) == (Decimal(1), None, Decimal(1))


def test_one_days_draw_counts_as_a_weeks() -> None:
    assert pace_of(Decimal(90), YEAR, Drawn(Decimal(10), Decimal(10), day(1)), day(1)).exhausted_at == day(64)


@given(
    drawn=st.decimals(0, 1_000_000, places=2), left=st.decimals(0, 1_000_000, places=2),
    last=st.integers(0, 99), since=st.integers(0, 60),
)  # fmt: skip
def test_either_it_is_used_up_before_its_end_or_a_rest_is_left(
    drawn: Decimal, left: Decimal, last: int, since: int
) -> None:
    pace = pace_of(left, YEAR, Drawn(drawn, drawn, day(last) if drawn else None), day(last + since))
    assert Decimal(0) <= pace.used <= 1
    assert Decimal(0) <= pace.expected_rest <= left
    if pace.exhausted_at is None:
        assert pace.expected_rest > 0 or left == 0 or drawn > 0
    else:
        assert pace.expected_rest == 0
        assert pace.exhausted_at < END
