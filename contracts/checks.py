"""What can be written down: rows that are well formed, and amounts that can be invoiced."""

from decimal import Decimal
from typing import TypeVar

from django.core.exceptions import ValidationError

from contracts.models import CommitRule
from contracts.terms import AgreedAccess, AgreedRule, LineTerms
from governance.acts import Refused
from governance.entities import Entity
from pricing.figures import grouped
from pricing.money import EXACT, exponent, round_amount

E = TypeVar("E", bound=Entity)
WHOLE_DIGITS = 16  # of an amount, as the tables hold it
FINEST_QUANTITY = Decimal(1).scaleb(-9)
MOST_WORTH = Decimal(100_000)  # of a unit
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


def check_quantity(quantity: Decimal, what: str) -> None:
    """`Refused` unless so many units can be kept: above zero, with no more decimals than the tables have."""
    if not quantity.is_finite() or quantity <= 0 or quantity.adjusted() >= WHOLE_DIGITS:
        raise Refused(f"The {what} must be a number above zero, not {quantity}.")
    if EXACT.quantize(quantity, FINEST_QUANTITY) != quantity:
        raise Refused(f"The {what} must have at most 9 decimals, not {quantity}.")


def check_line_money(line: LineTerms, currency: str) -> None:
    """The same for the amounts agreed with a line. Its prices may be finer: what they come to is rounded."""
    check_money(line.discount_amount, currency, "amount off")
    if line.minimum is not None:
        check_money(line.minimum, currency, "minimum")


def check_access(agreed: AgreedAccess, currency: str) -> None:
    """`Refused` unless a commit or a rule makes sense by itself."""
    check_money(agreed.price, currency, "price")
    if agreed.unit:
        check_quantity(agreed.access_amount, f"access of {agreed.name}")
    else:
        check_money(agreed.access_amount, currency, "access")
    if not agreed.access_amount > 0:
        raise Refused(f"{agreed.name} must give access to something.")
    if not agreed.worth.is_finite() or not 0 < agreed.worth <= MOST_WORTH:
        raise Refused(f"One unit of {agreed.name} is worth more than nothing and at most {grouped(MOST_WORTH)}.")
    if agreed.kind == CommitRule.Kind.POSTPAID:
        if agreed.price:
            raise Refused(f"{agreed.name} is postpaid: it has no price, for what is used is paid when it is used.")
        check_money(EXACT.multiply(agreed.access_amount, agreed.worth), currency, "commitment")
    if agreed.is_gated and (not agreed.price or agreed.kind != CommitRule.Kind.PREPAID):
        raise Refused(f"{agreed.name} can wait for its payment only if it is prepaid and costs something.")
    if not 0 <= agreed.rollover_percent <= 100 or (agreed.rollover_percent and not agreed.rollover_months):
        raise Refused(f"Of {agreed.name} between 0 and 100 % rolls over; say for how many months.")


def check_rule(rule: AgreedRule, currency: str) -> None:
    """The same for a rule that makes commits."""
    check_access(rule, currency)
    if rule.cycle_months < 1 or rule.lasts_months < 1:
        raise Refused(f"{rule.name} counts in whole months.")
    if rule.threshold is not None and rule.threshold <= 0:
        raise Refused(f"The threshold of {rule.name} must be above zero.")
    if rule.threshold is not None and rule.price and rule.monthly_limit is None:
        raise Refused(f"Say how much {rule.name} may cost in a month.")
    if rule.threshold is None and rule.monthly_limit is not None:
        raise Refused(f"{rule.name} is made every cycle; only recharges have a limit for the month.")
    if rule.monthly_limit is not None:
        check_money(rule.monthly_limit, currency, "limit of a month")
    if rule.per_seat_of is not None and rule.per_seat_of.meter_id is not None:
        raise Refused(f"{rule.per_seat_of.name} is measured; seats are a quantity that is agreed.")
