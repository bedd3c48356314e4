"""Rules about what products grant."""

from collections.abc import Iterable

from catalog.candidates import Candidate
from catalog.lint.registry import Severity, rule
from catalog.models import Feature, FeatureGrant, Product
from pricing.money import parse

Found = Iterable[tuple[str, str]]
Kind = Feature.Kind


@rule("grant_without_value", Severity.WARNING, "limits, allowances and settings granted without saying how much")
def grant_without_value(candidate: Candidate) -> Found:
    for grant, product in _grants(candidate):
        if grant.feature.kind != Kind.BOOLEAN and not grant.value:
            yield product.name, f"It grants {grant.feature} without a value, so nobody gets any. Say how much."
        elif grant.feature.kind in (Kind.LIMIT, Kind.METERED) and not _is_number(grant.value):
            yield product.name, f"It grants {grant.value!r} of {grant.feature}, which is no number. Say how much."


@rule("allowance_without_meter", Severity.WARNING, "metered features of products that nothing is measured for")
def allowance_without_meter(candidate: Candidate) -> Found:
    for grant, product in _grants(candidate):
        if grant.feature.kind == Kind.METERED and product.meter is None:
            yield (
                product.name,
                (
                    f"It grants {grant.feature}, a metered allowance, but has no meter, so it never runs out. Grant it "
                    "by a usage product, or make it a limit."
                ),
            )


def _grants(candidate: Candidate) -> list[tuple[FeatureGrant, Product]]:
    grants = FeatureGrant.objects.filter(product__in=list(candidate.after)).select_related("feature")
    return [(grant, candidate.products[grant.product_id]) for grant in grants]


def _is_number(text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True
