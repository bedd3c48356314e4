"""What a contract becomes by the changes of an amendment: rows that are not saved yet, and a sentence for each change.

Applying saves these rows, and a preview prices them; so what was shown is what is done. Nothing here asks the database.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import singledispatchmethod
from typing import Any

from django.utils.text import capfirst

from catalog.models import Product, RateCardVersion
from contracts.changes import (
    NEXT_CYCLE,
    POLICY,
    AddCommit,
    AddLine,
    Cancel,
    Change,
    ChangeContract,
    ChangeLine,
    ChangePackage,
    ChangeTerm,
    EndLine,
    Reactivate,
    SetPrice,
)
from contracts.checks import check_line_money, check_money
from contracts.models import Contract, ContractLine, Override, PackageVersion
from contracts.terms import AgreedCommit, ContractTerm
from contracts.words import amount_text, day_text, percent_text, quantity_text
from governance.acts import Refused
from pricing.money import EXACT, ONE, ZERO, plain
from pricing.periods import Period, local_day, midnight
from pricing.rating import Term, rate

COPIED = [each.name for each in ContractLine._meta.concrete_fields if each.name not in ("id", "replaces")]


@dataclass
class Amended:
    """A contract's rows as they become. `lines` holds all of them, `added` and `moved` those to save.

    `cuts` are the instants at which something changes; `discount_percent` is the highest that is newly agreed.
    """

    contract: Contract
    lines: list[ContractLine]
    term_of: Callable[[ContractLine], ContractTerm | None]
    products: Mapping[str, Product]
    effective_at: datetime
    at: datetime
    pins: Mapping[str, RateCardVersion] = field(default_factory=dict)
    packages: Mapping[tuple[str, int | None], PackageVersion] = field(default_factory=dict)
    added: list[ContractLine] = field(default_factory=list)
    moved: list[ContractLine] = field(default_factory=list)
    overrides: list[Override] = field(default_factory=list)
    commits: list[tuple[AgreedCommit, datetime]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    cuts: list[datetime] = field(default_factory=list)
    discount_percent: Decimal = ZERO
    days_shorter: int = 0

    def __post_init__(self) -> None:
        self._now = {str(line.pk): self.term_of(line) for line in self.lines}

    def apply(self, changes: Sequence[Change]) -> "Amended":
        """Make these changes, one after the other. `Refused` if one cannot be made of this contract."""
        for change in changes:
            if not isinstance(change, Cancel | Reactivate):
                self._must_run()
            self._make(change)
        self._must_not_measure_twice()
        self.lines.sort(key=lambda line: (line.position, line.start_at, str(line.pk)))
        return self

    # ------------------------------------------------------------ the kinds of changes
    @singledispatchmethod
    def _make(self, change: Any) -> None:
        raise TypeError(f"{change!r} is no change of a contract")

    @_make.register
    def _change_line(self, change: ChangeLine) -> None:
        line = self._line(change.line)
        product = line.product if change.product is None else self._product(change.product)
        minimum = line.minimum if change.minimum is None else change.minimum or None
        fields: dict[str, Any] = {
            "product": product,
            "quantity": None if product.meter_id else line.quantity if change.quantity is None else change.quantity,
            "discount_percent": _said(change.discount_percent, line.discount_percent),
            "discount_amount": _said(change.discount_amount, line.discount_amount),
            "minimum": minimum,
            **self._pinned(change.pinned, line.prices, line.pinned_version),
        }
        if all(getattr(line, name) == value for name, value in fields.items()):
            raise Refused(f"{line.product.name} is so already.")
        new = _copy(line, replaces=line, **fields)
        new.start_at = self._changes_at(line, change.timing, self._comes_to_less(line, new))
        self._end(line, new.start_at)
        self._add(new)
        if new.discount_percent > line.discount_percent:
            self.discount_percent = max(self.discount_percent, new.discount_percent)
        self.said.append(f"{_difference(line, new)} from {self._day(new.start_at)}")

    @_make.register
    def _add_line(self, change: AddLine) -> None:
        product = self._product(change.product)
        line = ContractLine(
            contract=self.contract,
            product=product,
            position=max((each.position for each in self.lines), default=0) + 1,
            label=change.label,
            quantity=change.quantity,
            discount_percent=change.discount_percent,
            discount_amount=change.discount_amount,
            minimum=change.minimum,
            **self._pinned(change.pinned, change.prices, None),
            start_at=self.effective_at,
            end_at=self._after(change.last_day) if change.last_day else self.contract.end_at,
        )
        if not line.start_at < line.end_at <= self.contract.end_at:
            raise Refused(f"{product.name} starts before it ends, and both within the contract.")
        self._add(line)
        self.discount_percent = max(self.discount_percent, line.discount_percent)
        self.said.append(f"{_with_quantity(line)} added from {self._day(line.start_at)}")

    @_make.register
    def _end_line(self, change: EndLine) -> None:
        line = self._line(change.line)
        at = self._changes_at(line, change.timing, waits=True)
        self._end(line, at)
        self.said.append(f"{_with_quantity(line)} ends before {self._day(at)}")

    @_make.register
    def _set_price(self, change: SetPrice) -> None:
        product = self._product(change.product)
        if (change.charge is None) == (change.multiplier is None):
            raise Refused("An agreed price is either a charge or a multiplier.")
        end = self._after(change.last_day) if change.last_day else None
        if end is not None and end <= self.effective_at:
            raise Refused("An agreed price starts before it ends.")
        self.overrides.append(
            Override(
                contract=self.contract,
                product=product,
                charge=change.charge,
                multiplier=change.multiplier,
                priority=change.priority,
                start_at=self.effective_at,
                end_at=end,
                agreed_at=self.at,
            )
        )
        self.cuts.append(self.effective_at)
        if change.multiplier is not None:
            self.discount_percent = max(self.discount_percent, (ONE - change.multiplier) * 100)
        words = (
            change.charge.sentence(self.contract.currency)
            if change.charge is not None
            else f"{plain(change.multiplier or ONE)} × the list price"
        )
        until = f" to {day_text(change.last_day)}" if change.last_day else ""
        self.said.append(f"{product.name} at {words} from {self._day(self.effective_at)}{until}")

    @_make.register
    def _change_term(self, change: ChangeTerm) -> None:
        old, new = self.contract.end_at, self._after(change.last_day)
        if new == old or new <= max(self.effective_at, self.contract.start_at):
            raise Refused("The last day of a contract is moved to another one, after the amendment takes effect.")
        for line in self._in_force_until(min(old, new)):
            self._move(line, new)
        self.contract.end_at = new
        self.cuts.append(min(old, new))
        self.days_shorter = max(0, _days(new, old))
        verb = "extended" if new > old else "shortened"
        self.said.append(f"Term {verb} to {day_text(change.last_day)}")

    @_make.register
    def _add_commit(self, change: AddCommit) -> None:
        check_money(change.access, self.contract.currency, "access")
        check_money(change.price, self.contract.currency, "price")
        for key in change.product_keys:
            self._product(key)
        agreed = AgreedCommit(change.name, change.access, change.price, change.product_keys, change.priority)
        self.commits.append((agreed, self.effective_at))
        self.cuts.append(self.effective_at)
        access, price = (amount_text(each, self.contract.currency) for each in (change.access, change.price))
        self.said.append(f"{change.name}: {access} of usage for {price} from {self._day(self.effective_at)}")

    @_make.register
    def _cancel(self, change: Cancel) -> None:
        at, contract = self.effective_at, self.contract
        if not contract.start_at < at <= contract.end_at:
            raise Refused("A contract ends after its first day and not later than agreed.")
        contract.become(Contract.Status.ENDED)
        for line in self._in_force_until(at):
            self._move(line, at if change.credit else self._begun_until(line, at))
        self.days_shorter = max(0, _days(at, contract.end_at))
        contract.end_at = at
        self.cuts.append(at)
        credit = "with" if change.credit else "without"
        self.said.append(f"Contract ends before {self._day(at)}, {credit} credit for what was billed in advance")

    @_make.register
    def _reactivate(self, change: Reactivate) -> None:
        contract, at, new = self.contract, self.effective_at, self._after(change.last_day)
        if at < contract.start_at or new <= max(at, contract.end_at):
            raise Refused("A contract goes on after it ended.")
        contract.become(Contract.Status.ACTIVE)
        for line in self._in_force_until(contract.end_at):
            if line.end_at >= at:
                self._move(line, new)
            else:
                self._add(_copy(line, replaces=line, start_at=at, end_at=new))
        contract.end_at = new
        self.cuts.append(at)
        self.said.append(f"Contract goes on from {self._day(at)} to {day_text(change.last_day)}")

    @_make.register
    def _change_contract(self, change: ChangeContract) -> None:
        for name, value in asdict(change).items():
            if value is not None:
                setattr(self.contract, name, value)
                words = getattr(self.contract, f"get_{name}_display", lambda given=value: given)()
                self.said.append(f"{capfirst(name.replace('_', ' '))}: {words or 'none'}")

    @_make.register
    def _change_package(self, change: ChangePackage) -> None:
        version = self.packages.get((change.package, change.version))
        if version is None or version.number is None:
            raise Refused(f"There is no version {change.version} of a package {change.package}.")
        self.contract.package_version = version
        self.said.append(f"Package: {version}")

    # ------------------------------------------------------------ what they share
    def _must_run(self) -> None:
        if self.contract.status != Contract.Status.ACTIVE:
            raise Refused(f"{self.contract} was ended; reactivate it first.")
        if not self.contract.start_at <= self.effective_at <= self.contract.end_at:
            raise Refused("An amendment takes effect within the term of its contract.")

    def _line(self, key: str) -> ContractLine:
        line = next((each for each in self.lines if str(each.pk) == key), None)
        if line is None:
            raise Refused(f"{self.contract} has no line {key}.")
        if line.end_at <= max(line.start_at, self.effective_at):
            raise Refused(f"{line.product.name} ended before that.")
        term = self._now.get(key)
        if term and not (term.term.cycle_months or term.term.meter) and line.start_at < self.effective_at:
            raise Refused(f"{line.product.name} is charged once; it changes no more.")
        return line

    def _product(self, key: str) -> Product:
        try:
            return self.products[key]
        except KeyError:
            raise Refused(f"There is no product {key}.") from None

    def _pinned(self, pinned: str | None, prices: str, version: RateCardVersion | None) -> dict[str, Any]:
        """How a line is priced: as it was or, with a version, as that says."""
        if pinned is None:
            return {"prices": prices, "pinned_version": version}
        found = self.pins.get(pinned)
        if found is None or found.card.currency != self.contract.currency:
            raise Refused(f"There are no published prices {pinned} in {self.contract.currency}.")
        if self.contract.pinned_version_id == found.pk:
            return {"prices": ContractLine.Prices.CONTRACT, "pinned_version": None}
        return {"prices": ContractLine.Prices.PINNED, "pinned_version": found}

    def _changes_at(self, line: ContractLine, timing: str, waits: bool) -> datetime:
        """When a change of the line takes effect: at once, or with the first cycle that begins from then on."""
        at = max(self.effective_at, line.start_at)
        if timing == NEXT_CYCLE or (timing == POLICY and waits):
            at = self._begun_until(line, at, in_arrears=True)
        if at >= line.end_at:
            raise Refused(f"{line.product.name} ends before its next cycle begins; change it now instead.")
        return at

    def _begun_until(self, line: ContractLine, at: datetime, *, in_arrears: bool = False) -> datetime:
        """The end of the line's cycle that is running then; the instant itself where none is."""
        known = self._now.get(str(line.pk))
        if known is None or not known.term.cycle_months or not (known.term.in_advance or in_arrears):
            return at
        cycle = known.term.cycle_at(at)
        return at if cycle is None or cycle.start == at else cycle.end

    def _comes_to_less(self, old: ContractLine, new: ContractLine) -> bool:
        """Whether the line comes to less a month than it did, at the prices of then; so does whatever is measured."""
        at = max(self.effective_at, old.start_at)
        before, after = (self._monthly(_copy(each, start_at=at, end_at=old.end_at)) for each in (old, new))
        return before is None or after is None or after < before

    def _monthly(self, line: ContractLine) -> Decimal | None:
        known = self.term_of(line)
        return None if known is None or known.term.meter or known.term.is_share else monthly(known.term)

    def _in_force_until(self, at: datetime) -> list[ContractLine]:
        """The lines that last until then or longer, and were in force at all."""
        return [line for line in self.lines if line.end_at >= at and line.start_at < line.end_at]

    def _add(self, line: ContractLine) -> None:
        check_line_money(line, self.contract.currency)
        self.lines.append(line)
        self.added.append(line)
        self.cuts.append(line.start_at)

    def _end(self, line: ContractLine, at: datetime) -> None:
        self._move(line, at)
        self.cuts.append(line.end_at)

    def _move(self, line: ContractLine, end: datetime) -> None:
        line.end_at = max(end, line.start_at)
        if line not in self.added and line not in self.moved:
            self.moved.append(line)

    def _must_not_measure_twice(self) -> None:
        must_not_measure_twice(
            (line.product, Period(line.start_at, line.end_at)) for line in self.lines if line.start_at < line.end_at
        )

    def _after(self, last_day: date) -> datetime:
        return midnight(last_day + timedelta(days=1), self.contract.time_zone)

    def _day(self, instant: datetime) -> str:
        return day_text(local_day(instant, self.contract.time_zone))


