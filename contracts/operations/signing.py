"""Signing a contract, and ending it before its time."""

from collections import defaultdict
from datetime import date

from catalog.models import Product
from contracts import queries
from contracts.checks import check_line_money, check_money, checked
from contracts.commits import grant
from contracts.models import Commit, CommitInstalment, Contract, ContractLine, Override
from contracts.numbers import next_number
from contracts.terms import AgreedCommit, AgreedLine, SignedTerms, term_of_contract
from governance.acts import Act, Refused
from governance.change import change, locked
from pricing.money import ZERO
from pricing.periods import Period, midnight


def sign_contract(terms: SignedTerms, *, act: Act) -> Contract:
    """Write down what was agreed, grant the commits, and answer with the contract. `Refused` if it cannot be billed."""
    period = _signable(terms)
    contract = Contract(
        customer=terms.customer,
        legal_entity=terms.legal_entity,
        rate_card=terms.rate_card_version.card,
        pinned_version=None if terms.follows_card else terms.rate_card_version,
        pinned_base=None if terms.follows_card else terms.base_version,
        renews=terms.renews,
        first_agreed_at=(terms.renews.first_agreed_at or terms.renews.signed_at) if terms.renews else None,
        currency=terms.currency,
        time_zone=terms.customer.time_zone,
        start_at=period.start,
        end_at=period.end,
        anchor_day=terms.anchor_day,
        proration=terms.proration,
        purchase_order=terms.purchase_order,
        grace_hours=terms.legal_entity.grace_hours,
        payment_terms_days=terms.legal_entity.payment_terms_days,
        signed_at=act.at,
        signed_by=terms.signed_by,
        opportunity_key=terms.opportunity_key,
    )
    with change("contract.signed", contract, act):
        contract.number = next_number(Contract, "C", act.at.year)
        checked(contract).save()
        _write_lines(contract, terms)
        _write_overrides(contract, terms, act)
        _write_commits(contract, terms, act)
        queries.terms_of([contract])  # what cannot be rated is refused here, not on billing day
    return contract


def end_contract(contract: Contract, *, end_on: date, act: Act) -> Contract:
    """End it before the first instant of `end_on` (local). What was used until then is still billed.

    A day before the start, or after the agreed end, is refused; what was bought in advance is not given back here.
    """
    with change("contract.ended", contract, act):
        contract = locked(contract)
        end_at = midnight(end_on, contract.time_zone)
        if not contract.start_at < end_at <= contract.end_at:
            raise Refused("A contract ends after its first day and not later than agreed.")
        contract.become(Contract.Status.ENDED)
        contract.end_at = end_at
        contract.save()
        for line in contract.lines.select_for_update().filter(end_at__gt=end_at):
            line.end_at = max(end_at, line.start_at)
            line.save()
    return contract


def _signable(terms: SignedTerms) -> Period:
    if not terms.signed_by.strip():
        raise Refused("A contract needs the name of the person who signed it.")
    if not terms.lines and not terms.commits:
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
    for commit in terms.commits:
        check_money(commit.access_amount, terms.currency, "access")
        check_money(commit.price, terms.currency, "price")
    return term_of_contract(terms.start_on, terms.months, terms.customer.time_zone)


def _write_lines(contract: Contract, terms: SignedTerms) -> None:
    measured: dict[Product, list[Period]] = defaultdict(list)
    for position, line in enumerate(terms.lines, 1):
        period = _days_of(line, contract)
        if line.product.meter_id is not None:
            if any(period.overlap(other) for other in measured[line.product]):
                raise Refused(f"{line.product.name} is measured: two lines at once would bill the same usage twice.")
            measured[line.product].append(period)
        row = ContractLine(
            contract=contract,
            product=line.product,
            position=position,
            label=line.label,
            quantity=line.quantity,
            discount_percent=line.discount_percent,
            discount_amount=line.discount_amount,
            minimum=line.minimum,
            prices=line.prices,
            pinned_version=line.pinned_version,
            start_at=period.start,
            end_at=period.end,
        )
        checked(row).save()


def _days_of(line: AgreedLine, contract: Contract) -> Period:
    """From its first day to the day after its last, local to the contract; those of the contract where not said."""
    start = midnight(line.start_on, contract.time_zone) if line.start_on else contract.start_at
    end = midnight(line.end_on, contract.time_zone) if line.end_on else contract.end_at
    if not contract.start_at <= start < end <= contract.end_at:
        raise Refused(f"{line.product.name} starts before it ends, and both within the contract.")
    return Period(start, end)


def _write_overrides(contract: Contract, terms: SignedTerms, act: Act) -> None:
    for price in terms.overrides:
        Override(
            contract=contract,
            product=price.product,
            charge=price.charge,
            multiplier=price.multiplier,
            priority=price.priority,
            start_at=price.start_at or contract.start_at,
            end_at=price.end_at,
            agreed_at=act.at,
        ).save()


def _write_commits(contract: Contract, terms: SignedTerms, act: Act) -> None:
    for agreed in terms.commits:
        commit = Commit(
            contract=contract,
            name=agreed.name,
            access_amount=agreed.access_amount,
            price=agreed.price,
            product_keys=list(agreed.product_keys),
            priority=agreed.priority,
            start_at=contract.start_at,
            end_at=contract.end_at,
        )
        commit.save()
        CommitInstalment.objects.bulk_create(_instalments(agreed, commit))
        with change("commit.granted", commit, act) as granted:
            grant(commit, act=act, change=granted)


def _instalments(agreed: AgreedCommit, commit: Commit) -> list[CommitInstalment]:
    """When its price is invoiced: all of it at the start unless instalments were agreed, which must come to it."""
    if not agreed.instalments:
        return [CommitInstalment(commit=commit, number=1, amount=agreed.price, invoice_at=commit.start_at)]
    contract = commit.contract
    for each in agreed.instalments:
        check_money(each.amount, contract.currency, "instalment")
        if not contract.start_at <= midnight(each.invoice_on, contract.time_zone) < contract.end_at:
            raise Refused(f"The instalments of {agreed.name} are invoiced within the contract.")
    if sum((each.amount for each in agreed.instalments), ZERO) != agreed.price:
        raise Refused(f"The instalments of {agreed.name} do not come to its price.")
    ordered = sorted(agreed.instalments, key=lambda each: each.invoice_on)
    return [
        CommitInstalment(
            commit=commit,
            number=number,
            amount=each.amount,
            invoice_at=midnight(each.invoice_on, contract.time_zone),
        )
        for number, each in enumerate(ordered, 1)
    ]
