"""Writing down the parts of a contract: its lines, the prices of it alone, its commits."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from catalog.models import Product
from contracts.checks import check_access, check_money, checked
from contracts.commits import grant
from contracts.models import Commit, CommitInstalment, CommitRule, Contract, ContractLine, Override, ScheduledCharge
from contracts.scheduled import AgreedCharge
from contracts.terms import AgreedAccess, AgreedCommit, AgreedLine, AgreedPrice, AgreedRule
from governance.acts import Act, Refused
from governance.change import change
from pricing.charges import PerUnit
from pricing.money import ONE, ZERO, plain
from pricing.overriding import in_tiers
from pricing.periods import Period, midnight

# What a rule hands to the commits it makes, and both take from what was agreed; and what a rule has besides.
ACCESS = (
    "name", "access_amount", "price", "product_keys", "priority", "kind", "unit", "worth", "product_tags", "is_gated",
    "rollover_percent", "rollover_limit", "rollover_months",
)  # fmt: skip
RULE = ("cycle_months", "lasts_months", "per_seat_of", "threshold", "monthly_limit")


def write_line(contract: Contract, line: AgreedLine, position: int) -> ContractLine:
    """A line of the contract, for the days it names. `Refused` if they do not lie within the contract."""
    period = _days_of(line, line.product.name, contract)
    row = checked(
        ContractLine(
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
            price_factor=line.price_factor,
            invoice_group=line.invoice_group,
            start_at=period.start,
            end_at=period.end,
        )
    )
    row.save()
    return row


def write_override(contract: Contract, price: AgreedPrice, act: Act) -> Override:
    """A price of the contract alone. `Refused` unless it is one kind of price for one target."""
    _must_be_one_price(price)
    row = Override(
        contract=contract,
        product=price.product,
        product_tags=list(price.product_tags),
        dimensions=dict(price.dimensions),
        charge=price.charge,
        multiplier=price.multiplier,
        tiers=[
            {"up_to": None if up_to is None else plain(up_to), "multiplier": plain(by)} for up_to, by in price.tiers
        ],
        priority=price.priority,
        start_at=price.start_at or contract.start_at,
        end_at=price.end_at,
        agreed_at=price.agreed_at or act.at,
    )
    checked(row).save()
    return row


def write_charge(contract: Contract, agreed: AgreedCharge) -> ScheduledCharge:
    """A charge or a milestone of the contract. `Refused` if its day is not within the contract."""
    check_money(agreed.amount, contract.currency, "charge")
    if not agreed.amount:
        raise Refused(f"{agreed.name} has an amount.")
    due = midnight(agreed.due_on, contract.time_zone)
    if not contract.start_at <= due < contract.end_at:
        raise Refused(f"{agreed.name} is due within the contract.")
    if agreed.until_on and (agreed.is_milestone or agreed.until_on < agreed.due_on):
        raise Refused(f"{agreed.name} is earned from its day on, a milestone when it is accepted.")
    row = ScheduledCharge(
        contract=contract,
        product=agreed.product,
        name=agreed.name,
        amount=agreed.amount,
        due_at=due,
        until_at=agreed.until_on and midnight(agreed.until_on + timedelta(days=1), contract.time_zone),
        is_milestone=agreed.is_milestone,
    )
    checked(row).save()
    return row


def write_commit(contract: Contract, agreed: AgreedCommit, act: Act, *, start_at: datetime | None = None) -> Commit:
    """A commit with its instalments, from its first day unless said. Granted, unless it waits for its payment.

    `Refused` if it makes no sense, or does not lie within the contract.
    """
    check_access(agreed, contract.currency)
    _must_know_tags(agreed)
    period = _days_of(agreed, agreed.name, contract)
    start = start_at or period.start
    commit = checked(Commit(contract=contract, **_access(agreed), start_at=start, end_at=period.end))
    return _granted(commit, _instalments(agreed, commit), act)


def write_rule(contract: Contract, agreed: AgreedRule) -> CommitRule:
    """What makes commits as long as the contract lasts. It makes none yet."""
    rule = CommitRule(
        contract=contract,
        **_access(agreed),
        when=CommitRule.When.EVERY_CYCLE if agreed.threshold is None else CommitRule.When.BELOW_THRESHOLD,
        start_at=contract.start_at,
        end_at=contract.end_at,
        **{name: getattr(agreed, name) for name in RULE},
    )
    checked(rule).save()
    return rule


def write_made(
    rule: CommitRule, number: int, period: Period, access: Decimal, price: Decimal, invoice_at: datetime, act: Act
) -> Commit:
    """The commit that a rule makes: on its terms, so many units of it for so much, invoiced at an instant."""
    terms = {name: getattr(rule, name) for name in ACCESS} | {"access_amount": access, "price": price}
    commit = Commit(contract=rule.contract, rule=rule, number=number, **terms, start_at=period.start, end_at=period.end)
    instalment = CommitInstalment(commit=commit, number=1, amount=price, invoice_at=invoice_at)
    return _granted(commit, [instalment] if price else [], act.saying(f"{rule.name}, as agreed"))


def _access(agreed: AgreedAccess) -> dict[str, Any]:
    return {name: list(value) if isinstance(value := getattr(agreed, name), tuple) else value for name in ACCESS}


def _granted(commit: Commit, instalments: list[CommitInstalment], act: Act) -> Commit:
    waits = commit.is_gated and commit.price
    with change("commit.agreed" if waits else "commit.granted", commit, act) as row:
        commit.save()
        CommitInstalment.objects.bulk_create(instalments)
        if not waits:
            grant(commit, act=act, change=row)
    return commit


def measured_days(lines: Iterable[AgreedLine], contract: Contract) -> Iterator[tuple[Product, Period]]:
    """Each product with the time it is agreed for."""
    return ((line.product, _days_of(line, line.product.name, contract)) for line in lines)


def _must_know_tags(agreed: AgreedAccess) -> None:
    if agreed.product_tags:
        known = {tag for tags in Product.objects.values_list("tags", flat=True) for tag in tags}
        if unknown := sorted(set(agreed.product_tags) - known):
            raise Refused(f"No product has the tag {unknown[0]}, which {agreed.name} names.")


def _days_of(part: AgreedLine | AgreedCommit, name: str, contract: Contract) -> Period:
    """From its first day to the day after its last, local to the contract; those of the contract where not said."""
    start = midnight(part.start_on, contract.time_zone) if part.start_on else contract.start_at
    end = midnight(part.end_on, contract.time_zone) if part.end_on else contract.end_at
    if not contract.start_at <= start < end <= contract.end_at:
        raise Refused(f"{name} starts before it ends, and both within the contract.")
    return Period(start, end)


def _must_be_one_price(price: AgreedPrice) -> None:
    kinds = (price.charge is not None, price.multiplier is not None, bool(price.tiers))
    if price.start_at and price.end_at and price.end_at <= price.start_at:
        raise Refused("A price of the contract alone ends after it starts.")
    if sum(kinds) != 1:
        raise Refused("A price of the contract alone is a price, a multiplier or multipliers by tier: one of them.")
    if price.product is not None and price.product_tags:
        raise Refused("A price of the contract alone is for a product or for tags, not for both.")
    if price.dimensions and (price.product is None or price.product.meter_id is None):
        raise Refused("A price for some values only names a measured product.")
    if any(each.multiplier < 0 for each in price.tiers) or (price.multiplier or ZERO) < 0:
        raise Refused("Nothing is multiplied by less than nothing.")
    if price.tiers:
        try:
            in_tiers(PerUnit(ONE), price.tiers)
        except ValueError as error:
            raise Refused(f"These tiers cannot be agreed: {error}.") from error


def _instalments(agreed: AgreedCommit, commit: Commit) -> list[CommitInstalment]:
    """When its price is invoiced: all of it at the start unless instalments were agreed, which must come to it."""
    if agreed.is_gated and len(agreed.instalments) > 1:
        raise Refused(f"{agreed.name} waits for its payment, so it is paid at once.")
    if not agreed.instalments and not agreed.price:
        return []
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
