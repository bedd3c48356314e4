"""Rules of oddity, on plain day totals."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from metering.flags import rules as oddities
from metering.flags.rules import Limits, Odd

TODAY = date(2026, 3, 10)
LIMITS = Limits(Decimal(4), Decimal(100), 100, Decimal("0.5"))


def days(*values: int, until: date = TODAY) -> dict[date, Decimal]:
    """One value a day, the last one on the day before `until`; 0 is a day without anything."""
    first = until - timedelta(days=len(values))
    return {first + timedelta(days=place): Decimal(value) for place, value in enumerate(values) if value}


def found(given: dict[date, Decimal]) -> list[Odd]:
    return list(oddities.spikes(given, TODAY, LIMITS))


def test_a_day_of_ten_times_the_usual_is_a_spike() -> None:
    yesterday = TODAY - timedelta(days=1)
    assert found(days(*[1000] * 28, 10_000)) == [Odd(yesterday, Decimal(10_000), Decimal(1000))]


def test_a_day_that_is_not_over_can_be_one_already() -> None:
    assert found(days(*[1000] * 28) | {TODAY: Decimal(9_000)}) == [Odd(TODAY, Decimal(9_000), Decimal(1000))]


def test_a_spike_of_last_week_is_still_found_and_an_older_one_is_not() -> None:
    usual = days(*[1000] * 40)
    week, older = TODAY - timedelta(days=7), TODAY - timedelta(days=8)
    assert [odd.day for odd in found(usual | {week: Decimal(10_000), older: Decimal(10_000)})] == [week]


def test_busy_weekdays_and_growth_are_no_spikes() -> None:
    weekly = [500, 1200, 1200, 1200, 1200, 1200, 500]
    grown = [value * (100 + place) // 100 for place, value in enumerate(weekly * 6)]
    assert found(days(*grown)) == []


@pytest.mark.parametrize("usual", [9, 24])
def test_small_noise_is_no_spike(usual: int) -> None:
    assert found(days(*[usual] * 28, 99)) == []


def test_where_days_differ_widely_more_is_needed() -> None:
    wild = [100, 4000, 900, 2500, 150, 3000, 700, 1800, 60, 5000, 1000, 2000, 400, 3500]
    assert found(days(*wild, *wild, 8_000)) == []
    assert [odd.seen for odd in found(days(*wild, *wild, 40_000))] == [40_000]


def test_who_runs_once_a_week_does_not_spike_each_time() -> None:
    assert found(days(*[0, 0, 0, 0, 0, 0, 5000] * 5)) == []


def test_nothing_is_usual_in_the_first_days() -> None:
    assert found(days(*[10] * 6, 10_000)) == []


def test_a_day_of_nothing_after_two_weeks_of_something_is_silence() -> None:
    yesterday = TODAY - timedelta(days=1)
    assert list(oddities.silences(days(*[1000] * 14, 0), TODAY)) == [Odd(yesterday, Decimal(0), Decimal(1000))]


def test_a_silence_is_found_once_by_its_first_day() -> None:
    for length in range(1, 8):
        (odd,) = oddities.silences(days(*[1000] * 28, *[0] * length), TODAY)
        assert odd.day == TODAY - timedelta(days=length)
    assert list(oddities.silences(days(*[1000] * 28, *[0] * 8), TODAY)) == []


def test_today_is_not_silent_before_it_is_over() -> None:
    assert list(oddities.silences(days(*[1000] * 14), TODAY)) == []


def test_weekends_off_are_no_silence_but_a_monday_is() -> None:
    weekly = [5, 5, 5, 5, 5, 0, 0]  # TODAY is a Tuesday: the last value is Monday's
    before = days(*weekly * 5, until=TODAY - timedelta(days=1))
    assert list(oddities.silences(before | {TODAY - timedelta(days=1): Decimal(5)}, TODAY)) == []
    assert [odd.day for odd in oddities.silences(before, TODAY)] == [TODAY - timedelta(days=1)]


def test_two_silences_are_two() -> None:
    gaps = days(*[7] * 28, 0, 7, 7, 7)
    assert [odd.day for odd in oddities.silences(gaps, TODAY)] == [TODAY - timedelta(days=4)]


def test_duplicates_are_a_burst_when_many_and_many_beside_what_is_counted() -> None:
    cases = {(99, 0): False, (100, 0): True, (100, 200): True, (100, 201): False, (5000, 9000): True}
    assert {each: oddities.is_burst(*each, LIMITS) for each in cases} == cases


def delays(*seconds: float, batches: int = 10) -> list[tuple[int, timedelta]]:
    return [(place % batches, timedelta(seconds=each)) for place, each in enumerate(seconds)]


def test_a_clock_that_is_ahead() -> None:
    assert oddities.skew(delays(*[-120] * 20)) == timedelta(seconds=-120)
    assert oddities.skew(delays(*[-120] * 17, 1, 1, 1)) is None
    assert oddities.skew(delays(*[-120] * 19)) is None


def test_a_time_zone_that_is_wrong() -> None:
    assert oddities.skew(delays(*[3600 + place for place in range(20)])) == timedelta(seconds=3609)
    assert oddities.skew(delays(*[5 * 3600 + 1800] * 20)) == timedelta(hours=5, minutes=30)


@pytest.mark.parametrize(
    "seconds", [[place * 180 for place in range(20)], [2] * 20, [1000] * 20, [22 * 3600] * 20], ids=str
)
def test_sending_now_and_then_is_no_wrong_clock(seconds: list[int]) -> None:
    assert oddities.skew(delays(*seconds)) is None


def test_one_file_of_old_events_is_no_wrong_clock() -> None:
    assert oddities.skew(delays(*[3600] * 500, batches=4)) is None
