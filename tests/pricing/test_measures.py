"""Usage told apart: what was added, what there is together, and the same seen less finely."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from pricing.measures import WHOLE, Part, Split, beyond, localised, not_negative, together, total, viewed

D = Decimal
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
BY = Split(("region", "model"), "hour")
PARTS = (
    Part(D(3), ("eu", "large"), NOON),
    Part(D(4), ("eu", None), NOON),
    Part(D(5), ("us", "large"), LATER),
)


def test_the_total_of_parts_is_their_sum():
    assert total(PARTS) == total(D(12)) == D(12)
    assert total(()) == D(0)


def test_what_was_added_is_the_difference_part_by_part():
    before = (Part(D(1), ("eu", "large"), NOON), Part(D(4), ("eu", None), NOON))
    assert beyond(PARTS, before, BY) == (Part(D(2), ("eu", "large"), NOON), Part(D(5), ("us", "large"), LATER))
    assert beyond(D(12), D(5), WHOLE) == D(7)
    assert together(before, beyond(PARTS, before, BY), BY) == PARTS


def test_a_part_with_nothing_in_it_is_added_once():
    by, empty = Split(("region",)), Part(D(0), ("eu",))
    assert beyond((empty,), (), by) == (empty,)
    assert beyond((empty,), (empty,), by) == ()


def test_single_events_are_those_after_the_first_ones():
    each = Split(each=True)
    events = tuple(Part(D(5), (), NOON + timedelta(minutes=n)) for n in range(3))
    assert beyond(events, events[:2], each) == events[2:]
    assert together(events[:2], events[2:], each) == events
    assert beyond((Part(D(9)),), (Part(D(4)),), each) == (Part(D(5)),)


def test_parts_can_be_seen_less_finely():
    assert viewed(PARTS, BY, Split(("region",))) == (Part(D(7), ("eu",)), Part(D(5), ("us",)))
    assert viewed(PARTS, BY, Split(window="hour")) == (Part(D(7), (), NOON), Part(D(5), (), LATER))
    assert viewed(PARTS, BY, Split(("model",))) == (Part(D(8), ("large",)), Part(D(4), (None,)))
    assert viewed(PARTS, BY, WHOLE) == D(12)
    assert viewed((Part(D(9)),), BY, Split(("region",))) == (Part(D(9)),)


def test_a_split_fine_enough_for_two():
    both = Split(("a",), "day").joined(Split(("b", "a"), each=False))
    assert both == Split(("a", "b"), "day")
    with pytest.raises(ValueError, match="by day and by hour"):
        both.joined(Split(window="hour"))
    with pytest.raises(ValueError, match="single events"):
        both.joined(Split(each=True))
    with pytest.raises(ValueError, match="must be one of minute, hour, day, month"):
        Split(window="week")


def test_a_part_is_never_less_than_nothing_but_an_event_may_be():
    parts = (Part(D(-3), ("eu",)), Part(D(4), ("us",)))
    assert not_negative(parts, Split(("region",))) == (Part(D(0), ("eu",)), Part(D(4), ("us",)))
    assert not_negative(parts, Split(("region",), each=True)) == parts
    assert not_negative(D(-3), WHOLE) == D(0)


def test_windows_start_by_the_local_clock_and_the_hour_that_comes_twice_stays_two():
    split = Split(window="hour", zone="Europe/Berlin")
    twice = datetime(2026, 10, 25, 0, tzinfo=UTC)
    parts = tuple(Part(D(1), (), twice + timedelta(hours=n)) for n in range(3))
    local = localised(parts, split)
    assert [part.start.hour for part in local] == [2, 2, 3]
    assert [part.start for part in local] == [part.start for part in parts]
    assert len({part.start for part in local}) == 3
    assert localised(D(3), split) == D(3)
