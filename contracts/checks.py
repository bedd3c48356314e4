"""What can be written down: rows that are well formed, and amounts that can be invoiced."""

from decimal import Decimal
from typing import TypeVar

from django.core.exceptions import ValidationError

from contracts.terms import LineTerms
from governance.acts import Refused
from governance.entities import Entity
from pricing.money import exponent, round_amount

E = TypeVar("E", bound=Entity)
WHOLE_DIGITS = 16  # of an amount, as the tables hold it
YEARS = range(2000, 2200)  # beyond them a term is a slip of the pen


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
