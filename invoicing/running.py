"""Running cycles: what measured usage comes to so far, as if its cycle ended now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from contracts.models import Contract
from contracts.queries import terms_of
from contracts.terms import ContractTerm
from metering.queries import usage
from pricing.periods import Period
from pricing.rating import RatedLine, rate, slots
from pricing.terms import Term


@dataclass(frozen=True, slots=True)
class Running:
    """A metered term in its current cycle, and its lines so far: several where the price changed within it."""

    agreed: ContractTerm
    cycle: Period
    lines: tuple[RatedLine, ...]


def running(contracts: Iterable[Contract], at: datetime) -> list[Running]:
    """Each metered term of contracts in force, with what its cycle comes to so far, before commits and tax.

    A constant number of queries. `Refused` if a contract has no price for something.
    """
    found = {contract.pk: contract for contract in contracts if contract.start_at <= at < contract.end_at}
    current = [
        (found[pk], each, cycle)
        for pk, terms in terms_of(found.values()).items()
        for each in terms
        if each.term.meter and (cycle := each.term.cycle_at(at))
    ]
    ended = [replace(each.term, start=cycle.start, end=at) for _, each, cycle in current]
    lines = _rated([(contract.usage_key, term) for (contract, _, _), term in zip(current, ended, strict=True)], at)
    return [Running(each, cycle, tuple(lines[each.term.key])) for _, each, cycle in current]


def _rated(terms: list[tuple[str, Term]], at: datetime) -> Mapping[str, list[RatedLine]]:
    measured = usage({(customer, *slot) for customer, term in terms for slot in slots([term], at)})
    lines: dict[str, list[RatedLine]] = {}
    for customer, term in terms:

        def used(meter: str, period: Period, split: Any, customer: str = customer) -> Any:
            return measured[customer, meter, period, split]

        lines[term.key] = rate([term], used, at)
    return lines
