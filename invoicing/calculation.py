"""What is owed, and the invoices it makes: differences, draws on commits, tax, totals. Pure: values in, values out."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Protocol

from invoicing.drawing import Payer, draws, less, true_ups, trued_up
from invoicing.lines import CHARGE, COMMIT, DRAWDOWN, FINEST, Line, Paid, Slot, step
from pricing.money import ZERO, exactly, plain, round_amount
from pricing.periods import Period
from pricing.rating import RatedLine, Term
from pricing.taxes import tax

PERIOD_INVOICE, COMMIT_INVOICE = "period", "commit"


class Agreed(Protocol):
    """What this file reads of a contract's term (see contracts.terms)."""

    @property
    def term(self) -> Term: ...
    @property
    def name(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def revenue_account(self) -> str: ...
    @property
    def commit_id(self) -> Any: ...
    @property
    def tax_percent(self) -> Decimal: ...
    @property
    def untaxed_until(self) -> datetime | None: ...
    @property
    def earned_on_invoice(self) -> bool: ...
    @property
    def invoice_group(self) -> str: ...
    @property
    def tags(self) -> frozenset[str]: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """One invoice to be. `closes_at`: until then the draft stays open for what still comes in."""

    kind: str
    lines: tuple[Line, ...]
    subtotal: Decimal
    tax: Decimal
    drawn: Decimal
    total: Decimal
    period: Period
    closes_at: datetime
    group: str = ""


def horizon(billed: Iterable[Line], through: datetime) -> datetime:
    """How far to rate. Never less far than was billed, or a run for an earlier day would take back what was right."""
    return max([through, *(line.due_at for line in billed)])


def still_owed(agreed: Iterable[Agreed], rated: Iterable[RatedLine], billed: Iterable[Line]) -> list[Line]:
    """What the terms come to, less what was billed, slot by slot; by start of the period, then in the order of terms.

    A slot (term and period) that was billed before gives a difference with its original period, at the tax it was
    billed with. An agreed quantity whose time got shorter or longer gives one for the time between: the leg of a
    change. What differs neither in quantity nor in amount is left out.
    """
    been = {(line.term, line.period): line for line in _with_legs(each for each in billed if not each.is_true_up)}
    known = {each.term.key: each for each in agreed}
    lines = []
    for rating in rated:
        line = _line(rating, known[rating.key])
        earlier = been.pop((rating.key, rating.period), None)
        lines.append(line if earlier is None else _difference(line, earlier))
    if been:
        lines = _cut(lines, been)
    groups = {key: each.invoice_group for key, each in known.items()}
    lines += [replace(_taken_back(earlier), group=groups.get(earlier.term, "")) for earlier in been.values()]
    lines.sort(key=lambda line: line.period.start)
    return [line for line in lines if line.amount or line.quantity]


def invoice_parts(
    owed: Sequence[Line],
    payers: Sequence[Payer],
    paid: Paid,
    *,
    currency: str,
    ends_at: datetime,
    grace: timedelta,
    through: datetime,
) -> list[Parts]:
    """The invoices that what is owed makes: commit purchases on one, everything else on one for each group of lines.

    Lines whose grace is over are not held up by lines that fell due since: those wait for the next draft. A kind
    whose lines all come to nothing makes no invoice. Commits pay group after group. What is taken back of what commits
    `paid` goes back to them.
    """
    made = []
    purchases = [line for line in owed if line.kind == COMMIT]
    if any(line.amount for line in purchases):
        closes_at = max(line.due_at for line in purchases)
        made.append(_parts(COMMIT_INVOICE, purchases, currency, closes_at))
    others = [line for line in owed if line.kind != COMMIT]
    unused = list(true_ups(payers, through))
    groups = []
    for group in sorted({line.group for line in [*others, *unused]}):
        charges = _of_one_closing([line for line in [*others, *unused] if line.group == group], through, grace)
        usual = [line for line in charges if not line.is_true_up]
        drawn = draws(usual, payers, paid, currency) if any(line.amount for line in usual) else []
        groups.append((group, charges, drawn))
        payers = [less(payer, drawn) for payer in payers]
    for group, charges, drawn in groups:
        # What was not used is known once all groups have drawn.
        charges = [trued_up(line, payers, currency) if line.is_true_up else line for line in charges]
        charges = [line for line in charges if line.amount or line.quantity]
        if any(line.amount for line in charges):
            first_time = [line.due_at for line in charges if not line.is_late]
            closes_at = (min(first_time) if first_time else ends_at) + grace
            made.append(replace(_parts(PERIOD_INVOICE, [*charges, *drawn], currency, closes_at), group=group))
    return made


def credited_tax(tax: Decimal, total: Decimal, before: Decimal, amount: Decimal, currency: str) -> Decimal:
    """The tax in a credit of `amount` after `before` was credited. All credits' taxes add up to the invoice's."""
    with exactly():
        return round_amount(tax * (before + amount) / total, currency) - round_amount(tax * before / total, currency)


def _line(rating: RatedLine, agreed: Agreed) -> Line:
    return Line(
        term=rating.key,
        kind=agreed.kind,
        product_key=rating.product,
        description=agreed.name,
        unit=agreed.unit,
        period=rating.period,
        due_at=rating.due_at,
        quantity=rating.quantity.quantize(FINEST),
        amount=rating.amount.amount,
        exact=plain(rating.exact),
        waterfall=tuple(step.as_json() for step in rating.waterfall),
        price_source=rating.source,
        in_advance=agreed.term.in_advance,
        earned_on_invoice=agreed.earned_on_invoice,
        tax_percent=ZERO if _is_untaxed(rating.period, agreed) else agreed.tax_percent,
        revenue_account=agreed.revenue_account,
        commit_id=agreed.commit_id,
        is_metered=bool(agreed.term.meter),
        comes_to=rating.amount.amount,
        tags=agreed.tags,
        group=agreed.invoice_group,
    )


def _is_untaxed(period: Period, agreed: Agreed) -> bool:
    """Whether an exemption covers it: what is paid in advance by when it begins, everything else by when it is over."""
    if agreed.untaxed_until is None:
        return False
    if agreed.term.in_advance:
        return period.start < agreed.untaxed_until
    return period.end <= agreed.untaxed_until


def _difference(line: Line, earlier: Line) -> Line:
    amount = line.amount - earlier.amount
    return replace(
        line,
        quantity=line.quantity - earlier.quantity,
        amount=amount,
        comes_to=line.amount,
        exact=plain(Decimal(line.exact) - earlier.amount),
        waterfall=(*line.waterfall, step("billed", "billed before", -earlier.amount, amount, "earlier invoices")),
        tax_percent=earlier.tax_percent,
        is_late=True,
    )


def _taken_back(earlier: Line) -> Line:
    """Billed, but no longer due at all: the term was ended or its price now cuts the period elsewhere."""
    return replace(
        earlier,
        quantity=-earlier.quantity,
        amount=-earlier.amount,
        exact=plain(-earlier.amount),
        waterfall=(step("billed", "billed before", -earlier.amount, -earlier.amount, "earlier invoices"),),
        is_late=True,
    )


def _with_legs(billed: Iterable[Line]) -> list[Line]:
    """What was billed, the legs of changes added to what they are legs of."""
    by_term: dict[str, list[Line]] = defaultdict(list)
    for line in billed:
        by_term[line.term].append(line)
    made: list[Line] = []
    for some in by_term.values():
        # What comes to nothing was taken back as a whole, and is nobody's leg.
        made += [line for line in some if not (line.amount or line.quantity)]
        group: list[Line] = []
        for line in sorted((line for line in some if line.amount or line.quantity), key=lambda each: each.period):
            if group and line.period.start >= max(each.period.end for each in group):
                made.append(_merged(group))
                group = []
            group.append(line)
        made += [_merged(group)] if group else []
    return made


def _cut(lines: list[Line], been: dict[Slot, Line]) -> list[Line]:
    """The lines, those of agreed quantities that are another length of what was billed as legs; takes that from `been`.

    Where a price cuts them too, what was billed is taken back and they are charged anew, unless both come to the same.
    """
    left: dict[str, list[Line]] = defaultdict(list)
    for earlier in been.values():
        if earlier.kind == CHARGE and (earlier.amount or earlier.quantity):
            left[earlier.term].append(earlier)
    fresh = [line for line in lines if line.term in left and not (line.is_metered or line.is_late)]
    made: dict[int, Line | None] = {}
    for line in fresh:
        same = _overlapping(line.period, left[line.term])
        if not same or id(line) in made:
            continue
        parts = [each for each in fresh if each.term == line.term and _overlapping(each.period, same)]
        legs = [_leg(line, _merged(same))] if len(parts) == 1 else _nothing_new(parts, _merged(same))
        if legs is None:
            continue
        made |= dict(zip(map(id, parts), legs, strict=True))
        for earlier in same:
            del been[earlier.term, earlier.period]
    found = (made.get(id(line), line) for line in lines)
    return [line for line in found if line is not None]


def _nothing_new(parts: Sequence[Line], earlier: Line) -> list[None] | None:
    """Nothing for each part, if together they are what was billed."""
    span = Period(min(each.period.start for each in parts), max(each.period.end for each in parts))
    is_same = span == earlier.period and sum((each.amount for each in parts), ZERO) == earlier.amount
    return [None] * len(parts) if is_same else None


def _leg(line: Line, earlier: Line) -> Line:
    """What the line comes to less what was billed of it, for the time by which it got shorter or longer.

    Below zero it is the credit of a change: never more than was charged and not credited yet.
    """
    until, end = earlier.period.end, line.period.end
    made = _difference(line, earlier)
    if until == end:
        return replace(made, quantity=ZERO)
    quantity = line.quantity if until < end else -line.quantity
    return replace(made, period=Period(min(until, end), max(until, end)), quantity=quantity)


def _overlapping(period: Period, billed: Sequence[Line]) -> list[Line]:
    """What was billed for this time, and for the time of that, and so on."""
    found: list[Line] = []
    periods = [period]
    while more := [each for each in billed if each not in found and any(each.period.overlap(one) for one in periods)]:
        found += more
        periods = [each.period for each in more]
    return found


def _merged(billed: Sequence[Line]) -> Line:
    """One line for the time that these leave of what they were billed for, and for the money."""
    if len(billed) == 1:
        return billed[0]
    first = min(billed, key=lambda each: (each.period.start, -each.amount))
    edges = sorted({edge for each in billed for edge in (each.period.start, each.period.end)})
    held = [
        (Period(start, end), quantity)
        for start, end in pairwise(edges)
        if (quantity := sum((each.quantity for each in billed if each.period.overlap(Period(start, end))), ZERO))
    ]
    amount = sum((each.amount for each in billed), ZERO)
    period = Period(held[0][0].start, held[-1][0].end) if held else first.period
    return replace(first, period=period, quantity=held[0][1] if held else ZERO, amount=amount, exact=plain(amount))


def _of_one_closing(lines: list[Line], through: datetime, grace: timedelta) -> list[Line]:
    ripe = {line.due_at for line in lines if not line.is_late and line.due_at + grace <= through}
    return [line for line in lines if line.is_late or line.due_at in ripe] if ripe else lines


def _parts(kind: str, lines: Sequence[Line], currency: str, closes_at: datetime) -> Parts:
    """Tax falls on charges, before commits pay; a purchase is not taxed, or the usage it pays for would be twice."""
    taxed = [line for line in lines if line.kind == CHARGE]
    shares = iter(tax([(line.amount, line.tax_percent) for line in taxed], currency))
    lines = [
        replace(line, tax=next(shares)) if line.kind == CHARGE else replace(line, tax_percent=ZERO) for line in lines
    ]
    subtotal = sum((line.amount for line in lines if line.kind != DRAWDOWN), ZERO)
    taxes = sum((line.tax for line in lines), ZERO)
    drawn = sum((line.amount for line in lines if line.kind == DRAWDOWN), ZERO)
    period = Period(min(line.period.start for line in lines), max(line.period.end for line in lines))
    return Parts(kind, tuple(lines), subtotal, taxes, drawn, subtotal + taxes + drawn, period, closes_at)
