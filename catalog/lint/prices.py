"""Rules about the list as a whole: against the prices in force, the base, the rules that choose it."""

from collections.abc import Iterable
from decimal import Decimal

from catalog.candidates import Candidate, sheets_at
from catalog.lint.registry import Severity, rule
from catalog.lint.walk import listed
from catalog.models import RateCardVersion, SelectionRule
from catalog.prices import billed
from pricing.changes import change_percent
from pricing.charges import ChargeError
from pricing.money import ONE, plain

Found = Iterable[tuple[str, str]]
STARTLING = Decimal(50)


@rule("startling_rise", Severity.WARNING, f"prices that rise by more than {STARTLING} %")
def startling_rise(candidate: Candidate) -> Found:
    for name, percent in _changes(candidate):
        if percent > STARTLING:
            yield name, f"It becomes {plain(percent)} % dearer than the prices in force. Check it for a typing error."


@rule("startling_cut", Severity.WARNING, f"prices that fall by more than {STARTLING} %")
def startling_cut(candidate: Candidate) -> Found:
    for name, percent in _changes(candidate):
        if percent < -STARTLING:
            yield name, f"It becomes {plain(-percent)} % cheaper than the prices in force. Check it for a typing error."


@rule("nothing_new", Severity.NOTE, "versions equal to the prices in force")
def nothing_new(candidate: Candidate) -> Found:
    if candidate.before and candidate.before == candidate.after:
        yield "prices", "They are those already in force. Change something, or withdraw the draft."


@rule("other_rhythm", Severity.WARNING, "products billed in another rhythm than before")
def other_rhythm(candidate: Candidate) -> Found:
    if candidate.sheet.reach == RateCardVersion.Reach.NEW_ONLY:
        return
    for product, offer in candidate.changed.items():
        was = candidate.before.get(product)
        if was is not None and (was.cycle_months, was.in_advance) != (offer.cycle_months, offer.in_advance):
            yield (
                candidate.products[product].name,
                (
                    f"It is billed {billed(offer)}, no longer {billed(was)}. Contracts that run keep their price and "
                    "rhythm, whatever the reach; only new ones get this."
                ),
            )


@rule("product_not_sold", Severity.ERROR, "prices of products that are no longer sold")
def product_not_sold(candidate: Candidate) -> Found:
    for pk in candidate.sheet.offers:
        if not candidate.products[pk].is_active:
            yield candidate.products[pk].name, "It is no longer sold. Take it off the list, or put it on sale again."


@rule("same_as_base", Severity.WARNING, "rows of a card with a base that say what the base says")
def same_as_base(candidate: Candidate) -> Found:
    sheet = candidate.sheet
    _, base = sheets_at(candidate.book, candidate.card.pk, sheet.effective_from)
    if base is None or sheet.base_factor != ONE:
        return
    same = [candidate.products[pk].name for pk, offer in sheet.offers.items() if base.offers.get(pk) == offer]
    if same:
        yield (
            listed(sorted(same)),
            f"The same as in {base.label}. Remove it here, so that a change of the base flows through.",
        )


@rule("base_in_other_currency", Severity.WARNING, "prices of a base in another currency taken over one to one")
def base_in_other_currency(candidate: Candidate) -> Found:
    card, base = candidate.card, candidate.card.base
    inherited = len(candidate.after) - len(candidate.sheet.offers)
    if base is not None and base.currency != card.currency and candidate.sheet.base_factor == ONE and inherited:
        yield (
            "base factor",
            (
                f"{inherited:,} prices of {base} in {base.currency} hold as the same numbers of {card.currency}. Say "
                "what to multiply them by, or price these products here."
            ),
        )


@rule("factor_too_fine", Severity.ERROR, "prices of a base whose product with the factor has too many digits")
def factor_too_fine(candidate: Candidate) -> Found:
    sheet = candidate.sheet
    _, base = sheets_at(candidate.book, candidate.card.pk, sheet.effective_from)
    for pk, offer in base.offers.items() if base is not None and sheet.base_factor != ONE else ():
        if pk in sheet.offers:
            continue
        try:
            offer.charge.exchanged(sheet.base_factor)
        except ChargeError as error:
            yield (
                candidate.products[pk].name,
                (
                    f"Times {plain(sheet.base_factor)} the price has too many digits ({error}). Use a factor with "
                    "fewer decimals, or price it here."
                ),
            )


@rule("rule_in_other_currency", Severity.ERROR, "rules that choose the card for customers in another currency")
def rule_in_other_currency(candidate: Candidate) -> Found:
    card = candidate.card
    for each in SelectionRule.objects.filter(card=card.pk, is_active=True):
        currencies = [str(value).upper() for value in each.conditions.get("currency", ())]
        if currencies and card.currency not in currencies:
            yield (
                f"rule {each}",
                (
                    f"It chooses this card, which is in {card.currency}, for customers in {listed(currencies)}. "
                    "Correct the rule."
                ),
            )


def _changes(candidate: Candidate) -> Iterable[tuple[str, Decimal]]:
    for product, offer in candidate.changed.items():
        if product in candidate.before:
            yield candidate.products[product].name, change_percent(candidate.before[product].charge, offer.charge)
