"""The one clock. Doors read it once and pass instants down; only the demo and the journey ever set it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.utils import timezone

_set_to: datetime | None = None


def now() -> datetime:
    """The present instant (UTC), or the instant the test clock was set to."""
    return _set_to or timezone.now()


@contextmanager
def clock_set_to(instant: datetime) -> Iterator[None]:
    """Let this process live at `instant`. Process-wide, so that a server thread sees the same time."""
    global _set_to
    before, _set_to = _set_to, instant
    try:
        yield
    finally:
        _set_to = before
