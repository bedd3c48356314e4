"""What commits pay of an invoice to be, what goes back to them, and what was committed and not used. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from invoicing.lines import CHARGE, DRAWDOWN, Line, Paid, step
from pricing.drawdown import Draw, Drawable, Instrument, draw_down, give_back
from pricing.money import ZERO, exactly, plain, round_amount
from pricing.periods import Period

_MOVES = {
    (False, True): "Drawn from",
    (False, False): "Returned to",
    (True, True): "Counted towards",
    (True, False): "No longer counted towards",
}


@dataclass(frozen=True, slots=True)
class TrueUp:
    """What was committed and not used, of a postpaid commit: when it falls due, and what of it was billed before.

    The balance of its instrument counts what was billed so as still there.
    """

    period: Period
    due_at: datetime
    access: Decimal
    tax_percent: Decimal
    revenue_account: str
    billed: Line | None = None


@dataclass(frozen=True, slots=True)
class Payer:
    """A commit that may pay: what it can, and what invoices call it and its unit (none: money)."""

    instrument: Instrument
    name: str
    unit: str = ""
    true_up: TrueUp | None = None


def draws(lines: Sequence[Line], payers: Sequence[Payer], paid: Paid, currency: str) -> list[Line]:
    """What goes back to commits and what they pay: a line for each of them, period and direction.

    What goes back can be drawn again at once.
    """
    known = {payer.instrument.key: payer for payer in payers}
    left = {key: payer.instrument.balance for key, payer in known.items()}
    moves, drawables = [], []
    for place, line in enumerate(lines):
        of_slot = paid.get((line.term, line.period), ())
        returned, owed = _returned(line, of_slot)
        for draw in returned:
            left[draw.instrument] -= draw.units
            moves.append((line, draw))
        if line.is_metered or owed < 0:
            key = f"{place:06d}"
            drawables.append(Drawable.of(key, line.product_key, line.period, line.quantity, owed, line.tags))
    instruments = [replace(payer.instrument, balance=left[key]) for key, payer in known.items()]
    moves += [(lines[int(draw.line)], draw) for draw in draw_down(drawables, instruments)]
    shares: dict[tuple[str, Period, bool], list[tuple[Line, Draw]]] = defaultdict(list)
    for line, draw in moves:
        shares[draw.instrument, line.period, draw.amount < 0].append((line, draw))
    made = [_moved(known[key], period, each, currency) for (key, period, _), each in shares.items()]
    return sorted(made, key=lambda line: line.period.start)


def less(payer: Payer, moves: Iterable[Line]) -> Payer:
    """The same once these lines of an invoice have moved it."""
    moved = sum((line.quantity for line in moves if line.term == f"commit:{payer.instrument.key}"), ZERO)
    return replace(payer, instrument=replace(payer.instrument, balance=payer.instrument.balance - moved))


def true_ups(payers: Iterable[Payer], through: datetime) -> Iterator[Line]:
    """A line for each postpaid commit that is over, to be filled in once it is known what else it is drawn for."""
    for payer in payers:
        if (true_up := payer.true_up) and (true_up.billed or true_up.due_at <= through):
            yield (true_up.billed and replace(true_up.billed, is_late=True)) or Line(
                term=f"commit:{payer.instrument.key}:true-up",
                kind=CHARGE,
                product_key="commit",
                description=f"{payer.name}: committed and not used",
                unit=payer.unit,
                period=true_up.period,
                due_at=true_up.due_at,
                quantity=ZERO,
                amount=ZERO,
                exact="0",
                price_source=payer.name,
                tax_percent=true_up.tax_percent,
                revenue_account=true_up.revenue_account,
                commit_id=UUID(payer.instrument.key),
            )


def trued_up(line: Line, payers: Iterable[Payer], currency: str) -> Line:
    """What is left of the commitment after all that is drawn, less what was billed of it before."""
    payer = next(each for each in payers if each.instrument.key == str(line.commit_id))
    assert payer.true_up is not None
    left, worth, before = payer.instrument.balance, payer.instrument.worth, payer.true_up.billed
    with exactly():
        committed = round_amount(payer.true_up.access * worth, currency)
        exact = left * worth
        amount = round_amount(exact, currency)
        steps = [
            step("list", "committed", committed, committed, payer.name),
            step("drawn", "used", amount - committed, amount, payer.name),
        ]
        if before is None:
            quantity = left
        else:
            quantity = left - before.quantity
            exact, amount = exact - before.amount, amount - before.amount
            steps.append(step("billed", "billed before", -before.amount, amount, "earlier invoices"))
    return replace(line, quantity=quantity, amount=amount, exact=plain(exact), waterfall=tuple(steps))


def _returned(line: Line, paid: Sequence[Draw]) -> tuple[list[Draw], Decimal]:
    """What goes back to the commits that paid this line's slot, and what of the line they may still pay.

    They keep what they paid as far as the slot still comes to it: what was paid in money is taken back first.
    """
    with exactly():
        room = max(line.comes_to, ZERO) - sum((draw.amount for draw in paid), ZERO)
        returned = give_back(paid, -room)
        if line.amount > 0:
            return returned, min(line.amount, max(room, ZERO))
        return returned, line.amount - sum((draw.amount for draw in returned), ZERO)


def _moved(payer: Payer, period: Period, shares: Sequence[tuple[Line, Draw]], currency: str) -> Line:
    """One commit, one period: its steps name what was paid or no longer is, by how many units.

    What counts towards a postpaid commit is paid in money, so it takes nothing off the invoice.
    """
    is_postpaid = payer.instrument.kind == "postpaid"
    amount = units = ZERO
    steps = []
    for line, draw in shares:
        taken = ZERO if is_postpaid else -draw.amount
        amount += taken
        units += draw.units
        taking = step("drawn", line.description, taken, amount, payer.name)
        steps.append(taking | {"term": line.term, "units": plain(draw.units), "paid": plain(draw.amount)})
    return Line(
        term=f"commit:{payer.instrument.key}",
        kind=DRAWDOWN,
        product_key="commit",
        description=f"{_MOVES[is_postpaid, units > 0]} {payer.name}",
        unit=payer.unit or currency,
        period=period,
        due_at=max(line.due_at for line, _ in shares),
        quantity=units,
        amount=amount,
        exact=plain(amount),
        waterfall=tuple(steps),
        commit_id=UUID(payer.instrument.key),
    )
