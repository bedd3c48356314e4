"""A contract in sentences that a customer and a lawyer both understand."""

from datetime import timedelta

from contracts.models import Contract
from contracts.renewals import last_day, last_day_to_decline, months_of
from contracts.words import long_day_text, months_text, percent_text

Renewal, Prices = Contract.Renewal, Contract.RenewalPrices


def renewal_sentences(contract: Contract) -> list[str]:
    """What happens when the term is over, as agreed and as decided since."""
    last = last_day(contract)
    if contract.status == Contract.Status.ENDED:
        return [f"It was ended before its time; its last day is {long_day_text(last)}."]
    if contract.renewal == Renewal.NONE:
        return [f"It ends on {long_day_text(last)}.", *_decided(contract)]
    months = months_text(contract.renewal_months or months_of(contract))
    first = long_day_text(last + timedelta(days=1))
    by = long_day_text(last_day_to_decline(contract))
    if contract.renewal == Renewal.AUTOMATIC:
        agreed = f"From {first} it goes on for {months}, unless it is declined by {by}."
    else:
        agreed = f"It ends on {long_day_text(last)}, unless both agree by {by} that it goes on for {months}."
    return [agreed, _prices(contract), *_decided(contract)]


def _prices(contract: Contract) -> str:
    if contract.renewal_prices == Prices.CARD:
        return "Then the prices are those of the rate card on that day; discounts stay."
    if contract.uplift_percent:
        percent = percent_text(contract.uplift_percent)
        return f"Then prices, minimums, and commits with what they give access to are {percent} more."
    return "Prices stay as agreed."


def _decided(contract: Contract) -> list[str]:
    if renewed := next(iter(contract.renewed_by.all()), None):
        return [f"It is renewed by {renewed}."]
    if contract.declined_at is not None:
        return [f"{contract.declined_by} declined to renew it: {contract.declined_because}"]
    if contract.renewal_problem:
        return [f"It could not be renewed: {contract.renewal_problem}"]
    return []
