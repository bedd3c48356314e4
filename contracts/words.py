"""Amounts, days, terms and quantities as people read them, the same on every page and document."""

from datetime import date, timedelta
from decimal import Decimal

from contracts.models import Customer
from pricing.figures import grouped, plural
from pricing.money import shown
from pricing.periods import Period, add_months, local_days

# Workings may have twenty decimals; nobody reads more than six.
_READABLE = Decimal(1).scaleb(-6)


def amount_text(amount: Decimal, currency: str) -> str:
    """`$1,234.50`, with a real minus sign, no more than six decimals."""
    if amount != amount.quantize(_READABLE):
        amount = amount.quantize(_READABLE)
    return shown(amount, currency).replace("-", "−")


def percent_text(percent: Decimal) -> str:
    """`15 %` with a space that does not break, and no more than two decimals."""
    return f"{grouped(percent.quantize(Decimal('0.01')))}\u00a0%"


def day_text(day: date) -> str:
    """`1 Jan 2026`."""
    return f"{day.day} {day:%b %Y}"


def long_day_text(day: date) -> str:
    """`1 January 2026`."""
    return f"{day.day} {day:%B %Y}"


def period_text(period: Period, zone: str) -> str:
    """`1 – 31 Jan 2026`, `15 Jan – 14 Feb 2026`, `15 Dec 2025 – 14 Jan 2026`."""
    return days_text(*local_days(period, zone))


def days_text(first: date, last: date) -> str:
    """From the first to the last day, both inclusive, saying month and year once where they are the same."""
    if first == last:
        return day_text(first)
    if first.year != last.year:
        return f"{day_text(first)} – {day_text(last)}"
    return (
        f"{first.day} – {day_text(last)}" if first.month == last.month else f"{first.day} {first:%b} – {day_text(last)}"
    )


def term_text(start_on: date, months: int) -> str:
    """`1 Jan – 31 Dec 2026`: the days of a term of so many months."""
    return days_text(start_on, add_months(start_on, months) - timedelta(days=1))


def months_text(months: int) -> str:
    """`1 month`, `12 months`."""
    return f"{months} month{'' if months == 1 else 's'}"


def quantity_text(quantity: Decimal, unit: str) -> str:
    """`20,000,000 tokens`, `1 month`, `3 GB`."""
    units = plural(unit) if unit and abs(quantity) != 1 else unit
    return f"{grouped(quantity).replace('-', '−')} {units}".rstrip()


def access_text(amount: Decimal, unit: str, currency: str) -> str:
    """So much of a commit, in its unit: `$40.00`, `1,200 credits`."""
    return quantity_text(amount, unit) if unit else amount_text(amount, currency)


def tax_text(customer: Customer) -> str:
    """What a document says about the customer's tax beyond its percent; empty for who is taxed like everybody."""
    match customer.tax_status:
        case Customer.TaxStatus.EXEMPT:
            until = f" until {day_text(customer.exempt_until)}" if customer.exempt_until else ""
            return f"Exempt, certificate {customer.exemption}{until}"
        case Customer.TaxStatus.REVERSE_CHARGE:
            return "Reverse charge: the recipient owes the tax"
    return ""
