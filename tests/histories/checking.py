"""Whether what was billed is what the terms come to, for any contracts at once."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Sum

from contracts.models import Contract
from contracts.queries import terms_of
from invoicing.calculation import horizon
from invoicing.models import InvoiceLine
from invoicing.queries import already_billed
from metering.queries import usage
from pricing.measures import Measured
from pricing.money import ZERO
from pricing.rating import rate, slots

Amounts = dict[UUID, dict[str, Decimal]]
"""By contract and key of the term: a change's legs have periods of their own."""


def differences(contracts: Iterable[Contract], through: datetime) -> dict[str, dict[str, tuple[Decimal, Decimal]]]:
    """Where a contract was billed something else than its terms come to: (billed, rated) by contract and term."""
    contracts = list(contracts)
    billed, rated = billed_by(contracts), rated_by(contracts, through)
    found = {}
    for contract in contracts:
        one, other = billed.get(contract.pk, {}), rated[contract.pk]
        both = {term: (one.get(term, ZERO), other.get(term, ZERO)) for term in {*one, *other}}
        if wrong := {term: amounts for term, amounts in both.items() if amounts[0] != amounts[1]}:
            found[f"{contract.customer.key}, {contract.number}"] = wrong
    return found


def billed_by(contracts: Iterable[Contract]) -> Amounts:
    """What is on issued invoices and drafts."""
    live = InvoiceLine.objects.filter(
        invoice__contract__in=contracts, invoice__status__in=["draft", "finalized", "paid"]
    ).exclude(kind="drawdown")
    result: Amounts = defaultdict(dict)
    for contract, term, amount in live.values_list("invoice__contract", "term").annotate(Sum("amount")).order_by():
        result[contract][term] = amount
    return result


def rated_by(contracts: Iterable[Contract], through: datetime) -> Amounts:
    """What the terms come to, asked of the kernel anew, as far as is due or was billed."""
    contracts = list(contracts)
    terms, been = terms_of(contracts), already_billed([each.pk for each in contracts])
    agreed = {each: [one.term for one in terms[each.pk]] for each in contracts}
    until = {each: horizon(been.get(each.pk, []), through) for each in contracts}
    measured = usage({(each.customer.key, *slot) for each, some in agreed.items() for slot in slots(some, until[each])})
    result: Amounts = {each.pk: defaultdict(Decimal) for each in contracts}
    for contract, some in agreed.items():

        def of(*slot: Any, key: str = contract.customer.key) -> Measured:
            return measured[key, *slot]

        for line in rate(some, of, until[contract]):
            result[contract.pk][line.key] += line.amount.amount
    return result
