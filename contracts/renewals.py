"""Renewals: until when they can be declined, what the next contract says, and what is at stake."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar, cast

from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, Q, QuerySet, Value

from catalog.models import Product, RateCardVersion
from catalog.prices import base_of
from catalog.queries import version_at
from contracts.models import Commit, Contract
from contracts.overrides import factors_of
from contracts.queries import deals_of
from contracts.terms import (
    AgreedCommit,
    AgreedInstalment,
    AgreedLine,
    AgreedPrice,
    AgreedRule,
    Deal,
    RenewalRule,
    SignedTerms,
    agreed_terms,
)
from governance.acts import Refused
from pricing.money import EXACT, ONE, ZERO, Money, allocate, round_amount
from pricing.periods import Period, add_months, cycles, local_day, local_days, midnight
from pricing.rating import Proration, Term, rate

YEAR = 12  # months
FINEST_FACTOR, FINEST_UNIT = Decimal(1).scaleb(-18), Decimal(1).scaleb(-9)  # as the tables hold them
A_DAY_AHEAD = timedelta(days=1)
Prices = Contract.RenewalPrices
T = TypeVar("T")


def last_day(contract: Contract) -> date:
    """The last local day of its term."""
    return local_days(Period(contract.start_at, contract.end_at), contract.time_zone)[1]


def last_day_to_decline(contract: Contract) -> date:
    """The last local day on which the renewal can be declined."""
    return last_day(contract) - timedelta(days=contract.notice_days)


def declinable_until(contract: Contract) -> datetime:
    """The instant at which that day is over."""
    return midnight(last_day_to_decline(contract) + timedelta(days=1), contract.time_zone)


def renews_at(contract: Contract) -> datetime:
    """When an automatic renewal is signed: a day before the contract's end, so that nothing is missing in between.

    Where it can be declined until the end, at the end.
    """
    return max(declinable_until(contract), contract.end_at - A_DAY_AHEAD)


def automatic_by(at: datetime) -> QuerySet[Contract]:
    """Contracts that renew themselves and may be due by then (see `renews_at`), first those that end first."""
    waiting = Q(status=Contract.Status.ACTIVE, renewal=Contract.Renewal.AUTOMATIC, declined_at=None, renewed_by=None)
    return Contract.objects.filter(waiting, end_at__lte=at + A_DAY_AHEAD).order_by("end_at", "pk")


def ahead(contracts: QuerySet[Contract], at: datetime, days: int) -> QuerySet[Contract]:
    """Those of them whose last day to decline is over in so many days, and nothing is decided; by that day.

    What was to be renewed by agreement, and was not, is not ahead any more a month after its end.
    """
    notice = ExpressionWrapper(Value(timedelta(days=1)) * F("notice_days"), DurationField())
    lapsed = Q(renewal=Contract.Renewal.MANUAL, end_at__lte=at - timedelta(days=30))
    undecided = Q(status=Contract.Status.ACTIVE, declined_at=None, renewed_by=None) & ~Q(renewal="none") & ~lapsed
    found = contracts.annotate(notice_at=ExpressionWrapper(F("end_at") - notice, DateTimeField()))
    return found.filter(undecided, notice_at__lte=at + timedelta(days=days)).order_by("notice_at", "number")


def next_terms(contract: Contract) -> SignedTerms:
    """What the contract that renews this one says: what is in force at its end, at the prices the rule names.

    A ramp goes on in its last phase, what is sold once is not sold again. `Refused` if there is nothing to renew, or
    what there is does not fit into the next term.
    """
    start_on = local_day(contract.end_at, contract.time_zone)
    prices = _prices(contract)
    return SignedTerms(
        customer=contract.customer,
        legal_entity=contract.legal_entity,
        rate_card_version=prices,
        base_version=contract.pinned_base if _is_kept(contract) else base_of(prices, contract.end_at),
        follows_card=contract.pinned_version_id is None,
        currency=contract.currency,
        start_on=start_on,
        months=contract.renewal_months or months_of(contract),
        lines=_lines(contract, prices),
        commits=_commits(contract, start_on),
        rules=_rules(contract),
        overrides=_overrides(contract) if contract.renewal_prices == Prices.KEPT else (),
        signed_by=contract.signed_by,
        renews=contract,
        anchor_day=_anchor_day(contract, start_on),
        proration=cast(Proration, contract.proration),
        purchase_order=contract.purchase_order,
        grace_hours=contract.grace_hours,
        payment_terms_days=contract.payment_terms_days,
        invoice_months=contract.invoice_months,
        renewal=rule_of(contract),
        package_version=contract.package_version,
    )


def rule_of(contract: Contract) -> RenewalRule:
    """The contract's rule, as it is signed."""
    return RenewalRule(
        contract.renewal,
        contract.renewal_months,
        contract.notice_days,
        contract.uplift_percent,
        contract.renewal_prices,
    )


