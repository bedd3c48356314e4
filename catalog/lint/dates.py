"""Rules about when prices take effect and whom they reach."""

from collections.abc import Iterable
from datetime import timedelta

from catalog.candidates import Candidate
from catalog.lint.registry import Severity, rule
from catalog.lint.walk import listed
from catalog.models import RateCardVersion
from catalog.queries import live_draft
from pricing.changes import largest_rise

Found = Iterable[tuple[str, str]]
Reach = RateCardVersion.Reach
Status = RateCardVersion.Status


@rule("same_instant", Severity.ERROR, "two versions of a card that take effect at the same instant")
def same_instant(candidate: Candidate) -> Found:
    starts = candidate.sheet.effective_from
    if candidate.version is not None and candidate.version.planned_from is None:
        return  # at once, whenever that will be
    for sheet in candidate.book.sheets.get(candidate.card.pk, ()):
        if sheet.effective_from == starts:
            yield "planned from", f"{sheet.label} takes effect at {starts:%Y-%m-%d %H:%M} UTC as well. Choose another."


@rule("later_version", Severity.NOTE, "versions already scheduled that will replace these prices")
def later_version(candidate: Candidate) -> Found:
    for sheet in candidate.book.sheets.get(candidate.card.pk, ()):
        if sheet.effective_from > candidate.sheet.effective_from:
            yield (
                "planned from",
                (
                    f"{sheet.label} is scheduled for {sheet.effective_from:%Y-%m-%d %H:%M} UTC and replaces these "
                    "prices then. Withdraw it if that is not meant."
                ),
            )


@rule("short_notice", Severity.ERROR, "rises that reach existing contracts before the card's notice is over")
def short_notice(candidate: Candidate) -> Found:
    sheet, days = candidate.sheet, candidate.card.notice_days
    reaches = max(sheet.effective_from, sheet.existing_from or sheet.effective_from)
    if not days or sheet.reach != Reach.FROM_DATE or reaches >= candidate.at + timedelta(days=days):
        return
    risen = [
        candidate.products[product].name
        for product, offer in candidate.changed.items()
        if product in candidate.before and largest_rise(candidate.before[product].charge, offer.charge)
    ]
    if risen:
        soonest = candidate.at + timedelta(days=days + 1)
        yield (
            "existing contracts from",
            (
                f"{listed(sorted(risen))} would rise for existing contracts on {reaches:%Y-%m-%d}, but the card "
                f"promises {days} days' notice. Choose {soonest:%Y-%m-%d} or later for them."
            ),
        )


@rule("unpublished_base", Severity.ERROR, "cards that inherit from a base with no prices in force")
def unpublished_base(candidate: Candidate) -> Found:
    base, starts = candidate.card.base, candidate.sheet.effective_from
    if base is None:
        return
    is_to_publish = candidate.version is not None and candidate.version.status == Status.PUBLISHED
    if not is_to_publish and live_draft(base) is not None:
        return  # both are in the works; before this one is published the base must be
    if not any(sheet.effective_from <= starts for sheet in candidate.book.sheets.get(base.pk, ())):
        yield (
            "base",
            f"{base} has no version in force on {starts:%Y-%m-%d}, so there is nothing to inherit. Publish one first.",
        )
