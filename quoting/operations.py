"""The verbs of quoting: have an offer approved, send it, hear the answer, revise, clone. `drafting` edits.

Every operation locks the quote, then the version; so of two that meet, one is first and the other sees what it did.
"""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction

from catalog.prices import base_of
from contracts.models import Contract
from contracts.numbers import next_number
from contracts.operations import sign_contract
from contracts.renewals import rule_of
from contracts.terms import AgreedCommit, AgreedLine, RenewalRule, SignedTerms, term_of_contract
from governance import approvals
from governance.acts import Act, Refused
from governance.change import change, locked
from governance.models import ApprovalRequest
from pricing.periods import local_day
from quoting.drafting import (
    check_dates,
    draft_quote,
    locked_version,
    remove_commit,
    remove_line,
    set_commit,
    set_line,
    set_terms,
)
from quoting.models import Quote, QuoteCommit, QuoteLine, QuoteVersion
from quoting.queries import approval_facts, current_version, is_expired, latest_version

__all__ = [
    "accept", "clone", "decline", "draft_quote", "remove_commit", "remove_line", "reopen", "revise", "send",
    "set_commit", "set_line", "set_terms", "settle", "settle_by_id", "submit",
]  # fmt: skip

Status = QuoteVersion.Status
COPY_IS_VALID_FOR = timedelta(days=30)
UNANSWERABLE = {
    Status.DRAFT: "This offer has not been sent yet.",
    Status.IN_REVIEW: "This offer has not been sent yet.",
    Status.APPROVED: "This offer has not been sent yet.",
    Status.ACCEPTED: "This offer has been accepted already.",
    Status.DECLINED: "This offer has been declined; ask for a new one.",
    Status.SUPERSEDED: "This offer has been replaced by a newer one.",
}


def submit(version: QuoteVersion, *, act: Act) -> QuoteVersion:
    """Finish a draft: it is approved at once, or in review until those whose approval it needs have agreed.

    Approvals given before stand for as long as nothing they were given for got worse. Asking for one takes a person.
    """
    with change("quote.submitted", version, act):
        version = locked_version(version)
        if version.status != Status.DRAFT:
            raise Refused(f"This offer is {_words(version)}; only a draft can be submitted.")
        if not version.lines.exists() and not version.commits.exists():
            raise Refused("There is nothing in this offer yet.")
        check_dates(version, act)
        facts = approval_facts(version)
        pending = _ask(version, facts, act)
        version.become(Status.IN_REVIEW if pending else Status.APPROVED)
        version.submitted_by = act.by
        version.save()
    return version


def settle(version: QuoteVersion, *, act: Act) -> QuoteVersion:
    """After an approval: if it was the last one outstanding, the version becomes approved. Approving calls this.

    Nothing depends on it: while somebody else is at work on the quote it does nothing, and sending looks for itself.
    """
    with transaction.atomic():
        # The approver holds the request and the editor the quote: waiting here for each other they would wait for ever.
        quote = Quote.objects.select_for_update(skip_locked=True).filter(pk=version.quote_id).first()
        if quote is None:
            return version
        version = locked(version)
        if version.status != Status.IN_REVIEW or approvals.outstanding(version, approval_facts(version)):
            return version
        # The product's own act: whoever approved has not edited the offer, and may approve it again another day.
        given = Act.of_system("approvals", f"Every approval was given, last by {act.name}: {act.because}", act.at)
        with change("quote.approved", version, given):
            version.become(Status.APPROVED)
            version.save()
    return version


def settle_by_id(pk: str, act: Act) -> None:
    """`settle` for governance, which knows a subject by its id alone."""
    settle(QuoteVersion.objects.get(pk=pk), act=act)


def reopen(version: QuoteVersion, *, act: Act) -> QuoteVersion:
    """Take an offer that was not sent back to be edited. Questions nobody has answered yet are taken back with it."""
    with change("quote.reopened", version, act):
        version = locked_version(version)
        version.become(Status.DRAFT)
        version.save()
        approvals.close(version, act=act)
    return version


def send(version: QuoteVersion, *, act: Act) -> QuoteVersion:
    """Make the offer to the customer; from here on it never changes. `Refused` while an approval is outstanding."""
    with change("quote.sent", version, act):
        version = locked_version(version)
        if version.status == Status.DRAFT:
            raise Refused("This offer is a draft; submit it first.")
        check_dates(version, act)
        approvals.require_none_outstanding(version, approval_facts(version))
        if version.status == Status.IN_REVIEW:  # agreed by everybody, and nobody has said so yet
            version.become(Status.APPROVED)
            version.save()
        version.become(Status.SENT)
        version.sent_at = act.at
        version.save()
    return version


def accept(version: QuoteVersion, *, name: str, from_ip: str | None, act: Act) -> Contract:
    """The customer's yes: signs the contract in the same transaction. Said twice, it answers with the same contract."""
    with transaction.atomic():
        version = locked_version(version)
        if version.status == Status.ACCEPTED and version.contract is not None:
            return version.contract
        with change("quote.accepted", version, act):
            _check_answerable(version, name)
            if is_expired(version, act.at):
                raise Refused(f"This offer was valid until {version.valid_until:%-d %B %Y}.")
            approvals.require_none_outstanding(version, approval_facts(version))
            contract = sign_contract(_signed_terms(version, name), act=act)
            version.become(Status.ACCEPTED)
            version.contract = contract
            version.decided_at, version.decided_by, version.decided_from = act.at, name.strip(), from_ip
            version.save()
    return contract


