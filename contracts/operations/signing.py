"""Signing a contract."""

from contracts import queries
from contracts.amending import must_not_measure_twice
from contracts.checks import check_line_money, check_rule, checked
from contracts.models import Contract, Customer
from contracts.numbers import next_number
from contracts.operations.granting import make_commits
from contracts.operations.writing import (
    measured_days,
    write_charge,
    write_commit,
    write_line,
    write_override,
    write_rule,
)
from contracts.renewals import last_day
from contracts.terms import SignedTerms, term_of_contract
from contracts.words import day_text
from governance.acts import Act, Refused
from governance.change import change, locked
from pricing.periods import Period


def sign_contract(terms: SignedTerms, *, act: Act) -> Contract:
    """Write down what was agreed, grant the commits, and answer with the contract. `Refused` if it cannot be billed."""
    period = _signable(terms)
    contract = Contract(
        customer=terms.customer,
        payer=_payer(terms),
        usage_key=_usage_key(terms),
        legal_entity=terms.legal_entity,
        rate_card=terms.rate_card_version.card,
        pinned_version=None if terms.follows_card else terms.rate_card_version,
        pinned_base=None if terms.follows_card else terms.base_version,
        package_version=terms.package_version,
        renews=terms.renews,
        first_agreed_at=(terms.renews.first_agreed_at or terms.renews.signed_at) if terms.renews else None,
        currency=terms.currency,
        time_zone=terms.time_zone,
        start_at=period.start,
        end_at=period.end,
        anchor_day=terms.anchor_day,
        proration=terms.proration,
        purchase_order=terms.purchase_order,
        grace_hours=_or(terms.grace_hours, terms.legal_entity.grace_hours),
        payment_terms_days=_or(terms.payment_terms_days, terms.legal_entity.payment_terms_days),
        invoice_months=terms.invoice_months,
        signed_at=act.at,
        signed_by=terms.signed_by,
        opportunity_key=terms.opportunity_key,
        renewal=terms.renewal.renewal,
        renewal_months=terms.renewal.months,
        notice_days=terms.renewal.notice_days,
        uplift_percent=terms.renewal.uplift_percent,
        renewal_prices=terms.renewal.prices,
    )
    with change("contract.signed", contract, act):
        _must_follow(contract)
        contract.number = next_number(Contract, "C", act.at.year)
        checked(contract).save()
        must_not_measure_twice(measured_days(terms.lines, contract))
        for position, line in enumerate(terms.lines, 1):
            write_line(contract, line, position)
        for price in terms.overrides:
            write_override(contract, price, act)
        for each in terms.charges:
            write_charge(contract, each)
        for commit in terms.commits:
            write_commit(contract, commit, act)
        for rule in terms.rules:
            write_rule(contract, rule)
        make_commits(contract.pk, at=act.at, act=act)
        queries.terms_of([contract])  # what cannot be rated is refused here, not on billing day
    return contract


def _usage_key(terms: SignedTerms) -> str:
    """Its customer's; of a renewal the one before, unless that leads to somebody else by now."""
    before = terms.renews.usage_key if terms.renews else ""
    return before if before in queries.known_customers({before}) else terms.customer.key


def _payer(terms: SignedTerms) -> Customer:
    """As said; or who paid what it renews, while they are above the customer; or who is billed for the customer."""
    if terms.customer.merged_into is not None:
        raise Refused(f"{terms.customer} was merged into {terms.customer.merged_into}; sign with them.")
    family = [terms.customer, *queries.ancestors_of(terms.customer)]
    if terms.payer is None:
        renewed = terms.renews
        return renewed.payer if renewed and renewed.payer in family else queries.payer_of(terms.customer)
    if terms.payer not in family:
        raise Refused(f"{terms.payer} is not above {terms.customer} and cannot pay their contract.")
    return terms.payer


def _signable(terms: SignedTerms) -> Period:
    if not terms.signed_by.strip():
        raise Refused("A contract needs the name of the person who signed it.")
    if not any((terms.lines, terms.commits, terms.charges, terms.rules)):
        raise Refused("There is nothing in this contract.")
    if terms.months < 1:
        raise Refused("A contract lasts at least a month.")
    if terms.rate_card_version.number is None:
        raise Refused("Prices must be published before they are agreed on.")
    if terms.rate_card_version.card.currency != terms.currency:
        raise Refused(f"The prices are in {terms.rate_card_version.card.currency}, the contract in {terms.currency}.")
    if terms.base_version is not None and terms.base_version.card_id != terms.rate_card_version.card.base_id:
        raise Refused(f"{terms.base_version} is not a version of the base of {terms.rate_card_version.card}.")
    if terms.renews is not None and terms.renews.customer_id != terms.customer.pk:
        raise Refused(f"{terms.renews} is another customer's contract; it cannot be renewed here.")
    for line in terms.lines:
        check_line_money(line, terms.currency)
    _check_rules(terms)
    return term_of_contract(terms.start_on, terms.months, terms.time_zone)


def _must_follow(contract: Contract) -> None:
    """`Refused` unless what it renews was renewed by no other contract, and is over when this one begins."""
    if contract.renews is None:
        return
    before = locked(contract.renews)
    if other := before.renewed_by.first():
        raise Refused(f"{before} was renewed by {other} already.")
    if contract.start_at < before.end_at:
        raise Refused(f"{before} lasts until {day_text(last_day(before))}; what renews it begins after that.")


def _or(agreed: int | None, usual: int) -> int:
    return usual if agreed is None else agreed


def _check_rules(terms: SignedTerms) -> None:
    for rule in terms.rules:
        check_rule(rule, terms.currency)
        if rule.per_seat_of not in (None, *(line.product for line in terms.lines)):
            raise Refused(f"{rule.name} counts by {rule.per_seat_of}, which is not in this contract.")