def months_of(contract: Contract) -> int:
    """The whole months that it lasts, at least one."""
    zone = contract.time_zone
    first, after = (local_day(each, zone) for each in (contract.start_at, contract.end_at))
    months = _months_between(first, after)
    return max(months - (add_months(first, months) > after), 1)


@dataclass(frozen=True, slots=True)
class DueRenewal:
    """A contract whose term is nearly over, and what it comes to in a year as agreed at its end, usage not counted."""

    contract: Contract
    decline_by: date
    ends_on: date
    a_year: Decimal


def due_renewals(contracts: Iterable[Contract]) -> list[DueRenewal]:
    """These contracts by the last day to decline; a constant number of queries."""
    found = {each.pk: each for each in contracts}
    deals = deals_of(found.values())
    due = [
        DueRenewal(each, last_day_to_decline(each), last_day(each), committed_a_year(deals[each.pk], each))
        for each in found.values()
    ]
    return sorted(due, key=lambda each: (each.decline_by, each.contract.number))


def committed_a_year(deal: Deal, contract: Contract) -> Decimal:
    """What the contract comes to in a year at the prices of its end, before tax: fees, minimums and commits."""
    try:
        terms = [each.term for each in agreed_terms(deal) if each.kind == "charge"]
    except Refused:
        return ZERO
    at_the_end = [_last_cycle(term) for term in terms if term.cycle_months and term.start < term.end == contract.end_at]
    rated = rate(at_the_end, lambda *asked: ZERO, contract.end_at + timedelta(days=366 * YEAR))
    months = {term.key: term.cycle_months for term in terms}
    yearly = [EXACT.divide(each.amount.amount * YEAR, months[each.key]) for each in rated]
    commits = [
        EXACT.divide(each.price * YEAR, months_of(contract)) for each in deal.commits if each.end == contract.end_at
    ]
    return round_amount(sum([*yearly, *commits], ZERO), contract.currency)


def _last_cycle(term: Term) -> Term:
    """The term's last cycle, as if it were whole."""
    last = term.end - timedelta(microseconds=1)
    cycle = next(cycles(last, term.zone, term.cycle_months, term.end, term.anchor or term.start))
    price = replace(term.prices[-1], since=cycle.start)
    return replace(term, start=cycle.start, end=cycle.end, anchor=None, prices=(price,))


def _is_kept(contract: Contract) -> bool:
    return contract.renewal_prices == Prices.KEPT and contract.pinned_version_id is not None


def _prices(contract: Contract) -> RateCardVersion:
    """The version that was pinned, or the card's in force when the next term begins."""
    if _is_kept(contract) and contract.pinned_version is not None:
        return contract.pinned_version
    version = version_at(contract.rate_card, contract.end_at)
    if version is None:
        raise Refused(f"{contract.rate_card} has no published prices at the start of the next term.")
    return version


def _factor(contract: Contract) -> Decimal:
    return ONE + contract.uplift_percent / 100


def _lines(contract: Contract, prices: RateCardVersion) -> list[AgreedLine]:
    lines = contract.lines.select_related("product__meter", "pinned_version")
    kept = lines.filter(start_at__lt=contract.end_at, end_at=contract.end_at)
    return [
        _line(line, contract, prices)
        for line in kept.order_by("position", "start_at", "pk")
        if line.product.kind != Product.Kind.ONE_TIME
    ]


