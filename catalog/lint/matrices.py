"""Rules about prices by property: what is used, or could be, and has no cell."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice, product
from math import prod

from catalog.candidates import Candidate
from catalog.lint.registry import Severity, rule
from catalog.lint.walk import counted, each_charge, listed
from metering.queries import values_seen
from pricing.charges import Charge, Matrix
from pricing.periods import Period

Found = Iterable[tuple[str, str]]
Values = tuple[str | None, ...]
SEEN_DAYS = 90
MOST_COMBINATIONS = 10_000


@rule("used_without_price", Severity.ERROR, f"usage of the last {SEEN_DAYS} days that no cell of a matrix prices")
def used_without_price(candidate: Candidate) -> Found:
    asked = {}
    for pk, offer in candidate.after.items():
        meter = candidate.products[pk].meter
        if meter is not None and _may_miss(offer.charge):
            asked[pk] = (meter, offer.charge.split.by)
    last_days = Period(candidate.at - timedelta(days=SEEN_DAYS), candidate.at)
    seen = values_seen(set(asked.values()), last_days)
    for pk, question in asked.items():
        charge, (_, by) = candidate.after[pk].charge, question
        missing = {values: times for values, times in seen[question].items() if not _prices(charge, values)}
        if missing:
            most = sorted(missing, key=lambda values: (-missing[values], _words(by, values)))
            yield (
                candidate.products[pk].name,
                (
                    f"No cell prices {counted(sum(missing.values()), 'event')} of the last {SEEN_DAYS} days: "
                    f"{listed([_words(by, values) for values in most])}. Add cells for them, or a default."
                ),
            )


@rule("missing_cell", Severity.WARNING, "combinations of a matrix's values that no cell prices")
def missing_cell(candidate: Candidate) -> Found:
    for pk, offer in candidate.sheet.offers.items():
        if not _may_miss(offer.charge):
            continue
        by = offer.charge.split.by
        missing = [values for values in _combinations(offer.charge) if not _prices(offer.charge, values)]
        if missing:
            yield (
                candidate.products[pk].name,
                (
                    f"No cell prices {counted(len(missing), 'combination')} of its values: "
                    f"{listed([_words(by, values) for values in missing])}. Add cells for them, or a default."
                ),
            )


def _may_miss(charge: Charge) -> bool:
    return any(isinstance(each, Matrix) and each.default is None for each in each_charge(charge))


def _prices(charge: Charge, values: Values) -> bool:
    return charge.prices(dict(zip(charge.split.by, values, strict=True)))


def _combinations(charge: Charge) -> Iterator[Values]:
    """Every combination of the values that its cells name; of very many the first."""
    named: dict[str, dict[str | None, None]] = {name: {} for name in charge.split.by}
    for each in each_charge(charge):
        if isinstance(each, Matrix):
            for cell in each.cells:
                for name, value in zip(each.by, cell.values, strict=True):
                    if value is not None:
                        named[name][value] = None
    choices = [list(values) or [None] for values in named.values()]
    if prod(len(each) for each in choices) == 1:
        return iter(())
    return islice(product(*choices), MOST_COMBINATIONS)


def _words(by: tuple[str, ...], values: Values) -> str:
    pairs = zip(by, values, strict=True)
    return " with ".join(f"{name} {value}" if value is not None else f"no {name}" for name, value in pairs)
