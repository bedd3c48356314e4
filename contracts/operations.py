"""The verbs of contracts: keep customers and sellers, sign, end."""

from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from guardian.shortcuts import assign_perm, remove_perm

from contracts import commits, queries
from contracts.models import Commit, Contract, ContractLine, Customer, LegalEntity, Override
from contracts.numbers import next_number
from contracts.terms import LineTerms, SignedTerms, term_of_contract
from governance.acts import Act, Refused
from governance.change import change, locked
from governance.doors import SERVE_CUSTOMER
from governance.entities import Entity
from metering.queries import resolve_customers
from pricing.money import exponent, round_amount
from pricing.periods import Period, midnight, zone_named

E = TypeVar("E", bound=Entity)

CUSTOMER_FIELDS = frozenset(
    {
        "key",
        "name",
        "email",
        "billing_address",
        "country",
        "tax_number",
        "tax_percent",
        "currency",
        "time_zone",
        "region",
        "segment",
        "channel",
        "customer_type",
        "parent",
    }
)
WHOLE_DIGITS = 16  # of an amount, as the tables hold it
FROZEN_FIELDS = frozenset({"key"})  # usage events name their customer by it


def create_legal_entity(*, act: Act, **fields: Any) -> LegalEntity:
    """A company of ours that sells."""
    entity = LegalEntity(**fields)
    with change("legal_entity.created", entity, act):
        checked(entity).save()
    return entity


def update_legal_entity(entity: LegalEntity, *, act: Act, **fields: Any) -> LegalEntity:
    """What is given changes; contracts that are signed keep the grace and payment terms they were signed with."""
    with change("legal_entity.updated", entity, act):
        entity = locked(entity)
        _set(entity, fields)
        checked(entity).save()
    return entity


def create_customer(*, act: Act, **fields: Any) -> Customer:
    """A party to sell to. `Refused`, naming the field, for a bad or taken key, an unknown zone or currency.

    A key that is another customer's alias is taken too: usage under it is that customer's.
    """
    _known_fields(fields)
    customer = Customer(**fields)
    with change("customer.created", customer, act):
        whose = resolve_customers({customer.key}).get(customer.key, customer.key)
        if whose != customer.key:
            raise Refused(f"key: usage under {customer.key} is {whose}'s; end that alias first.")
        _checked_customer(customer).save()
        if act.by is not None:
            assign_perm(SERVE_CUSTOMER, act.by, customer)  # who brings a customer serves it
    return customer


def assign_customer(customer: Customer, user: User, *, act: Act) -> None:
    """Let this person see and serve this customer, without seeing every other."""
    with change("customer.assigned", customer, act):
        assign_perm(SERVE_CUSTOMER, user, customer)


def unassign_customer(customer: Customer, user: User, *, act: Act) -> None:
    """Take that back."""
    with change("customer.unassigned", customer, act):
        remove_perm(SERVE_CUSTOMER, user, customer)


def update_customer(customer: Customer, *, act: Act, **fields: Any) -> Customer:
    """What is given changes; the key never does, and signed contracts keep their zone and currency."""
    _known_fields(fields)
    with change("customer.updated", customer, act):
        customer = locked(customer)
        frozen = [name for name in FROZEN_FIELDS & fields.keys() if fields[name] != getattr(customer, name)]
        if frozen:
            raise Refused(f"The {frozen[0]} of a customer never changes: usage is reported under it.")
        _set(customer, fields)
        _checked_customer(customer).save()
    return customer


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
        grace_hours=terms.legal_entity.grace_hours,
        payment_terms_days=terms.legal_entity.payment_terms_days,
        signed_at=act.at,
        signed_by=terms.signed_by,
        opportunity_key=terms.opportunity_key,
    )
    with change("contract.signed", contract, act):
        contract.number = next_number(Contract, "C", act.at.year)
        contract.save()
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


def checked(row: E) -> E:
    """The row, or `Refused` with what is wrong with it, in words."""
    try:
        row.full_clean()
    except ValidationError as error:
        texts = [f"{name}: {text}" for name, texts in error.message_dict.items() for text in texts]
        raise Refused(" ".join(texts)) from error
    return row


def check_money(amount: Decimal, currency: str, what: str) -> None:
    """`Refused` unless the amount can be invoiced as it is: not negative, in whole minor units of its currency."""
    if not amount.is_finite():
        raise Refused(f"The {what} must be an amount, not {amount}.")
    if amount and amount.adjusted() >= WHOLE_DIGITS:
        raise Refused(f"The {what} is more than anybody could pay.")
    if amount < 0 or amount != round_amount(amount, currency):
        raise Refused(f"The {what} must be an amount with at most {exponent(currency)} decimals, not {amount}.")


def check_line_money(line: LineTerms, currency: str) -> None:
    """The same for the amounts agreed with a line. Its prices may be finer: what they come to is rounded."""
    check_money(line.discount_amount, currency, "amount off")
    if line.minimum is not None:
        check_money(line.minimum, currency, "minimum")


def _write_lines(contract: Contract, terms: SignedTerms) -> None:
    for position, line in enumerate(terms.lines, 1):
        ContractLine(
            contract=contract,
            product=line.product,
            position=position,
            quantity=line.quantity,
            discount_percent=line.discount_percent,
            discount_amount=line.discount_amount,
            minimum=line.minimum,
            start_at=contract.start_at,
            end_at=contract.end_at,
        ).save()


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
            invoice_at=contract.start_at,
            start_at=contract.start_at,
            end_at=contract.end_at,
        )
        commit.save()
        with change("commit.granted", commit, act) as granted:
            commits.grant(commit, act=act, change=granted)


def _known_fields(fields: dict[str, Any]) -> None:
    if unknown := fields.keys() - CUSTOMER_FIELDS:
        raise TypeError(f"a customer has no {', '.join(sorted(unknown))}")


def _set(row: Entity, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        setattr(row, name, value)


def _checked_customer(customer: Customer) -> Customer:
    try:
        zone_named(customer.time_zone)
        exponent(customer.currency)
    except ValueError as error:
        raise Refused(f"{error}.".capitalize()) from error
    return checked(customer)