def _line(line: Any, contract: Contract, prices: RateCardVersion) -> AgreedLine:
    is_kept, factor = contract.renewal_prices == Prices.KEPT, _factor(contract)
    is_pinned = line.pinned_version_id is not None
    raised = EXACT.multiply(line.price_factor, factor).quantize(FINEST_FACTOR)
    return _agreed(
        AgreedLine,
        line,
        label="" if line.start_at > contract.start_at else line.label,
        discount_amount=_raised(line.discount_amount, contract),
        minimum=None if line.minimum is None else _raised(line.minimum, contract),
        price_factor=raised if is_kept else ONE,
        pinned_version=line.pinned_version if is_kept or not is_pinned else prices,
    )


def _overrides(contract: Contract) -> list[AgreedPrice]:
    reaches_the_end = Q(end_at=None) | Q(end_at__gte=contract.end_at)
    found = contract.overrides.select_related("product").filter(reaches_the_end, start_at__lt=contract.end_at)
    return [
        _agreed(
            AgreedPrice,
            each,
            tiers=factors_of(each.tiers),
            product_tags=tuple(each.product_tags),
            start_at=None,
            end_at=None,
        )
        for each in found.order_by("agreed_at", "pk")
    ]


def _commits(contract: Contract, start_on: date) -> list[AgreedCommit]:
    """Those agreed that last until the end; what rules made, or rolled over, is not agreed anew."""
    found = contract.commits.filter(end_at=contract.end_at, rule=None, rolled_from=None)
    return [_commit(each, contract, start_on) for each in found.order_by("start_at", "name", "pk")]


def _rules(contract: Contract) -> list[AgreedRule]:
    """What makes commits until the end goes on making them: as much dearer as prices rise."""
    found = contract.commitrules.select_related("per_seat_of").filter(end_at=contract.end_at)
    return [
        _agreed(
            AgreedRule,
            rule,
            price=_raised(rule.price, contract),
            product_keys=tuple(rule.product_keys),
            product_tags=tuple(rule.product_tags),
        )
        for rule in found.order_by("start_at", "pk")
    ]


def _commit(commit: Commit, contract: Contract, start_on: date) -> AgreedCommit:
    """As much more access as prices rise, for as much more money; its instalments as far into the term as before."""
    price = Money(_raised(commit.price, contract), contract.currency)
    access = _raised(commit.access_amount, contract)
    if commit.unit:
        access = EXACT.multiply(commit.access_amount, _factor(contract)).quantize(FINEST_UNIT)
    before = list(commit.instalments.order_by("number"))
    zone = contract.time_zone
    later = _months_between(local_day(commit.start_at, zone), start_on)
    amounts = allocate(price, [each.amount for each in before]) if before else []
    return _agreed(
        AgreedCommit,
        commit,
        access_amount=access,
        price=price.amount,
        product_keys=tuple(commit.product_keys),
        product_tags=tuple(commit.product_tags),
        instalments=tuple(
            AgreedInstalment(amount.amount, add_months(local_day(each.invoice_at, zone), later))
            for each, amount in zip(before, amounts, strict=True)
        ),
    )


def _raised(amount: Decimal, contract: Contract) -> Decimal:
    return round_amount(EXACT.multiply(amount, _factor(contract)), contract.currency)


def _anchor_day(contract: Contract, start_on: date) -> int | None:
    """The day on which its cycles begin, where the next term does not begin on it."""
    first = local_day(contract.start_at, contract.time_zone)
    day = contract.anchor_day or first.day
    return None if day == start_on.day else day


def _months_between(first: date, second: date) -> int:
    return (second.year - first.year) * YEAR + second.month - first.month


def _agreed(shape: type[T], row: Any, **otherwise: Any) -> T:
    """What a row says in the words that are signed: every field they share, but for what is said otherwise."""
    names = {each.name for each in fields(shape)} - otherwise.keys()  # type: ignore[arg-type]
    return shape(**{name: getattr(row, name) for name in names if hasattr(row, name)}, **otherwise)