def decline(version: QuoteVersion, *, name: str, reason: str, act: Act) -> QuoteVersion:
    """The customer's no, with the reason they gave."""
    with change("quote.declined", version, act):
        version = locked_version(version)
        _check_answerable(version, name)
        if not reason.strip():
            raise Refused("Please say why, so that we can make a better offer.")
        version.become(Status.DECLINED)
        version.decided_at, version.decided_by, version.reason = act.at, name.strip(), reason.strip()
        version.save()
    return version


def revise(quote: Quote, *, act: Act) -> QuoteVersion:
    """A new draft with the contents of the latest version, at the prices in force; what was out is out no longer.

    Approvals are not copied: they were given for the other version.
    """
    with transaction.atomic():
        quote = locked(quote)
        before = latest_version(quote)
        if before.status == Status.ACCEPTED:
            raise Refused("This quote has been accepted; what was signed is changed by the contract.")
        version = _copy_of(locked(before), quote, act)
        version.number = before.number + 1
        with change("quote.revised", version, act):
            if before.status != Status.DECLINED:
                approvals.close(before, act=act)
                before.become(Status.SUPERSEDED)
                before.save()
            _write_copy(version, before)
    return version


def clone(quote: Quote, *, owner: User | None = None, act: Act) -> Quote:
    """A new quote for the same customer with the contents of the latest version, at the prices in force, unapproved."""
    before = latest_version(quote)
    copy = Quote(
        customer=quote.customer,
        legal_entity=quote.legal_entity,
        owner=owner or act.by or quote.owner,
        title=quote.title,
    )
    version = _copy_of(before, copy, act)
    with change("quote.drafted", version, act):
        copy.number = next_number(Quote, "Q", act.at.year)
        copy.save()
        _write_copy(version, before)
    return copy


def _ask(version: QuoteVersion, facts: list[approvals.Fact], act: Act) -> list[ApprovalRequest]:
    """Put what is outstanding to those who decide. What they have rejected is not put to them again unchanged."""
    live = approvals.needs(version, facts)
    pending = approvals.ask(version, facts, act=act) if live or _has_questions(version) else []
    for request in pending:
        if request.status == ApprovalRequest.Status.REJECTED:
            raise Refused(f"{request.policy.role.capitalize()} said no: {request.because} Change the offer first.")
    return pending


def _has_questions(version: QuoteVersion) -> bool:
    asked = ApprovalRequest.objects.filter(subject_type=version._meta.label_lower, subject_id=str(version.pk))
    return asked.exclude(status=ApprovalRequest.Status.SUPERSEDED).exists()


def _check_answerable(version: QuoteVersion, name: str) -> None:
    if version.status != Status.SENT:
        raise Refused(UNANSWERABLE[Status(version.status)])
    if not name.strip():
        raise Refused("Please type your name.")


def _signed_terms(version: QuoteVersion, name: str) -> SignedTerms:
    quote = version.quote
    return SignedTerms(
        customer=quote.customer,
        legal_entity=quote.legal_entity,
        rate_card_version=version.rate_card_version,
        base_version=version.base_version,
        follows_card=version.follows_card,
        currency=version.currency,
        start_on=version.start_on,
        months=version.months,
        lines=[
            AgreedLine(line.product, line.quantity, line.discount_percent, line.discount_amount, line.minimum)
            for line in version.lines.select_related("product__meter").order_by("position", "pk")
        ],
        commits=[
            AgreedCommit(commit.name, commit.access_amount, commit.price, tuple(commit.product_keys))
            for commit in version.commits.order_by("name", "pk")
        ],
        signed_by=name.strip(),
        opportunity_key=quote.opportunity_key,
        renews=quote.renews,
        renewal=rule_of(quote.renews) if quote.renews else RenewalRule(),
    )


def _copy_of(before: QuoteVersion, quote: Quote, act: Act) -> QuoteVersion:
    """An unsaved first draft like `before`, for this quote, at the prices in force."""
    start_at = term_of_contract(before.start_on, 1, quote.customer.time_zone).start
    prices = current_version(before.rate_card_version.card, start_at, act.at)
    return QuoteVersion(
        quote=quote,
        rate_card_version=prices,
        base_version=base_of(prices, act.at),
        follows_card=before.follows_card,
        currency=before.currency,
        start_on=before.start_on,
        months=before.months,
        valid_until=max(before.valid_until, local_day(act.at, quote.customer.time_zone) + COPY_IS_VALID_FOR),
        terms=before.terms,
    )


def _write_copy(version: QuoteVersion, before: QuoteVersion) -> None:
    version.save()
    for line in before.lines.select_related("product"):
        QuoteLine(
            version=version,
            product=line.product,
            position=line.position,
            quantity=line.quantity,
            expected_usage=line.expected_usage,
            discount_percent=line.discount_percent,
            discount_amount=line.discount_amount,
            minimum=line.minimum,
        ).save()
    for commit in before.commits.all():
        QuoteCommit(
            version=version,
            name=commit.name,
            access_amount=commit.access_amount,
            price=commit.price,
            product_keys=list(commit.product_keys),
        ).save()


def _words(version: QuoteVersion) -> str:
    return version.get_status_display().lower()
