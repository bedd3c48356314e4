"""What will happen to one contract in half a year: drawn from a number, so that what failed can come again."""

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from contracts.terms import AgreedCommit
from pricing.rating import Proration

MONTHS = 6
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
PRORATIONS: tuple[Proration, ...] = ("day", "second", "none")
Chance = random.Random

Correction = Literal["void", "credit", "pay", "pay_in_part"]
Kind = Literal["seats", "discount", "end", "add", "swap", "price", "term", "cancel", "reactivate", "commit"]
KINDS: tuple[Kind, ...] = (
    "seats", "seats", "seats", "discount", "end", "add", "swap", "price", "term", "cancel", "reactivate", "commit",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Use:
    """So many tokens at an instant; below zero they take back what was reported before."""

    at: datetime
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Amend:
    """A change of the contract, from a day that may be over; `number` is the quantity, percent, days or amount."""

    kind: Kind
    effective_on: date
    number: int
    timing: Literal["policy", "now", "next_cycle"]


@dataclass(frozen=True, slots=True)
class Month:
    """What comes in during it (also of the month before), what is agreed anew before its billing, and what is done to
    the newest invoice after it."""

    usage: tuple[Use, ...]
    amendments: tuple[Amend, ...]
    corrections: tuple[Correction, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """One customer's half year."""

    number: int
    start_on: date
    months: int
    anchor_day: int | None
    proration: Proration
    seats: int
    discount: Decimal
    commits: tuple[AgreedCommit, ...]
    history: tuple[Month, ...]

    @property
    def key(self) -> str:
        return f"history-{self.number}"


def plan(number: int) -> Plan:
    """The plan with this number, the same for ever."""
    chance = Chance(number)
    start_on = date(2026, 1, chance.randint(1, 31))
    return Plan(
        number=number,
        start_on=start_on,
        months=chance.choice([1, 3, 5, 6, 6]),
        anchor_day=chance.choice([None, None, 1, 15, 31]),
        proration=chance.choice(PRORATIONS),
        seats=chance.randint(1, 12),
        discount=Decimal(chance.choice([0, 0, 10, 15])),
        commits=tuple(_commit(chance, place) for place in range(chance.choice([0, 1, 1, 2, 3]))),
        history=tuple(_month(chance, month, start_on) for month in range(1, MONTHS + 1)),
    )


def _commit(chance: Chance, place: int) -> AgreedCommit:
    access = Decimal(chance.choice([5, 20, 40, 500]))
    return AgreedCommit(
        f"Commit {place}",
        access,
        access * chance.choice([Decimal(0), Decimal("0.9"), Decimal(1)]),
        product_keys=chance.choice([(), (), ("input-tokens",), ("input-tokens", "output-tokens")]),
        priority=chance.choice([1, 100, 100]),
    )


def _month(chance: Chance, month: int, start_on: date) -> Month:
    first = datetime(2026, month, 1, tzinfo=UTC)
    usage = [_use(chance, first + timedelta(days=chance.randint(0, 27))) for _ in range(chance.randint(0, 3))]
    if month > 1 and chance.random() < 0.4:  # late, but within the window of what is still taken
        usage.append(_use(chance, first - timedelta(days=chance.randint(1, 3)), takes_back=chance.random() < 0.5))
    began = datetime(start_on.year, start_on.month, start_on.day, tzinfo=UTC)
    some = chance.random() < 0.5
    return Month(
        usage=tuple(use for use in usage if use.at >= began),
        amendments=tuple(_amend(chance, first.date()) for _ in range(chance.choice([0, 0, 0, 1, 2]))),
        corrections=(chance.choice(["void", "void", "credit", "pay", "pay_in_part"]),) if some else (),
    )


def _amend(chance: Chance, first: date) -> Amend:
    return Amend(
        kind=chance.choice(KINDS),
        effective_on=first + timedelta(days=chance.randint(-20, 35)),
        number=chance.randint(1, 15),
        timing=chance.choice(["policy", "now", "next_cycle"]),
    )


def _use(chance: Chance, day: datetime, *, takes_back: bool = False) -> Use:
    sign = -1 if takes_back else 1
    return Use(
        day + timedelta(seconds=chance.randint(0, 86_399)),
        sign * chance.randint(0, 9_000_000),
        sign * chance.randint(0, 2_000_000),
    )
