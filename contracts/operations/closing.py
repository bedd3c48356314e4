"""What becomes of a rest: part of it rolls over as agreed, the rest of it expires."""

from decimal import ROUND_DOWN, Decimal
from fractions import Fraction

from contracts.commits import grant, record_entry
from contracts.models import Commit, CommitEntry, Contract
from governance.acts import Act
from governance.change import change, locked
from pricing.money import EXACT, ZERO, exponent, round_amount
from pricing.periods import add_months, local_day, midnight

Kind = CommitEntry.Kind
SOURCE = "window"  # what ended: entries of this type name the change that closed it
KEPT = (
    "kind", "unit", "worth", "product_keys", "product_tags", "priority",
)  # fmt: skip


def close_commit(commit: Commit, *, act: Act) -> Commit | None:
    """Empty a commit whose window is over; answers with the commit its rest rolled over into, if any did.

    Safe to repeat: nothing is left the second time. What comes back to it later expires with the next closing, for it
    has rolled over once. Expiry is written before the rollover.
    """
    with change("commit.closed", commit, act) as row:
        target = _target(commit)
        both = Contract.objects.filter(pk__in={commit.contract_id, target.pk}).order_by("pk")
        list(both.select_for_update(of=("self",)))
        commit = locked(commit)
        kept = _rolls_over(commit, target) if commit.balance else ZERO
        source = (SOURCE, str(row.pk))
        if commit.balance > kept:
            record_entry(commit, Kind.EXPIRY, kept - commit.balance, *source, act, row)
        if not kept:
            return None
        record_entry(commit, Kind.ROLLOVER, -kept, f"{SOURCE}.rollover", str(row.pk), act, row)
    return _rolled(commit, target, kept, act)


def _target(commit: Commit) -> Contract:
    """Where a rest can be used: in the same contract, or, if that is over as well, in the one that renews it."""
    contract = commit.contract
    renewal = contract.renewed_by.first() if commit.end_at >= contract.end_at else None
    return renewal or contract


def _rolls_over(commit: Commit, target: Contract) -> Decimal:
    """How much of what is left, in whole minor units of money. Nothing twice, nor where nobody could use it."""
    start = min(commit.end_at, commit.contract.end_at)
    if not commit.rollover_percent or start >= target.end_at or hasattr(commit, "rolled_into"):
        return ZERO
    share = EXACT.divide(EXACT.multiply(commit.balance, commit.rollover_percent), Decimal(100))
    most = share if commit.rollover_limit is None else min(share, commit.rollover_limit)
    places = 9 if commit.unit else exponent(commit.contract.currency)
    return most.quantize(Decimal(1).scaleb(-places), ROUND_DOWN)


def _rolled(commit: Commit, target: Contract, amount: Decimal, act: Act) -> Commit:
    """A commit of its own, at its share of the price: that is what it cost, and it is not paid again."""
    start = min(commit.end_at, commit.contract.end_at)
    zone = target.time_zone
    first = local_day(start, zone)
    cost = Fraction(commit.price) * Fraction(amount) / Fraction(commit.access_amount)
    rest = Commit(
        contract=target,
        rolled_from=commit,
        name=f"{commit.name}, rolled over"[:120],
        access_amount=amount,
        price=round_amount(Decimal(cost.numerator) / cost.denominator, target.currency),
        start_at=start,
        end_at=min(midnight(add_months(first, commit.rollover_months), zone), target.end_at),
        **{name: getattr(commit, name) for name in KEPT},
    )
    with change("commit.granted", rest, act.saying(f"What was left of {commit.name} rolls over")) as row:
        rest.save()
        grant(rest, act=act, change=row)
    return rest
