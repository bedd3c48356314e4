"""What to book for an invoice, a payment or a credit note: plain values in, balanced entry drafts out.

The rules, per line of a finalized invoice:

- A charge in arrears is earned on the last local day of its period: Dr 1150 Unbilled / Cr its revenue account.
- A commit purchase and a charge in advance are owed to the customer as service: Cr 2100 Deferred revenue at issue.
- A charge in advance is earned by the day; each calendar month's share is booked on the month's last local day in the
  period, dated ahead where the month is still to come.
- A drawdown turns deferred into earned money on the last local day of its period: Dr 2100 what the drawn part cost,
  Dr 4900 the rest, Cr 1150. Costs are rounded cumulatively: a commit drawn to its end leaves nothing deferred.
- What is earned on invoice is revenue at issue, neither before nor by the day. Usage never is: commits pay for it.
- At issue the customer owes the total: Dr 1100 / Cr 1150 what was unbilled, Cr 2100, Cr 2200 tax.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from pricing.money import ZERO, Money, allocate, round_amount

BANK, RECEIVABLE, UNBILLED = "1000", "1100", "1150"
DEFERRED, TAX = "2100", "2200"
USAGE_REVENUE, SUBSCRIPTION_REVENUE, COMMIT_DISCOUNTS = "4000", "4100", "4900"


@dataclass(frozen=True, slots=True)
class Movement:
    """How far a commit was drawn before and after one line; a return moves back."""

    price: Decimal
    access: Decimal
    drawn_before: Decimal
    drawn_after: Decimal


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an invoice. Days are local and inclusive; drawdowns have a negative amount and a movement."""

    kind: str
    description: str
    first_day: date
    last_day: date
    amount: Decimal
    account: str = USAGE_REVENUE
    in_advance: bool = False
    on_invoice: bool = False
    movement: Movement | None = None


@dataclass(frozen=True, slots=True)
class IssuedInvoice:
    """A finalized invoice: `total` = Σ line amounts + `tax`. `key` tells it from every other."""

    key: str
    number: str
    currency: str
    issued_on: date
    tax: Decimal
    total: Decimal
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class PostingDraft:
    """One side; exactly one of the two is above zero."""

    account: str
    debit: Decimal
    credit: Decimal
    memo: str = ""


@dataclass(frozen=True, slots=True)
class EntryDraft:
    """A balanced entry; (source_type, source_id) is booked once."""

    source_type: str
    source_id: str
    posted_on: date
    description: str
    postings: tuple[PostingDraft, ...]


@dataclass
class _Book:
    """Signed amounts by account (debits above zero), with what they are for."""

    sums: dict[str, Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))
    memos: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))

    def debit(self, account: str, amount: Decimal, memo: str = "") -> None:
        self.sums[account] += amount
        if memo:
            self.memos[account][memo] = None

    def credit(self, account: str, amount: Decimal, memo: str = "") -> None:
        self.debit(account, -amount, memo)

    def postings(self) -> tuple[PostingDraft, ...]:
        """Debits first, by account; what came to nothing is left out."""
        sides = sorted((amount < 0, account, amount) for account, amount in self.sums.items() if amount)
        return tuple(
            PostingDraft(account, max(amount, ZERO), max(-amount, ZERO), ", ".join(self.memos[account])[:300])
            for _, account, amount in sides
        )


def entries_of(invoice: IssuedInvoice) -> list[EntryDraft]:
    """Everything an invoice is booked as, in the order of the story; amounts of zero leave no entry."""
    return [*earned(invoice), *drawn(invoice), *_issued(invoice), *_recognized(invoice)]


def earned(invoice: IssuedInvoice) -> list[EntryDraft]:
    """Charges in arrears, one entry per last day of a period."""

    def book(entry: _Book, line: Line) -> None:
        entry.debit(UNBILLED, line.amount)
        entry.credit(line.account, line.amount, line.description)

    arrears = [line for line in invoice.lines if line.kind == "charge" and not (line.in_advance or line.on_invoice)]
    return _by_day(invoice, "invoice.earned", "Earned", ((line.last_day, line) for line in arrears), book)


def drawn(invoice: IssuedInvoice) -> list[EntryDraft]:
    """Drawdowns, one entry per last day of a period."""
    return _draws(invoice, "invoice.drawn", "Commit drawn")


def returned(invoice: IssuedInvoice, on: date) -> list[EntryDraft]:
    """What a void gave back, from lines whose movements go back; never before `on`."""
    entries = _draws(invoice, "invoice.drawn.void", "Void: Commit drawn")
    return [replace(entry, posted_on=max(entry.posted_on, on)) for entry in entries]


def cost_of(movement: Movement, currency: str) -> Decimal:
    """What the moved part of a commit cost: the difference of two rounded cumulative costs, so parts add up."""

    def cost_up_to(drawn: Decimal) -> Decimal:
        return round_amount(Fraction(movement.price) * Fraction(drawn) / Fraction(movement.access), currency)

    return cost_up_to(movement.drawn_after) - cost_up_to(movement.drawn_before)