def must_not_measure_twice(measured: Iterable[tuple[Product, Period]]) -> None:
    """`Refused` where two lines of one measured product run at once."""
    known: dict[Product, list[Period]] = defaultdict(list)
    for product, period in measured:
        if product.meter_id is None:
            continue
        if any(period.overlap(other) for other in known[product]):
            raise Refused(f"{product.name} is measured: two lines at once would bill the same usage twice.")
        known[product].append(period)


def monthly(term: Term) -> Decimal:
    """What a whole cycle of an agreed quantity comes to a month, at the price in force when the term starts."""
    months = max(term.cycle_months, 1)
    first = replace(term, prices=term.prices[:1], anchor=None, cycle_months=months, in_advance=True, proration="none")
    (line,) = rate([first], _no_usage, first.start)
    return EXACT.divide(line.exact, Decimal(months))


def _no_usage(*_: Any) -> Decimal:
    return ZERO


def _said(given: Decimal | None, before: Decimal) -> Decimal:
    return before if given is None else given


def _copy(line: ContractLine, **fields: Any) -> ContractLine:
    """The same line as another row."""
    same = {name: getattr(line, name) for name in COPIED}
    return ContractLine(**(same | fields))


def _days(start: datetime, end: datetime) -> int:
    return (end - start).days


