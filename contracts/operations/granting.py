"""Commits that rules make: one each cycle, and recharges.

Found by state, so a run that is late, repeated or doubled makes the same ones.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import cast
from uuid import UUID

from django.db import transaction
from django.db.models import F, Max

from contracts.models import Commit, CommitInstalment, CommitRule, Contract, ContractLine
from contracts.operations.writing import write_made
from contracts.queries import anchor_of
from governance.acts import Act
from pricing.money import ONE, ZERO, round_amount
from pricing.periods import Period, add_months, cycles, local_day, midnight
from pricing.terms import Proration, prorated

log = logging.getLogger(__name__)
When = CommitRule.When
_FINEST = Decimal(1).scaleb(-9)


@dataclass(frozen=True, slots=True)
class NotMade:
    """A contract whose rules could not be followed, and why."""

    contract_id: UUID
    reason: str


@dataclass(frozen=True, slots=True)
class Block:
    """A commit to be: the how-many-th of its rule, when it can be used, and how often the rule's amounts it holds."""

    rule: CommitRule
    number: int
    period: Period
    invoice_at: datetime
    times: Fraction

    @property
    def access(self) -> Decimal:
        exact = Fraction(self.rule.access_amount) * self.times
        amount = Decimal(exact.numerator) / exact.denominator
        return amount.quantize(_FINEST) if self.rule.unit else round_amount(amount, self.rule.contract.currency)

    @property
    def price(self) -> Decimal:
        exact = Fraction(self.rule.price) * self.times
        return round_amount(Decimal(exact.numerator) / exact.denominator, self.rule.contract.currency)


def make_due_commits(contract_ids: Iterable[UUID], *, at: datetime, act: Act) -> list[NotMade]:
    """Make every commit that the rules of these contracts say there should be by now and is not.

    Each contract by itself: one that fails is undone alone, and comes back with its reason.
    """
    failed = []
    for pk in sorted({block.rule.contract_id for block in _due(contract_ids, at)}):
        try:
            make_commits(pk, at=at, act=act)
        except Exception as error:  # one contract's failure must not stop the others
            log.exception("commits of contract %s could not be made", pk)
            failed.append(NotMade(pk, str(error) or type(error).__name__))
    return failed


def make_commits(contract_id: UUID, *, at: datetime, act: Act) -> list[Commit]:
    """The same for one contract, whose lock keeps twins out."""
    with transaction.atomic():
        Contract.objects.select_for_update(of=("self",)).get(pk=contract_id)
        return [
            write_made(each.rule, each.number, each.period, each.access, each.price, each.invoice_at, act)
            for each in _due([contract_id], at)
        ]


def _due(contract_ids: Iterable[UUID], at: datetime) -> list[Block]:
    """What is missing. A fixed number of queries for any number of contracts."""
    rules = list(
        CommitRule.objects.filter(contract__in=list(contract_ids), start_at__lte=at)
        .filter(start_at__lt=F("contract__end_at"))
        .select_related("contract")
        .order_by("contract", "start_at", "pk")
    )
    if not rules:
        return []
    made: dict[UUID, set[int]] = defaultdict(set)
    for rule_id, number in Commit.objects.filter(rule__in=rules).values_list("rule_id", "number"):
        made[rule_id].add(number or 0)
    seats = _Seats.of(rules)
    each_cycle = [
        block for rule in rules if rule.when == When.EVERY_CYCLE for block in _cycles(rule, at, made[rule.pk], seats)
    ]
    recharging = [rule for rule in rules if rule.when == When.BELOW_THRESHOLD and at < _end_of(rule)]
    blocks = [*each_cycle, *_recharges(recharging, at, seats)]
    return [block for block in blocks if block.access > 0]


def _cycles(rule: CommitRule, at: datetime, made: set[int], seats: "_Seats") -> Iterator[Block]:
    """One for each cycle that has begun; the parts of cycles at both ends count as the contract prorates."""
    zone, proration = rule.contract.time_zone, cast(Proration, rule.contract.proration)
    end = _end_of(rule)
    for cycle in cycles(rule.start_at, zone, rule.cycle_months, end, anchor_of(rule.contract)):
        part = Period(max(cycle.start, rule.start_at), min(cycle.end, end))
        if part.start > at:
            return
        number = _months_from_anchor(rule, cycle.start) // rule.cycle_months
        if number not in made:
            share, _ = prorated(part, cycle, zone, proration)
            lasts = Period(part.start, _lasts_until(rule, cycle.start))
            yield Block(rule, number, lasts, part.start, share * Fraction(seats.at(rule, part.start)))


