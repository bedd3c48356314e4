"""What other usage comes to in money: a correction before it is made, and whatever came in since an invoice."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from contracts.models import Contract
from governance.acts import Act
from invoicing.billing import gather
from invoicing.calculation import still_owed
from invoicing.lines import Line
from invoicing.models import Invoice
from metering import corrections
from metering.cutoffs import EVERYTHING, Cutoff
from metering.models import UsageCorrection
from pricing.money import EXACT, ZERO
from pricing.periods import Period

# Far enough for every cycle that is running now; what falls due later is the same before and after.
AHEAD = timedelta(days=400)

Slot = tuple[str, Period]


@dataclass(frozen=True, slots=True)
class Effect:
    """One line of a contract that comes to another amount: before tax, and before a commit pays."""

    contract: Contract
    term: str
    description: str
    unit: str
    period: Period
    quantity_before: Decimal
    quantity_after: Decimal
    amount_before: Decimal
    amount_after: Decimal

    @property
    def quantity(self) -> Decimal:
        return EXACT.subtract(self.quantity_after, self.quantity_before)

    @property
    def amount(self) -> Decimal:
        return EXACT.subtract(self.amount_after, self.amount_before)


@dataclass(frozen=True, slots=True)
class Preview:
    """What applying (or reverting) would do: how many events stop to count, how many are added, and the money."""

    voided: int
    added: int
    effects: list[Effect]

    @property
    def totals(self) -> dict[str, Decimal]:
        """The difference of all lines, by currency."""
        sums: dict[str, Decimal] = {}
        for effect in self.effects:
            currency = effect.contract.currency
            sums[currency] = EXACT.add(sums.get(currency, ZERO), effect.amount)
        return sums


def preview(correction: UsageCorrection, *, act: Act) -> Preview:
    """The money that applying this draft, or reverting what is applied, would move. Writes nothing.

    `Refused` for the reasons the real thing would be.
    """
    is_draft = correction.status == UsageCorrection.Status.DRAFT
    make: Callable[..., UsageCorrection] = corrections.apply_correction if is_draft else corrections.revert_correction
    contracts = Contract.objects.filter(usage_key=correction.customer_key).order_by("pk")
    ids = list(contracts.values_list("pk", flat=True))
    with transaction.atomic():
        before = _owed(ids, act.at + AHEAD)
        made = make(correction, act=act)
        after = _owed(ids, act.at + AHEAD)
        transaction.set_rollback(True)
    counted, added = made.voided, len(made.replacements)
    return Preview(*((counted, added) if is_draft else (added, counted)), effects=list(_effects(before, after)))


def since_invoiced(invoice: Invoice) -> list[Effect]:
    """What came in, or was corrected, since this invoice was measured, for the periods it bills; by its cut-off.

    The next run bills it, or has billed it, as lines that carry their original period.
    """
    if invoice.measured_through is None:
        return []
    ids, through = [invoice.contract_id], invoice.period_end
    slots = {(line.term, Period(line.period_start, line.period_end)) for line in invoice.lines.all()}
    with transaction.atomic():
        knew = _owed(ids, through, Cutoff(invoice.measured_through))
        known = _owed(ids, through)
    return [effect for effect in _effects(knew, known) if (effect.term, effect.period) in slots]


def _owed(
    ids: list[UUID], through: datetime, as_of: Cutoff | None = None
) -> dict[tuple[UUID, Slot], tuple[Contract, Line]]:
    owed = {}
    for facts in gather(ids, through, as_of=as_of or EVERYTHING):
        for line in still_owed(facts.terms, facts.rated, ()):
            owed[facts.contract.pk, (line.term, line.period)] = facts.contract, line
    return owed


def _effects(
    before: dict[tuple[UUID, Slot], tuple[Contract, Line]], after: dict[tuple[UUID, Slot], tuple[Contract, Line]]
) -> Iterable[Effect]:
    # By contract and period, and in that in the order of the contract's lines, as they were rated.
    for key in sorted({**before, **after}, key=lambda each: (str(each[0]), each[1][1].start)):
        (contract, line), had, has = after.get(key) or before[key], before.get(key), after.get(key)
        effect = Effect(
            contract,
            line.term,
            line.description,
            line.unit,
            line.period,
            had[1].quantity if had else ZERO,
            has[1].quantity if has else ZERO,
            had[1].amount if had else ZERO,
            has[1].amount if has else ZERO,
        )
        if effect.quantity or effect.amount:
            yield effect
