"""Who acts, why and when: one value, built at the door and handed down to every operation."""

from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Optional

from governance import clock

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from governance.models import Change


class Refused(Exception):
    """The request was understood and is declined. The message is fit for the person who asked."""


def name_of(user: "User") -> str:
    """A person's name as people call them; the user name where there is none."""
    return user.get_full_name() or user.get_username()


@dataclass(frozen=True, slots=True)
class Act:
    """Who acts (`by` is None for machines and customers, `name` always says who), why, and when."""

    by: Optional["User"]
    name: str
    because: str
    at: datetime

    def __post_init__(self) -> None:
        if not self.because.strip():
            raise Refused("Say why: a reason is needed for this change.")
        if not self.name.strip():
            raise ValueError("An act needs the name of whoever acts.")

    @classmethod
    def of_system(cls, name: str, because: str, at: datetime | None = None) -> "Act":
        """An act of the product itself: the timetable, an integration, an installation."""
        return cls(None, name, because, at or clock.now())

    @classmethod
    def of_user(cls, user: "User", because: str, at: datetime | None = None) -> "Act":
        """An act of a signed-in person; the name is kept as text so that the trail outlives the account."""
        return cls(user, name_of(user), because, at or clock.now())

    def saying(self, because: str) -> "Act":
        """The same act with another reason, for a step it leads to."""
        return replace(self, because=because)


open_change: ContextVar[Optional["Change"]] = ContextVar("open_change", default=None)
