"""What sources come to, window by window, and what is answered: values in, values out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.entitlements import Allowance, Entitlement, Feature, Source, checked, counted, resolved, window_at
from pricing.periods import Period

NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)  # a Wednesday
START = datetime(2026, 1, 31, tzinfo=UTC)
CALLS = Feature("calls", "Calls", "metered", "calls")
PLACES = Feature("places", "Places", "limit")
SSO = Feature("sso", "Single sign-on", "boolean")
REGION = Feature("region", "Region", "config")


def source(value: str = "", kind: str = "product", **fields: object) -> Source:
    given = {
        "kind": kind,
        "name": "Platform fee",
        "window": "cycle",
        "is_hard": True,
        "since": START,
        "until": None,
        "zone": "UTC",
        "anchor": START,
        "contract": "C-1" if kind == "product" else "",
    } | fields
    return Source(value=value, **given)  # type: ignore[arg-type]


def have(feature: Feature, *sources: Source) -> Entitlement:
    return resolved(feature, sources, NOON, "UTC")


def limit(*sources: Source) -> Decimal | None:
    (only,) = have(PLACES, *sources).allowances
    return only.limit


def ask(entitlement: Entitlement, quantity: str = "1", used: str = "0", **more: datetime) -> tuple[bool, str]:
    full = counted(entitlement, {each.period: Decimal(used) for each in entitlement.allowances if each.period})
    answer = checked(full, Decimal(quantity), NOON, **more)
    assert answer.is_overage is (answer.reason == "overage")
    return answer.allowed, answer.reason


# ---------------------------------------------------------------- putting together
def test_numbers_are_summed_and_seats_count() -> None:
    assert limit(source("5"), source("2", seats=Decimal(10), contract="C-2")) == 25
    assert limit(source("5"), source("unlimited", contract="C-2")) is None


def test_on_or_off_is_on_if_one_says_so() -> None:
    assert not have(SSO).is_granted
    assert have(SSO, source()).is_granted
    assert not have(SSO, source(), source("off", "override")).is_granted
    assert have(SSO, source("off", "override"), source("", "trial")).is_granted


def test_of_settings_the_one_given_last_counts() -> None:
    later = source("eu", since=START + timedelta(days=1), contract="C-2")
    found = have(REGION, later, source("us"))
    assert (found.value, found.sources) == ("eu", [later])
    assert have(REGION) == Entitlement(REGION, False, True, ())


def test_an_override_of_a_contract_stands_for_what_that_contract_grants() -> None:
    both = source("5"), source("7", contract="C-2")
    assert limit(*both, source("1", "override", contract="C-1")) == 8
    assert limit(*both, source("1", "override")) == 1
    assert limit(*both, source("1", "override", contract="C-1"), source("2", "override")) == 2


def test_of_several_overrides_the_one_that_began_last_acts() -> None:
    newer = source("3", "override", since=NOON)
    assert limit(newer, source("5"), source("2", "override")) == 3


def test_a_trial_is_added_whatever_else_there_is() -> None:
    trial = source("10", "trial")
    assert limit(source("5"), trial) == 15
    assert limit(source("5"), source("1", "override"), trial) == 11
    assert limit(trial) == 10


def test_every_answer_names_what_it_was_made_of() -> None:
    override, trial = source("1", "override"), source("2", "trial", since=NOON)
    assert have(PLACES, source("5"), trial, override).sources == [override, trial]


@given(st.lists(st.tuples(st.integers(0, 99), st.sampled_from(["product", "trial"])), min_size=1, max_size=6))
def test_the_order_of_sources_is_of_no_account(given: list[tuple[int, str]]) -> None:
    sources = [source(str(value), kind, since=START + timedelta(days=day)) for day, (value, kind) in enumerate(given)]
    assert limit(*sources) == limit(*reversed(sources)) == sum(value for value, _ in given)


# ---------------------------------------------------------------- answers
def test_hard_refuses_and_soft_is_overage() -> None:
    hard, soft = source("100"), source("100", is_hard=False)
    assert ask(have(CALLS, hard), used="99") == (True, "granted")
    assert ask(have(CALLS, hard), used="100") == (False, "limit_reached")
    assert ask(have(CALLS, soft), used="100") == (True, "overage")
    assert ask(have(CALLS, hard, replace(soft, contract="C-2")), used="200") == (True, "overage")
    assert ask(have(CALLS, source("unlimited")), "1000000", used="5") == (True, "granted")


def test_of_a_limit_the_quantity_is_all_there_is_to_be() -> None:
    assert [ask(have(PLACES, source("100")), quantity)[0] for quantity in ("99", "100", "100.5", "101")] == [
        True,
        True,
        False,
        False,
    ]


def test_all_windows_must_have_room() -> None:
    short, long = source("10", window="five_hours"), source("100", window="week")
    both = have(CALLS, short, long)
    assert [each.window for each in both.allowances] == ["five_hours", "week"]
    used = dict(zip([each.period for each in both.allowances], [Decimal(3), Decimal(98)], strict=True))
    full = counted(both, used)  # type: ignore[arg-type]
    answer = checked(full, Decimal(2), NOON)
    assert (answer.allowed, answer.allowance and answer.allowance.window) == (True, "week")
    answer = checked(full, Decimal(3), NOON)
    assert (answer.reason, answer.allowance and answer.allowance.window) == ("limit_reached", "week")


def test_what_is_refused_is_refused_though_another_window_is_soft() -> None:
    both = have(CALLS, source("10", window="day", is_hard=False), source("100", window="week"))
    used = dict(zip([each.period for each in both.allowances], [Decimal(50), Decimal(100)], strict=True))
    assert checked(counted(both, used), Decimal(1), NOON).reason == "limit_reached"  # type: ignore[arg-type]


def test_nothing_gives_nothing() -> None:
    assert ask(have(CALLS)) == (False, "not_granted")
    assert ask(have(SSO, source())) == (True, "granted")


def test_what_is_left_is_never_below_nothing() -> None:
    over = Allowance("day", Decimal(5), False, (), used=Decimal(8))
    assert (over.remaining, over.left_after(Decimal(1))) == (0, -4)
    assert Allowance("day", None, False, (), used=Decimal(8)).remaining is None


# ---------------------------------------------------------------- windows
def window(name: str, at: datetime, zone: str = "UTC", **fields: object) -> Period:
    return window_at(name, at, zone, source("1", **fields))


def test_a_cycle_counts_from_the_anchor_and_comes_back_to_its_day() -> None:
    february = Period(datetime(2026, 2, 28, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC))
    assert window("cycle", NOON) == window("cycle", february.start) == february
    assert window("cycle", february.end).start == february.end
    assert window("cycle", START + timedelta(hours=1)).start == START


@pytest.mark.parametrize(
    ("name", "at", "start", "end"),
    [
        # In Berlin the clock goes forward on 29 March 2026 and back on 25 October.
        ("day", "2026-03-29T12:00", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("day", "2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("week", "2026-03-29T21:59", "2026-03-22T23:00", "2026-03-29T22:00"),
        ("week", "2026-03-29T22:00", "2026-03-29T22:00", "2026-04-05T22:00"),
        ("month", "2026-03-31T21:59", "2026-02-28T23:00", "2026-03-31T22:00"),
    ],
)
def test_windows_of_the_calendar_are_local(name: str, at: str, start: str, end: str) -> None:
    instants = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (at, start, end)]
    assert window(name, instants[0], "Europe/Berlin") == Period(*instants[1:])


def test_five_hours_follow_each_other_whatever_the_clock_does() -> None:
    began = datetime(2026, 3, 28, 22, tzinfo=UTC)
    edges = [window("five_hours", began + timedelta(hours=hours), since=began) for hours in (0, 4, 5, 9)]
    assert [(each.start - began, each.end - each.start) for each in edges] == [
        (timedelta(0), timedelta(hours=5)),
        (timedelta(0), timedelta(hours=5)),
        (timedelta(hours=5), timedelta(hours=5)),
        (timedelta(hours=5), timedelta(hours=5)),
    ]
    assert edges[1].end == edges[2].start


def test_any_five_hours_never_start_anew_all_at_once() -> None:
    (only,) = have(CALLS, source("5", window="rolling_five_hours")).allowances
    assert only.period is not None
    assert (only.period.start, only.resets_at) == (NOON - timedelta(hours=5), None)
    (fixed,) = have(CALLS, source("5", window="five_hours")).allowances
    assert fixed.resets_at == fixed.period.end  # type: ignore[union-attr]


def test_there_is_no_other_window() -> None:
    with pytest.raises(ValueError, match="there is no window 'year'"):
        window("year", NOON)
