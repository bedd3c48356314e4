"""What an amendment comes to in money, before anything of it is written.

The contract as it is and as it would be are rated, netted and made into invoices by the functions that billing calls.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from contracts.amending import Amended
from contracts.changes import Change, load
from contracts.models import Amendment, Contract
from contracts.queries import amended, invoiced_at
from contracts.terms import ContractTerm, agreed_terms
from invoicing.billing import Gathered, payers_of
from invoicing.calculation import Parts, horizon, still_owed
from invoicing.lines import Line
from invoicing.queries import already_billed, already_paid
from metering.queries import usage
from pricing.measures import Measured, Split
from pricing.money import ZERO
from pricing.periods import Period
from pricing.rating import rate, slots

Slot = tuple[str, Period, Split]

ASSUMED = "Usage of what is not over yet is taken to be that of the last days, as many as the contract has seen."


@dataclass(frozen=True, slots=True)
class Preview:
    """What changes, in money, before tax and commits unless said.

    `owed` is what an invoice at `through`, when the last of the changes has fallen due, adds because of them: credits
    below zero, charges above. `instead_of` is what it leaves out. `invoices` are those it would draft, tax and draws
    and all, `invoiced_before` their total without the changes. `rest_*` is what is yet to be billed of what changes.
    """

    currency: str
    zone: str
    said: Sequence[str]
    through: datetime
    owed: Sequence[Line]
    instead_of: Sequence[Line]
    invoices: Sequence[Parts]
    invoiced_before: Decimal
    rest_before: Decimal
    rest_after: Decimal
    assumed: str

    @property
    def invoiced_after(self) -> Decimal:
        return sum((parts.total for parts in self.invoices), ZERO)

    @property
    def difference(self) -> Decimal:
        """What the changes add to the next invoice, before tax."""
        return _sum(self.owed) - _sum(self.instead_of)

    @property
    def credit(self) -> Decimal:
        """What the customer gets back by them, net of what they are charged."""
        return max(-self.difference, ZERO)


def preview(contract: Contract, changes: Sequence[Change], *, effective_at: datetime, at: datetime) -> Preview:
    """What these changes would come to if they were made now. `Refused` if they cannot be made.

    Reads, in a fixed number of queries, and locks nothing.
    """
    before, after, rows = amended(contract, changes, effective_at=effective_at, at=at)
    billed, paid = already_billed([contract.pk]).get(contract.pk, []), already_paid([contract.pk]).get(contract.pk, {})
    terms, new_terms = agreed_terms(before), agreed_terms(after)
    through = _felt(new_terms, rows, at)
    until = horizon(billed, through)
    one_only, other_only = _changed(terms, new_terms)
    end = max((each.term.end for each in [*one_only, *other_only]), default=until)
    measured = _Measured(rows.contract, at, [*terms, *other_only], until, [*one_only, *other_only], end)
    one, other = (
        Gathered(
            rows.contract, some, billed, payers_of(deal, some, billed, rows.contract), paid, {}, until, measured.usage
        )
        for some, deal in ((terms, before), (new_terms, after))
    )
    owed, instead_of = (still_owed(each.terms, each.rated, billed) for each in (other, one))
    common = {_known(line) for line in owed} & {_known(line) for line in instead_of}
    keys = {each.term.key for each in [*one_only, *other_only]}
    been = _sum(line for line in billed if line.term in keys)
    return Preview(
        currency=rows.contract.currency,
        zone=rows.contract.time_zone,
        said=rows.said,
        through=through,
        owed=[line for line in owed if _known(line) not in common],
        instead_of=[line for line in instead_of if _known(line) not in common],
        invoices=other.parts(through),
        invoiced_before=sum((parts.total for parts in one.parts(through)), ZERO),
        rest_before=_total(one_only, measured.expected, end) - been,
        rest_after=_total(other_only, measured.expected, end) - been,
        assumed=ASSUMED if any(each.term.meter for each in [*one_only, *other_only]) else "",
    )


def preview_of(amendment: Amendment, *, at: datetime) -> Preview:
    """The same for what was drafted."""
    return preview(amendment.contract, load(amendment.changes), effective_at=amendment.effective_at, at=at)


def credit_given(amendment: Amendment, at: datetime) -> Decimal:
    """What the customer gets back, for those who must agree to it."""
    return preview_of(amendment, at=at).credit


class _Measured:
    """What was measured, and what is expected of cycles that are not over."""

    def __init__(
        self,
        contract: Contract,
        at: datetime,
        terms: Iterable[ContractTerm],
        until: datetime,
        changed: Iterable[ContractTerm],
        end: datetime,
    ) -> None:
        self.contract, self.at = contract, at
        due, later = slots((each.term for each in terms), until), slots((each.term for each in changed), end)
        self.usage = usage({(contract.usage_key, *slot) for slot in due | {self._like(each) for each in later}})

    def so_far(self, meter: str, period: Period, split: Split) -> Measured:
        return self.usage[self.contract.usage_key, meter, period, split]

    def expected(self, meter: str, period: Period, split: Split) -> Measured:
        return self.so_far(*self._like((meter, period, split)))

    def _like(self, slot: Slot) -> Slot:
        """The slot itself where it is over; otherwise the last days, as many, as far as the contract ran then."""
        meter, period, split = slot
        if period.end <= self.at or period.is_empty:
            return slot
        start = max(self.at - (period.end - period.start), self.contract.start_at)
        return meter, Period(min(start, self.at), self.at), split


def _felt(terms: Iterable[ContractTerm], rows: Amended, at: datetime) -> datetime:
    """When the last of the changes has fallen due: each with the cycle in which it takes effect."""
    found = [at, *rows.cuts]
    added = {str(line.pk) for line in rows.added}
    for each in terms:
        if each.term.key in added and (first := each.term.cycle_at(each.term.start)):
            found.append(invoiced_at(rows.contract, each.term.due_at(first)))
    return max(found)


def _changed(
    before: Sequence[ContractTerm], after: Sequence[ContractTerm]
) -> tuple[list[ContractTerm], list[ContractTerm]]:
    """The terms that only one of them has; all, where something is a share of the others."""
    if any(each.term.is_share for each in [*before, *after]):
        return list(before), list(after)
    old, new = ({each.term.key: each for each in some} for some in (before, after))
    return [each for key, each in old.items() if each != new.get(key)], [
        each for key, each in new.items() if each != old.get(key)
    ]


def _total(terms: Iterable[ContractTerm], expected: Callable[[str, Period, Split], Measured], end: datetime) -> Decimal:
    return sum((line.amount.amount for line in rate([each.term for each in terms], expected, end)), ZERO)


def _known(line: Line) -> tuple[str, Period, Decimal, Decimal]:
    return line.term, line.period, line.quantity, line.amount


def _sum(lines: Iterable[Line]) -> Decimal:
    return sum((line.amount for line in lines), ZERO)