def _draws(invoice: IssuedInvoice, source_type: str, verb: str) -> list[EntryDraft]:
    def book(entry: _Book, line: Line) -> None:
        if line.movement is None:
            raise ValueError(f"{invoice.number}: a drawdown without its commit's movement")
        cost = cost_of(line.movement, invoice.currency)
        entry.debit(DEFERRED, cost, line.description)
        entry.debit(COMMIT_DISCOUNTS, -line.amount - cost, line.description)
        entry.credit(UNBILLED, -line.amount)

    lines = [line for line in invoice.lines if line.kind == "drawdown"]
    return _by_day(invoice, source_type, verb, ((line.last_day, line) for line in lines), book)


def reversal_of(entry: EntryDraft, *, on: date) -> EntryDraft:
    """The entry with its sides exchanged, on its own day but not before `on`; `.void` of its source."""
    postings = tuple(PostingDraft(each.account, each.credit, each.debit, each.memo) for each in entry.postings)
    day, description = max(entry.posted_on, on), f"Void: {entry.description}"
    return EntryDraft(f"{entry.source_type}.void", entry.source_id, day, description, postings)


def payment_entry(key: str, invoice: str, method: str, amount: Decimal, received_on: date) -> EntryDraft:
    """Dr 1000 / Cr 1100."""
    book = _Book()
    book.debit(BANK, amount, method)
    book.credit(RECEIVABLE, amount, invoice)
    return EntryDraft("payment", key, received_on, f"Payment of {invoice}", book.postings())


def credit_note_entry(
    key: str, number: str, invoice: IssuedInvoice, amount: Decimal, tax: Decimal, issued_on: date
) -> EntryDraft:
    """Dr revenue (shared by what the lines came to), Dr 2200 tax / Cr 1100.

    The part of a commit purchase goes to 4900 and not to 2100: access stays as agreed, so what is deferred must still
    meet what will be drawn.
    """
    weights: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for line in invoice.lines:
        if line.kind != "drawdown":
            weights[COMMIT_DISCOUNTS if line.kind == "commit" else line.account] += line.amount
    accounts = sorted(account for account, weight in weights.items() if weight > 0) or [USAGE_REVENUE]
    shares = allocate(Money(amount - tax, invoice.currency), [weights.get(account, Decimal(1)) for account in accounts])
    book = _Book()
    for account, share in zip(accounts, shares, strict=True):
        book.debit(account, share.amount, number)
    book.debit(TAX, tax, number)
    book.credit(RECEIVABLE, amount, invoice.number)
    return EntryDraft("credit_note", key, issued_on, f"Credit note {number} to {invoice.number}", book.postings())


def _issued(invoice: IssuedInvoice) -> list[EntryDraft]:
    book = _Book()
    book.debit(RECEIVABLE, invoice.total, invoice.number)
    for line in invoice.lines:
        if line.on_invoice:
            book.credit(line.account, line.amount, line.description)
            continue
        deferred = line.kind == "commit" or (line.kind == "charge" and line.in_advance)
        book.credit(DEFERRED if deferred else UNBILLED, line.amount, line.description if deferred else "")
    book.credit(TAX, invoice.tax, "Tax")
    return _entry("invoice", invoice.key, invoice.issued_on, f"Invoice {invoice.number}", book)


def _recognized(invoice: IssuedInvoice) -> list[EntryDraft]:
    """Charges in advance, one entry per calendar month they cover."""

    def book(entry: _Book, line: Line) -> None:
        entry.debit(DEFERRED, line.amount)
        entry.credit(line.account, line.amount, line.description)

    advance = [line for line in invoice.lines if line.kind == "charge" and line.in_advance and not line.on_invoice]
    shares = [share for line in advance for share in _monthly_shares(line, invoice.currency)]
    return _by_day(invoice, "invoice.recognized", "Recognized", shares, book)


def _monthly_shares(line: Line, currency: str) -> list[tuple[date, Line]]:
    """The line cut at the ends of calendar months, by days; the parts add up to it."""
    ends, weights, day = [], [], line.first_day
    while day <= line.last_day:
        next_month = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        end = min(next_month - timedelta(days=1), line.last_day)
        ends.append(end)
        weights.append(Decimal((end - day).days + 1))
        day = next_month
    shares = allocate(Money(line.amount, currency), weights)
    return [(end, _part(line, share.amount)) for end, share in zip(ends, shares, strict=True)]


def _part(line: Line, amount: Decimal) -> Line:
    return replace(line, amount=amount)


def _by_day(
    invoice: IssuedInvoice,
    source_type: str,
    verb: str,
    lines: Iterable[tuple[date, Line]],
    book: Callable[[_Book, Line], None],
) -> list[EntryDraft]:
    days: dict[date, _Book] = defaultdict(_Book)
    for day, line in lines:
        book(days[day], line)
    return [
        entry
        for day in sorted(days)
        for entry in _entry(source_type, f"{invoice.key}:{day}", day, f"{verb}: {invoice.number}", days[day])
    ]


def _entry(source_type: str, source_id: str, day: date, description: str, book: _Book) -> list[EntryDraft]:
    postings = book.postings()
    return [EntryDraft(source_type, source_id, day, description, postings)] if postings else []
