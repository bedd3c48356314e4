"""Holds: a draft whose usage looks wrong waits for a person, instead of being finalized by the timetable."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Max, Min

from contracts.models import ContractLine
from governance.acts import Act, Refused
from governance.change import change, locked
from invoicing.models import Invoice, InvoiceLine
from metering.flags.operations import open_flags
from metering.models import UsageFlag
from pricing.periods import Period, midnight


def held(drafts: Iterable[Invoice]) -> dict[UUID, list[UsageFlag]]:
    """Which of these drafts are held, and by which flags; one query where nothing is flagged, three otherwise.

    A flag holds if HOLD_ON_FLAGS names its kind, a meter of it is billed by the contract, its day lies in what the
    draft bills in arrears, it is not resolved, and was not there yet when somebody released the draft.
    """
    open_ = [draft for draft in drafts if draft.status == Invoice.Status.DRAFT]
    flags = defaultdict(list)
    for flag in open_flags({draft.contract.usage_key for draft in open_}, settings.HOLD_ON_FLAGS):
        flags[flag.customer_key].append(flag)
    suspects = [draft for draft in open_ if draft.contract.usage_key in flags]
    if not suspects:
        return {}
    meters, spans = _meters({draft.contract_id for draft in suspects}), _spans(suspects)
    found = {
        draft.pk: [
            flag
            for flag in flags[draft.contract.usage_key]
            if _concerns(flag, draft, meters[draft.contract_id], spans.get(draft.pk))
        ]
        for draft in suspects
    }
    return {pk: holding for pk, holding in found.items() if holding}


def held_drafts() -> dict[UUID, list[UsageFlag]]:
    """Every draft that is held, and by which flags."""
    flagged = UsageFlag.objects.filter(resolved_at=None, kind__in=settings.HOLD_ON_FLAGS).values("customer_key")
    drafts = Invoice.objects.filter(status=Invoice.Status.DRAFT, contract__usage_key__in=flagged)
    return held(drafts.select_related("contract"))


def release_invoice(invoice: Invoice, *, act: Act) -> Invoice:
    """Let a held draft be finalized although its usage was flagged; what is flagged later holds it again."""
    with change("invoice.released", invoice, act):
        invoice = locked(invoice)
        if not held([invoice]):
            raise Refused("Nothing holds this invoice.")
        invoice.released_at = act.at
        invoice.save()
    return invoice


def must_not_be_held(draft: Invoice) -> None:
    """`Refused`, with what was flagged, if the draft is held."""
    if flags := held([draft]).get(draft.pk):
        raise Refused(f"This draft is held for review: {flags[0].detail} Release it or resolve what was flagged.")


def _concerns(flag: UsageFlag, draft: Invoice, meters: Collection[str], span: Period | None) -> bool:
    if span is None or (draft.released_at is not None and flag.found_at <= draft.released_at):
        return False
    day = midnight(flag.day, "UTC")
    is_within = Period(day, day + timedelta(days=1)).overlap(span) is not None
    return is_within and (flag.meter_key in meters if flag.meter_key else bool(meters))


def _meters(contracts: Collection[UUID]) -> dict[UUID, set[str]]:
    lines = ContractLine.objects.filter(contract__in=contracts, product__meter__isnull=False)
    found = defaultdict(set)
    for contract, meter in lines.values_list("contract", "product__meter__key"):
        found[contract].add(meter)
    return found


def _spans(drafts: Iterable[Invoice]) -> dict[UUID, Period]:
    """What each draft bills in arrears; fees of the time to come say nothing of usage."""
    lines = InvoiceLine.objects.filter(invoice__in=list(drafts), kind=InvoiceLine.Kind.CHARGE, in_advance=False)
    spans = lines.order_by().values_list("invoice").annotate(Min("period_start"), Max("period_end"))
    return {invoice: Period(start, end) for invoice, start, end in spans}
