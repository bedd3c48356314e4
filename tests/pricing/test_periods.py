"""Periods and cycles: half-open, tiling time, never drifting, in every zone."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.periods import Period, add_months, anchored, cycles, days_long, local_day, local_days, midnight

ZONES = [
    "UTC",
    "America/New_York",
    "America/Los_Angeles",
    "Asia/Kolkata",
    "Pacific/Auckland",
    "America/Sao_Paulo",
]
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


JANUARY = Period(at(2026, 1, 1), at(2026, 2, 1))


def test_start_is_inside_and_end_is_not():
    assert JANUARY.contains(at(2026, 1, 1))
    assert not JANUARY.contains(at(2026, 2, 1))
    assert JANUARY.seconds == 31 * 86_400
    assert not JANUARY.is_empty
    assert Period(at(2026, 1, 1), at(2026, 1, 1)).is_empty


def test_instants_are_kept_in_utc():
    new_york = ZoneInfo("America/New_York")
    period = Period(
        datetime(2026, 11, 1, 1, 30, tzinfo=new_york), datetime(2026, 11, 1, 1, 15, fold=1, tzinfo=new_york)
    )
    assert (period.start, period.end) == (at(2026, 11, 1, 5, 30), at(2026, 11, 1, 6, 15))
    assert period.start.tzinfo is UTC


def test_naive_and_reversed_periods_are_refused():
    with pytest.raises(ValueError, match="no time zone"):
        Period(datetime(2026, 1, 1), at(2026, 2, 1))
    with pytest.raises(ValueError, match="after its end"):
        Period(at(2026, 2, 1), at(2026, 1, 1))


def test_neighbours_do_not_overlap():
    february = Period(at(2026, 2, 1), at(2026, 3, 1))
    assert JANUARY.overlap(february) is None
    assert JANUARY.overlap(Period(at(2026, 1, 20), at(2026, 3, 1))) == Period(at(2026, 1, 20), at(2026, 2, 1))


@given(st.lists(INSTANTS, min_size=2, max_size=2, unique=True), st.lists(INSTANTS, max_size=6))
def test_pieces_tile_the_period(ends, instants):
    whole = Period(min(ends), max(ends))
    pieces = whole.split_at(instants)
    assert (pieces[0].start, pieces[-1].end) == (whole.start, whole.end)
    assert all(
        one.end == other.start and not one.is_empty for one, other in pairwise([*pieces, Period(whole.end, whole.end)])
    )
    assert sum(piece.share_of(whole) for piece in pieces) == 1


@given(st.lists(INSTANTS, min_size=2, max_size=2, unique=True), st.lists(INSTANTS, max_size=6), st.sampled_from(ZONES))
def test_pieces_have_the_days_of_the_period(ends, instants, zone):
    whole = Period(min(ends), max(ends))
    assert sum(days_long(piece, zone) for piece in whole.split_at(instants)) == days_long(whole, zone) > 0


def test_days_are_days_of_the_calendar_however_long():
    for zone in [*ZONES, "Pacific/Apia"]:  # which had no 30 December 2011
        for month in range(1, 13):
            day = date(2011, month, 1)
            month_long = Period(midnight(day, zone), midnight(add_months(day, 1), zone))
            assert days_long(month_long, zone) == (add_months(day, 1) - day).days
    fortnight = Period(at(2026, 3, 1, 5), at(2026, 3, 15, 4))
    assert days_long(fortnight, "America/New_York") == 14
    assert days_long(fortnight, "UTC") == Fraction(335, 24)


def test_a_share_is_exact():
    assert Period(at(2026, 9, 10), at(2026, 10, 1)).share_of(Period(at(2026, 9, 1), at(2026, 10, 1))) == Fraction(7, 10)


@pytest.mark.parametrize(
    ("anchor", "months", "expected"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2026, 1, 31), 2, date(2026, 3, 31)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 1, 15), -1, date(2025, 12, 15)),
    ],
)
def test_months_clamp_to_the_last_day(anchor, months, expected):
    assert add_months(anchor, months) == expected


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("day", range(1, 32))
def test_cycles_tile_time_and_return_to_the_anchor_day(zone, day):
    start = midnight(date(2024, 1, day), zone)
    found = list(cycles(start, zone, 1, midnight(date(2028, 1, 1), zone)))
    assert found[0].start == start
    assert all(one.end == other.start for one, other in pairwise(found))
    local = [cycle.start.astimezone(ZoneInfo(zone)) for cycle in found]
    assert [each.date() for each in local] == [add_months(date(2024, 1, day), k) for k in range(len(found))]
    assert max(each.day for each in local) == day


@given(INSTANTS, st.sampled_from(ZONES), st.sampled_from([1, 3, 12]), st.integers(1, 1500))
def test_cycles_from_any_instant_have_neither_gap_nor_overlap(start, zone, months, days):
    until = start + timedelta(days=days)
    found = list(cycles(start, zone, months, until))
    assert found[0].start == start
    assert found[-1].start < until <= found[-1].end
    assert all(one.end == other.start and one.start < one.end for one, other in pairwise(found))


def test_the_last_cycle_is_whole():
    [*_, last] = cycles(at(2026, 1, 31), "UTC", 1, at(2026, 3, 1))
    assert last == Period(at(2026, 2, 28), at(2026, 3, 31))


def test_no_months_is_once():
    assert list(cycles(at(2026, 1, 5), "UTC", 0, at(2027, 1, 1))) == [Period(at(2026, 1, 5), at(2027, 1, 1))]


def test_cycles_may_go_on_for_ever():
    endless = datetime.max.replace(tzinfo=UTC)
    assert [each.start.month for each in islice(cycles(at(2026, 1, 1), "UTC", 3, endless), 4)] == [
        1,
        4,
        7,
        10,
    ]


def test_months_with_a_clock_change_are_an_hour_off():
    march, november = (
        Period(
            midnight(date(2026, month, 1), "America/New_York"),
            midnight(date(2026, month + 1, 1), "America/New_York"),
        )
        for month in (3, 11)
    )
    assert (march.seconds, november.seconds) == (743 * 3600, 721 * 3600)


@pytest.mark.parametrize(
    ("day", "zone", "instant"),
    [
        (date(2026, 3, 1), "Asia/Kolkata", at(2026, 2, 28, 18, 30)),
        (date(2026, 1, 1), "Pacific/Auckland", at(2025, 12, 31, 11)),
        (date(2018, 11, 4), "America/Sao_Paulo", at(2018, 11, 4, 3)),  # 00:00 to 01:00 did not exist
        (date(1919, 3, 31), "America/Toronto", at(1919, 3, 31, 4, 30)),  # 23:30 to 00:30 did not exist
        (date(2011, 12, 30), "Pacific/Apia", at(2011, 12, 30, 10)),  # the whole day did not exist
        (date(2026, 11, 1), "America/Havana", at(2026, 11, 1, 4)),  # 00:00 came twice: the first
    ],
)
def test_midnight_is_the_first_instant_of_the_local_day(day, zone, instant):
    assert midnight(day, zone) == instant


@given(st.dates(date(1970, 1, 1), date(2039, 12, 31)), st.sampled_from(ZONES))
def test_no_earlier_instant_belongs_to_the_day(day, zone):
    begins = midnight(day, zone).astimezone(ZoneInfo(zone))
    before = (midnight(day, zone) - timedelta(microseconds=1)).astimezone(ZoneInfo(zone))
    assert begins.date() == day
    assert before.date() < day


def test_an_unknown_zone_is_refused():
    for zone in ("Europe/Atlantis", "", "../etc/passwd"):
        with pytest.raises(ValueError):  # noqa: PT011
            midnight(date(2026, 1, 1), zone)


def test_people_read_the_last_day_as_included():
    zone = "America/New_York"
    march = Period(midnight(date(2026, 3, 1), zone), midnight(date(2026, 4, 1), zone))
    assert local_days(march, zone) == (date(2026, 3, 1), date(2026, 3, 31))
    assert local_days(Period(march.end, march.end), zone) == (date(2026, 4, 1), date(2026, 4, 1))


def test_cycles_count_from_an_earlier_anchor_and_the_first_is_whole() -> None:
    start, until = datetime(2026, 9, 15, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)
    found = list(cycles(start, "UTC", 1, until, anchored(start, "UTC", 10)))
    assert [(each.start.date(), each.end.date()) for each in found] == [
        (date(2026, 9, 10), date(2026, 10, 10)),
        (date(2026, 10, 10), date(2026, 11, 10)),
        (date(2026, 11, 10), date(2026, 12, 10)),
    ]


def test_cycles_found_far_from_their_anchor_are_those_counted_from_it() -> None:
    anchor, until = datetime(2020, 1, 31, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    for months in (1, 3, 5, 12):
        every = list(cycles(anchor, "UTC", months, until))
        for start in (anchor, datetime(2020, 2, 29, tzinfo=UTC), datetime(2026, 3, 30, 7, tzinfo=UTC)):
            assert list(cycles(start, "UTC", months, until, anchor)) == [each for each in every if each.end > start]


@pytest.mark.parametrize(
    ("start", "day", "anchor"),
    [
        (date(2026, 9, 15), 15, date(2026, 9, 15)),
        (date(2026, 9, 15), 16, date(2026, 8, 16)),
        (date(2026, 3, 15), 31, date(2026, 1, 31)),
        (date(2026, 3, 15), 29, date(2026, 1, 29)),
        (date(2026, 1, 1), 30, date(2025, 12, 30)),
    ],
)
def test_an_anchor_is_a_day_that_its_month_has(start: date, day: int, anchor: date) -> None:
    assert anchored(midnight(start, "Europe/Berlin"), "Europe/Berlin", day) == midnight(anchor, "Europe/Berlin")


def test_the_day_is_that_of_the_place() -> None:
    instant = at(2025, 12, 15, 16)
    assert [local_day(instant, zone).day for zone in ("UTC", "Asia/Tokyo", "Pacific/Honolulu")] == [15, 16, 15]
