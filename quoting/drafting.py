"""Drafting an offer: open it, put products and commits on it, change its terms. Only drafts can be edited."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Max

from catalog.models import Product, RateCard, RateCardVersion
from catalog.prices import base_of
from contracts.checks import YEARS, check_line_money, check_money, checked
from contracts.models import Contract, Customer, LegalEntity
from contracts.numbers import next_number
from contracts.renewals import last_day
from contracts.terms import term_of_contract
from contracts.words import day_text
from governance.acts import Act, Refused
from governance.change import change, locked
from pricing.money import ONE, ZERO
from quoting.models import Quote, QuoteCommit, QuoteLine, QuoteVersion
from quoting.queries import card_for, current_version, is_expired, offered

USAGE = Product.Kind.USAGE
TERMS = frozenset({"start_on", "months", "valid_until", "terms", "follows_card", "rate_card_version"})
LONGEST_TERM = 120  # months


def draft_quote(
    *,
    customer: Customer,
    rate_card: RateCard | None = None,
    owner: User,
    start_on: date,
    months: int,
    valid_until: date,
    legal_entity: LegalEntity,
    title: str = "",
    opportunity_key: str = "",
    follows_card: bool = False,
    terms: str = "",
    renews: Contract | None = None,
    act: Act,
) -> Quote:
    """Open a quote with an empty first version, priced by the version of the card that is in force.

    Without a card the selection rules choose it for this customer. Accepted, it renews the contract given.
    """
    _check_start(start_on)
    if customer.merged_into is not None:
        raise Refused(f"{customer} was merged into {customer.merged_into}; make the offer to them.")
    rate_card = rate_card or card_for(customer)
    if rate_card.currency != customer.currency:
        raise Refused(f"{customer} buys in {customer.currency}; {rate_card} is in {rate_card.currency}.")
    prices = current_version(rate_card, term_of_contract(start_on, 1, customer.time_zone).start, act.at)
    quote = Quote(
        customer=customer,
        legal_entity=legal_entity,
        owner=owner,
        title=title,
        opportunity_key=opportunity_key,
        renews=renews,
    )
    version = QuoteVersion(
        quote=quote,
        rate_card_version=prices,
        base_version=base_of(prices, act.at),
        follows_card=follows_card,
        currency=rate_card.currency,
        start_on=start_on,
        months=months,
        valid_until=valid_until,
        terms=terms,
    )
    check_dates(version, act)
    with change("quote.drafted", version, act):
        quote.number = next_number(Quote, "Q", act.at.year)
        quote.save()
        version.save()
    return quote


def set_terms(version: QuoteVersion, *, act: Act, **fields: Any) -> QuoteVersion:
    """Change start_on, months, valid_until, terms, follows_card or rate_card_version of a draft."""
    if unknown := fields.keys() - TERMS:
        raise TypeError(f"an offer has no {', '.join(sorted(unknown))}")
    with _editing(version, act) as version:
        for name, value in fields.items():
            setattr(version, name, value)
        check_dates(version, act)
        if "rate_card_version" in fields:
            _check_prices(version, act)
        checked(version).save()
    return version


def set_line(
    version: QuoteVersion,
    product: Product,
    *,
    quantity: Decimal | None = None,
    expected_usage: Decimal | None = None,
    discount_percent: Decimal = ZERO,
    discount_amount: Decimal = ZERO,
    minimum: Decimal | None = None,
    act: Act,
) -> QuoteLine:
    """Offer a product, or on other terms. Metered: `expected_usage` a month; others: `quantity` (default 1)."""
    with _editing(version, act) as version:
        line = version.lines.filter(product=product).first()
        if line is None:
            last = version.lines.aggregate(last=Max("position"))["last"] or 0
            line = QuoteLine(version=version, product=product, position=last + 1)
        line.quantity, line.expected_usage = _amounts(version, product, quantity, expected_usage)
        line.discount_percent, line.discount_amount = Decimal(discount_percent), Decimal(discount_amount)
        line.minimum = minimum
        check_line_money(line, version.currency)
        checked(line).save()
    return line


def remove_line(version: QuoteVersion, product: Product, *, act: Act) -> None:
    """Take a product off a draft."""
    with _editing(version, act) as version:
        line = version.lines.filter(product=product).first()
        if line is None:
            raise Refused(f"{product} is not in this offer.")
        line.delete()


def set_commit(
    version: QuoteVersion,
    *,
    access_amount: Decimal,
    price: Decimal,
    name: str = "Prepaid usage",
    product_keys: Sequence[str] = (),
    act: Act,
) -> QuoteCommit:
    """Offer prepaid usage, or offer the one of that name on other terms. No product keys: it pays for all usage."""
    with _editing(version, act) as version:
        metered = {row.product.key for row in offered(version) if row.product.kind == USAGE}
        if unknown := set(product_keys).difference(metered):
            raise Refused(f"{', '.join(sorted(unknown))}: a commit pays for usage products of the rate card only.")
        commit = version.commits.filter(name=name).first() or QuoteCommit(version=version, name=name)
        commit.access_amount, commit.price = access_amount, price
        commit.product_keys = sorted(product_keys)
        check_money(access_amount, version.currency, "access")
        check_money(price, version.currency, "price")
        checked(commit).save()
    return commit


def remove_commit(version: QuoteVersion, name: str = "Prepaid usage", *, act: Act) -> None:
    """Take the commit of that name off a draft."""
    with _editing(version, act) as version:
        commit = version.commits.filter(name=name).first()
        if commit is None:
            raise Refused(f"There is no commit named {name} in this offer.")
        commit.delete()


def locked_version(version: QuoteVersion) -> QuoteVersion:
    """Quote and version as they are now, both locked, the quote first."""
    quote = locked(version.quote)
    version = locked(version)
    version.quote = quote
    return version


def check_dates(version: QuoteVersion, act: Act) -> None:
    """`Refused` for a term nobody can sign or an offer that would be out of date at once."""
    _check_start(version.start_on)
    if not 1 <= version.months <= LONGEST_TERM:
        raise Refused(f"A term lasts between 1 and {LONGEST_TERM} months.")
    if is_expired(version, act.at):
        raise Refused("The last day to accept this offer has passed; choose a later one.")
    if version.quote.renews is not None:
        _check_renewal(version.quote.renews, version)


def _check_renewal(renews: Contract, version: QuoteVersion) -> None:
    if renews.customer_id != version.quote.customer_id:
        raise Refused(f"{renews} is another customer's contract; it cannot be renewed here.")
    if (last := last_day(renews)) >= version.start_on:
        raise Refused(f"{renews} lasts until {day_text(last)}; what renews it begins after that.")


def _check_start(start_on: date) -> None:
    if start_on.year not in YEARS:
        raise Refused(f"A term starts in one of the years {YEARS[0]} to {YEARS[-1]}.")


def _since(prices: RateCardVersion) -> datetime:
    """When published prices take effect."""
    if prices.effective_from is None:
        raise Refused(f"{prices} is not published.")
    return prices.effective_from


@contextmanager
def _editing(version: QuoteVersion, act: Act) -> Iterator[QuoteVersion]:
    with change("quote.edited", version, act):
        version = locked_version(version)
        if version.status != QuoteVersion.Status.DRAFT:
            state = version.get_status_display().lower()
            raise Refused(f"This offer is {state}; only a draft can be edited.")
        yield version


def _check_prices(version: QuoteVersion, act: Act) -> None:
    """Prices in force or scheduled, never those of yesterday: an old price list would be a discount nobody sees.

    What they leave out is from now on the base's of now.
    """
    prices, now = version.rate_card_version, current_version(version.rate_card_version.card, act.at, act.at)
    if prices.status != prices.Status.PUBLISHED or _since(prices) < _since(now):
        raise Refused(f"{prices} is no longer in force; {now} is.")
    if prices.card.currency != version.currency:
        raise Refused(f"This offer is in {version.currency}, {prices.card} in {prices.card.currency}.")
    version.base_version = base_of(prices, act.at)


def _amounts(
    version: QuoteVersion, product: Product, quantity: Decimal | None, expected_usage: Decimal | None
) -> tuple[Decimal | None, Decimal | None]:
    """Quantity and expected usage as this product has them, or `Refused`."""
    price = next((row.offer for row in offered(version) if row.product == product), None)
    if price is None:
        raise Refused(f"{product} has no price in {version.rate_card_version}.")
    if product.kind == USAGE:
        if quantity is not None:
            raise Refused(f"{product} is measured: say how much is expected a month, not a quantity.")
        return None, _not_negative(product, expected_usage or ZERO)
    if expected_usage is not None:
        raise Refused(f"{product} is not measured: give a quantity, not an expected usage.")
    quantity = _not_negative(product, ONE if quantity is None else quantity)
    if price.charge.basis != "quantity" and quantity != ONE:
        raise Refused(f"{product} has one price whatever the quantity; its quantity is 1.")
    return quantity, None


def _not_negative(product: Product, number: Decimal) -> Decimal:
    if number < 0:
        raise Refused(f"{product}: less than nothing cannot be offered.")
    return number
