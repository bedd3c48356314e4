"""The verbs of versions: draft, plan, submit, reopen, publish, withdraw, roll back."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.db.utils import IntegrityError

from catalog.lint import Severity, findings
from catalog.models import RateCard, RateCardVersion
from catalog.operations.rates import copy_rates, editable
from catalog.prices import publication_facts
from catalog.queries import live_draft, version_at
from governance import approvals
from governance.acts import Act, Refused
from governance.change import change, locked

Status = RateCardVersion.Status
Reach = RateCardVersion.Reach


def draft_version(card: RateCard, *, note: str = "", act: Act) -> RateCardVersion:
    """Start the next version with the rates in force. A card has one live draft at a time."""
    draft = RateCardVersion(card=card, note=note)
    in_force = version_at(card, act.at)
    if in_force is not None:
        draft.base_factor = in_force.base_factor
    with change("rate_card.drafted", draft, act):
        card = locked(card)
        live = live_draft(card)
        if live is not None:
            raise Refused(f"{card.name} already has a version {live.get_status_display().lower()}; finish that first.")
        draft.save()
        copy_rates(in_force, draft)
    return draft


def plan_version(
    draft: RateCardVersion,
    *,
    note: str = "",
    planned_from: datetime | None = None,
    reach: str = Reach.FROM_DATE,
    existing_from: datetime | None = None,
    base_factor: Decimal = Decimal(1),
    publish_when_approved: bool = False,
    act: Act,
) -> RateCardVersion:
    """Say what a draft is about, when it is to take effect, and which existing contracts it reaches.

    `planned_from` None: at once when published. `base_factor` multiplies the prices of the base.
    """
    if reach not in Reach.values:
        raise Refused(f"A version reaches existing contracts in one of these ways: {', '.join(Reach.values)}.")
    if existing_from is not None and reach != Reach.FROM_DATE:
        raise Refused("Only a version that reaches existing contracts from a date has such a date.")
    if planned_from and existing_from and existing_from < planned_from:
        raise Refused("Existing contracts cannot get prices before these take effect.")
    with change("rate_card.planned", draft, act):
        draft = editable(draft)
        if not base_factor.is_finite() or base_factor <= 0:
            raise Refused("The base's prices are multiplied by a number above zero.")
        if base_factor != 1 and draft.card.base_id is None:
            raise Refused(f"{draft.card} has no base whose prices could be multiplied.")
        draft.note, draft.planned_from = note, planned_from
        draft.reach, draft.existing_from = reach, existing_from
        draft.base_factor, draft.publish_when_approved = base_factor, publish_when_approved
        draft.save()
    return draft


def submit_version(draft: RateCardVersion, *, warnings_accepted: str = "", act: Act) -> RateCardVersion:
    """Send a draft for review and ask for the approvals that publishing it needs. Its rates rest meanwhile.

    Refused while lint finds errors; where it warns, `warnings_accepted` must say why it may be published all the same.
    A version that is to publish itself does so at once where nobody needs to agree.
    """
    with change("rate_card.submitted", draft, act):
        draft = locked(draft)
        draft.become(Status.IN_REVIEW)
        if not draft.rates.exists() and draft.card.base_id is None:
            raise Refused("This draft has no rates yet; there is nothing to review.")
        _lint(draft, warnings_accepted, act)
        draft.warnings_accepted = warnings_accepted
        draft.save()
        facts = publication_facts(draft, at=act.at)
        approvals.ask(draft, facts, act=act)
        if draft.publish_when_approved and not approvals.outstanding(draft, facts):
            draft = publish_version(draft, act=act)
    return draft


def reopen_version(version: RateCardVersion, *, act: Act) -> RateCardVersion:
    """Take a version back from review to edit it. An approval already given stands only if no rate changes."""
    with change("rate_card.reopened", version, act):
        version = locked(version)
        version.become(Status.DRAFT)
        version.save()
        approvals.close(version, act=act)
    return version


def publish_version(version: RateCardVersion, *, effective_from: datetime | None = None, act: Act) -> RateCardVersion:
    """Make a reviewed version the prices from an instant on; nothing needs to run when that comes.

    The instant is the one given, else the planned one, else now. Refused while an approval is outstanding or lint finds
    an error, and for an instant in the past once an invoice of a contract that follows the card reaches beyond it.
    """
    with change("rate_card.published", version, act):
        card = locked(version.card)
        version = locked(version)
        version.become(Status.PUBLISHED)
        approvals.require_none_outstanding(version, publication_facts(version, at=act.at))
        version.planned_from = effective_from or max(version.planned_from or act.at, act.at)
        if version.existing_from is not None and version.existing_from < version.planned_from:
            version.existing_from = None
        _number(version, card, version.planned_from)
        _lint(version, version.warnings_accepted, act)
        _save_published(version)
    return version


def settle_by_id(version_id: str, act: Act) -> None:
    """All that was asked is decided: publish a version that is to publish itself, or leave a word why it cannot be."""
    version = RateCardVersion.objects.select_related("card__base").get(pk=UUID(version_id))
    if version.status != Status.IN_REVIEW or not version.publish_when_approved:
        return
    if approvals.outstanding(version, publication_facts(version, at=act.at)):
        return
    try:
        with transaction.atomic():
            publish_version(version, act=act.saying(f"Published on approval: {act.because}"))
    except Refused as refusal:
        with change("rate_card.kept_back", version, act.saying(f"Approved, not published: {refusal}")):
            pass


def withdraw_version(version: RateCardVersion, *, act: Act) -> RateCardVersion:
    """Give up a draft, or call off prices that are scheduled. Prices in force are rolled back instead."""
    with change("rate_card.withdrawn", version, act):
        version = locked(version)
        if version.status == Status.PUBLISHED and version.effective_from <= act.at:  # type: ignore[operator]
            raise Refused("These prices have taken effect; roll back to an earlier version instead.")
        version.become(Status.WITHDRAWN)
        version.save()
        approvals.close(version, act=act)
    return version


def roll_back(card: RateCard, *, to: RateCardVersion, act: Act) -> RateCardVersion:
    """Put the prices of an earlier version back in force at once, as a new version that restores it.

    Nothing is erased, an open draft is not in the way, and versions scheduled for later stay scheduled. It needs no
    approval: these prices were approved when they were published.
    """
    restored = RateCardVersion(card=card, restores=to, note=act.because, reach=to.reach, base_factor=to.base_factor)
    with change("rate_card.rolled_back", restored, act):
        card = locked(card)
        to = locked(to)
        _restorable(card, to, act)
        restored.status = Status.PUBLISHED
        _number(restored, card, act.at)
        restored.save()
        copy_rates(to, restored)
    return restored


def _restorable(card: RateCard, to: RateCardVersion, act: Act) -> None:
    if to.card_id != card.pk:
        raise Refused("That version is of another rate card.")
    if to.status != Status.PUBLISHED or to.effective_from > act.at:  # type: ignore[operator]
        raise Refused("Only a version that has been in force can be put back in force.")
    if to == version_at(card, act.at):
        raise Refused("These prices are already in force.")


def _number(version: RateCardVersion, card: RateCard, effective_from: datetime) -> None:
    """Give the version its number and date. The card is locked, so numbers are taken one after the other."""
    taken = card.versions.filter(status=Status.PUBLISHED, effective_from=effective_from).first()
    if taken is not None:
        raise Refused(f"Version {taken.number} takes effect at that very instant; choose another.")
    version.number = (card.versions.aggregate(last=Max("number"))["last"] or 0) + 1
    version.effective_from = effective_from


def _save_published(version: RateCardVersion) -> None:
    """PostgreSQL knows which periods were invoiced; say in words what it refuses."""
    try:
        with transaction.atomic():
            version.save()
    except IntegrityError as error:
        if "in a period that was invoiced" not in str(error):
            raise
        raise Refused(
            "Contracts that follow this card have invoices beyond that instant; prices may go back only to what is "
            "still open. Choose a later one."
        ) from error


def _lint(version: RateCardVersion, warnings_accepted: str, act: Act) -> None:
    """Errors refuse, warnings want a reason."""
    found = findings(version, at=act.at)
    errors = [finding for finding in found if finding.severity == Severity.ERROR]
    if errors:
        raise Refused("These prices cannot be published: " + " ".join(f"{each.where}: {each.text}" for each in errors))
    warnings = [finding for finding in found if finding.severity == Severity.WARNING]
    if warnings and not warnings_accepted.strip():
        listed = " ".join(f"{each.where}: {each.text}" for each in warnings)
        raise Refused(f"Say why these prices may be published in spite of the warnings: {listed}")