def _recharges(rules: list[CommitRule], at: datetime, seats: "_Seats") -> Iterator[Block]:
    """As many of a rule's blocks at once as bring what is left to the threshold, as far as the month's limit allows."""
    if not rules:
        return
    made = Commit.objects.filter(rule__in=rules)
    counts = dict(made.order_by().values_list("rule").annotate(Max("number")))
    waiting = made.filter(is_gated=True, end_at__gt=at).exclude(entries__kind="grant")
    unpaid = set(waiting.values_list("rule", flat=True))
    contracts = {rule.contract_id for rule in rules}
    pools = list(Commit.objects.filter(contract__in=contracts, start_at__lte=at, end_at__gt=at))
    invoiced = CommitInstalment.objects.filter(commit__rule__in=rules, invoice_at__gte=at - timedelta(days=32))
    spent = list(invoiced.values_list("commit__rule", "invoice_at", "amount"))
    for rule in rules:
        one, threshold = Fraction(seats.at(rule, at)), rule.threshold or ZERO
        left = sum((each.balance for each in pools if _alike(each, rule)), ZERO)
        if rule.pk in unpaid or left >= threshold or one <= 0:
            continue
        missing = Fraction(threshold - left) / (Fraction(rule.access_amount) * one)
        blocks = _allowed(rule, -(-missing.numerator // missing.denominator), one, at, spent)
        if blocks > 0:
            period = _cycle_at(rule, at)
            yield Block(rule, counts.get(rule.pk, -1) + 1, period, at, one * blocks)


def _alike(commit: Commit, rule: CommitRule) -> bool:
    """Whether it is access of the rule's own kind: in its unit, for what it is for."""
    same = ("contract_id", "unit", "product_keys", "product_tags")
    return commit.kind != Commit.Kind.POSTPAID and all(getattr(commit, name) == getattr(rule, name) for name in same)


def _allowed(
    rule: CommitRule, wanted: int, one: Fraction, at: datetime, spent: Iterable[tuple[UUID, datetime, Decimal]]
) -> int:
    """How many blocks the month's limit still allows; the month is that of the contract's calendar."""
    price = Fraction(rule.price) * one
    if rule.monthly_limit is None or price <= 0:
        return wanted
    zone = rule.contract.time_zone
    month = local_day(at, zone).replace(day=1)
    of_month = [amount for pk, when, amount in spent if pk == rule.pk and local_day(when, zone).replace(day=1) == month]
    return min(wanted, max(int((Fraction(rule.monthly_limit) - sum(map(Fraction, of_month))) / price), 0))


def _cycle_at(rule: CommitRule, at: datetime) -> Period:
    """A recharge can be used from the start of the cycle: usage of the cycle is billed at its end, and may need it."""
    zone, anchor = rule.contract.time_zone, anchor_of(rule.contract)
    start = next(cycles(at, zone, rule.cycle_months, _end_of(rule), anchor)).start
    return Period(max(start, rule.start_at), _lasts_until(rule, start))


def _end_of(rule: CommitRule) -> datetime:
    return min(rule.end_at, rule.contract.end_at)


def _months_from_anchor(rule: CommitRule, start: datetime) -> int:
    """How many months a cycle's start is from the anchor: cycles are counted in months, so the days do not matter."""
    zone = rule.contract.time_zone
    first, day = local_day(anchor_of(rule.contract), zone), local_day(start, zone)
    return (day.year - first.year) * 12 + day.month - first.month


def _lasts_until(rule: CommitRule, start: datetime) -> datetime:
    """The end of what a cycle's commit can be used for: so many months on, not after the contract."""
    zone = rule.contract.time_zone
    first = local_day(anchor_of(rule.contract), zone)
    months = _months_from_anchor(rule, start) + rule.lasts_months
    return min(midnight(add_months(first, months), zone), rule.contract.end_at)


@dataclass(frozen=True, slots=True)
class _Seats:
    """How much of each product the contracts have, for rules that count by it."""

    lines: dict[tuple[UUID, UUID], list[ContractLine]]

    @classmethod
    def of(cls, rules: Iterable[CommitRule]) -> "_Seats":
        counted = [rule for rule in rules if rule.per_seat_of_id is not None]
        lines: dict[tuple[UUID, UUID], list[ContractLine]] = defaultdict(list)
        if counted:
            found = ContractLine.objects.filter(
                contract__in={rule.contract_id for rule in counted},
                product__in={rule.per_seat_of_id for rule in counted},
            )
            for line in found:
                lines[line.contract_id, line.product_id].append(line)
        return cls(lines)

    def at(self, rule: CommitRule, instant: datetime) -> Decimal:
        """What one of the rule's blocks is multiplied by: 1, or the quantity in force at the instant."""
        if rule.per_seat_of_id is None:
            return ONE
        lines = self.lines.get((rule.contract_id, rule.per_seat_of_id), [])
        return sum((line.quantity or ZERO for line in lines if line.start_at <= instant < line.end_at), ZERO)