def _with_quantity(line: ContractLine) -> str:
    name = f"{line.product.name} ({line.label})" if line.label else line.product.name
    return name if line.quantity is None else f"{name}, {quantity_text(line.quantity, line.product.unit)},"


def _difference(old: ContractLine, new: ContractLine) -> str:
    """What the new line has that the old one had not, in words."""
    currency, said = new.contract.currency, []
    if old.product_id != new.product_id:
        said.append(f"becomes {new.product.name}")
    if old.quantity != new.quantity:
        was, now = (ZERO if each.quantity is None else each.quantity for each in (old, new))
        said.append(f"{quantity_text(was, '')} → {quantity_text(now, new.product.unit)}")
    if old.discount_percent != new.discount_percent:
        said.append(f"{percent_text(new.discount_percent)} off")
    if old.discount_amount != new.discount_amount:
        said.append(f"{amount_text(new.discount_amount, currency)} off each cycle")
    if old.minimum != new.minimum:
        said.append("no minimum" if new.minimum is None else f"at least {amount_text(new.minimum, currency)} a cycle")
    if (old.prices, old.pinned_version_id) != (new.prices, new.pinned_version_id):
        said.append(f"prices of {new.pinned_version or 'the contract'}")
    return f"{old.product.name}: {', '.join(said)}"
