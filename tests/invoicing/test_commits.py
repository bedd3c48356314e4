"""Commits of every kind on invoices: credits in units, rates of their own, commitments and what is left of them."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from catalog.models import Product
from contracts.models import CommitEntry, Contract
from contracts.terms import AgreedCommit
from governance.change import change
from invoicing import operations
from invoicing.models import Invoice
from invoicing.presentation import presented
from tests.invoicing import books
from tests.invoicing.books import FEB_2, MAR, MAR_2, act, bill, use
from tests.refusals import refused

D = Decimal
Sign = Callable[..., Contract]
CENT = D("0.01")


@pytest.fixture
def sign(version, contoso, legal_entity) -> Sign:
    """January alone, with these commits; used as expected: $38.25 in, $34.00 out, and the fee of $20.00."""

    def signed(*commits: AgreedCommit, months: int = 1) -> Contract:
        contract = books.sign(version, contoso, legal_entity, months=months, commits=commits)
        use(contoso)
        return contract

    return signed


def lines(invoice: Invoice) -> list[tuple[str, Decimal, Decimal]]:
    """Description, quantity, amount: of what is not plain usage or the fee."""
    return [(each.description, each.quantity, each.amount) for each in invoice.lines.exclude(commit=None)]


def entries(name: str = "Commitment") -> list[tuple[str, Decimal, Decimal]]:
    rows = CommitEntry.objects.filter(commit__name=name).order_by("id")
    return list(rows.values_list("kind", "amount", "balance_after"))


def test_promotional_credits_in_units_pay_before_what_was_paid_for(sign: Sign) -> None:
    sign(
        AgreedCommit("Prepaid usage", D(40), D(36)),
        AgreedCommit("Welcome credits", D(5000), D(0), kind="credit", unit="credit", worth=CENT),
    )
    month = next(each for each in bill() if each.kind == "period")
    assert lines(month) == [
        ("Drawn from Welcome credits", D(5000), D("-50.00")),
        ("Drawn from Prepaid usage", D("22.25"), D("-22.25")),
    ]
    assert (month.drawn, month.total) == (D("-72.25"), D("20.00"))
    assert entries("Welcome credits") == [("grant", D(5000), D(5000)), ("draw", D(-5000), D(0))]
    assert entries("Prepaid usage") == [
        ("grant", D(40), D(40)),
        ("draw", D("-22.25"), D("17.75")),
        ("expiry", D("-17.75"), D(0)),  # the contract is over and billed
    ]
    assert [(each.description, each.quantity, each.amount) for each in presented(month).drawn] == [
        ("Drawn from Welcome credits", "5,000 credits, 0 credits left", "−$50.00"),
        ("Drawn from Prepaid usage", "$17.75 left", "−$22.25"),
    ]


def test_rates_are_lower_while_a_commit_lasts_and_the_lists_after_it(sign: Sign) -> None:
    """A fifth below the list: $40 of it pay for $50 of usage, and the other $22.25 cost what they cost."""
    sign(AgreedCommit("Committed rates", D(40), D(40), worth=D("1.25")))
    month = next(each for each in bill() if each.kind == "period")
    assert lines(month) == [("Drawn from Committed rates", D(40), D("-50.00"))]
    assert month.total == D("42.25")


def test_what_was_committed_and_not_used_is_billed_at_the_end(sign: Sign) -> None:
    sign(AgreedCommit("Commitment", D(100), D(0), kind="postpaid"))
    (month,) = bill()
    assert lines(month) == [
        ("Commitment: committed and not used", D("27.75"), D("27.75")),
        ("Counted towards Commitment", D("72.25"), D(0)),
    ]
    assert (month.subtotal, month.drawn, month.total) == (D("120.00"), D(0), D("120.00"))
    assert entries() == [
        ("grant", D(100), D(100)),
        ("draw", D("-72.25"), D("27.75")),
        ("true_up", D("-27.75"), D(0)),
    ]
    (counted,) = presented(month).drawn
    assert counted.workings == [("Output tokens", "$34.00"), ("Input tokens", "$38.25")]
    assert bill(MAR_2) == []


def test_late_usage_takes_from_what_was_billed_as_not_used(sign: Sign, contoso) -> None:
    sign(AgreedCommit("Commitment", D(100), D(0), kind="postpaid"))
    bill()
    use(contoso, 1_000_000, 0)
    (late,) = bill(MAR)
    assert lines(late) == [
        ("Commitment: committed and not used", D("-1.70"), D("-1.70")),
        ("Counted towards Commitment", D("1.70"), D(0)),
    ]
    assert (late.total, late.status) == (D(0), "paid")
    assert entries()[3:] == [("return", D("1.70"), D("1.70")), ("draw", D("-1.70"), D(0))]

    use(contoso, -20_000_000, 0)
    (fewer,) = bill(MAR_2)
    assert lines(fewer) == [
        ("Commitment: committed and not used", D("37.82"), D("37.82")),
        ("No longer counted towards Commitment", D("-37.82"), D(0)),
    ]
    assert fewer.total == D(0)
    assert entries()[5:] == [("return", D("37.82"), D("37.82")), ("true_up", D("-37.82"), D(0))]


def test_usage_beyond_a_commitment_leaves_nothing_to_bill(sign: Sign) -> None:
    sign(AgreedCommit("Commitment", D(50), D(0), kind="postpaid"))
    (month,) = bill()
    assert lines(month) == [("Counted towards Commitment", D(50), D(0))]
    assert month.total == D("92.25")


def test_a_void_takes_back_what_was_billed_as_not_used(sign: Sign) -> None:
    sign(AgreedCommit("Commitment", D(100), D(0), kind="postpaid"))
    (month,) = bill()
    operations.void_invoice(month, act=act("Wrong address"))
    assert entries()[3:] == [("return", D("72.25"), D("72.25")), ("return", D("27.75"), D(100))]
    (again,) = bill()
    assert (again.total, entries()[-1]) == (D("120.00"), ("true_up", D("-27.75"), D(0)))


def test_a_commitment_that_ends_within_a_month_waits_for_the_usage_of_that_month(sign: Sign) -> None:
    sign(
        AgreedCommit("Commitment", D(100), D(0), kind="postpaid", end_on=date(2026, 1, 11)),
        months=2,
    )
    assert bill(FEB_2.replace(day=1, month=1)) == []
    drafts = bill(FEB_2.replace(day=20, month=1))
    assert drafts == []
    (month,) = bill()
    assert lines(month) == [
        ("Commitment: committed and not used", D("27.75"), D("27.75")),
        ("Counted towards Commitment", D("72.25"), D(0)),
    ]


def test_prepaid_and_given_pay_before_a_commitment_counts(sign: Sign) -> None:
    sign(
        AgreedCommit("Commitment", D(100), D(0), kind="postpaid", priority=1),
        AgreedCommit("Prepaid usage", D(40), D(36), priority=9),
    )
    month = next(each for each in bill() if each.kind == "period")
    assert lines(month) == [
        ("Commitment: committed and not used", D("67.75"), D("67.75")),
        ("Drawn from Prepaid usage", D(40), D("-40.00")),
        ("Counted towards Commitment", D("32.25"), D(0)),
    ]
    assert month.total == D("120.00")


@pytest.mark.parametrize(
    ("commit", "why"),
    [
        (AgreedCommit("C", D(100), D(90), kind="postpaid"), "C is postpaid: it has no price"),
        (AgreedCommit("C", D("0.5"), D(0), kind="postpaid", worth=CENT), "commitment must be an amount with at most 2"),
        (
            AgreedCommit("C", D("1.5"), D(1), unit="credit", worth=D(0)),
            "is worth more than nothing and at most 100,000",
        ),
        (AgreedCommit("C", D(0), D(1), unit="credit"), "access of C must be a number above zero"),
        (AgreedCommit("C", D("0.0000000001"), D(1), unit="credit"), "at most 9 decimals"),
        (AgreedCommit("C", D(1), D(1), product_tags=("models",)), "No product has the tag models, which C names"),
        (AgreedCommit("C", D(1), D(1), start_on=date(2025, 12, 1)), "C starts before it ends, and both within"),
    ],
)
def test_a_commit_that_makes_no_sense_is_not_signed(sign: Sign, commit: AgreedCommit, why: str) -> None:
    with refused(why):
        sign(commit)
    assert (Contract.objects.count(), CommitEntry.objects.count()) == (0, 0)


def test_a_tag_says_what_a_commit_pays_for(sign: Sign) -> None:
    output = Product.objects.get(key="output-tokens")
    with change("product.edited", output, act("Grouped")):
        output.tags = ["models"]
        output.save()
    sign(AgreedCommit("Prepaid usage", D(100), D(90), product_tags=("models",)))
    month = next(each for each in bill() if each.kind == "period")
    assert lines(month) == [("Drawn from Prepaid usage", D(34), D("-34.00"))]
