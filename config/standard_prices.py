"""The rate card "Standard USD" that the demo company, the journey and the tests sell from."""

from decimal import Decimal

from catalog import operations as catalog
from catalog.models import Product, RateCard, RateCardVersion
from governance.acts import Act
from metering.meters import defining as metering
from pricing.charges import Flat, Graduated, PerUnit, Tier

MILLION = Decimal(1_000_000)


def standard_products(act: Act) -> dict[str, Product]:
    """Input and output tokens measured by two meters, and a platform fee."""
    products = {}
    for name in ("Input tokens", "Output tokens"):
        key = name.lower().replace(" ", "-")
        meter = metering.define_meter(
            key=key,
            name=name,
            event_type="llm.request",
            aggregation="sum",
            property=key.replace("-", "_"),
            unit="token",
            act=act,
        )
        products[key] = catalog.create_product(
            key=key, name=name, kind="usage", meter=meter, unit="token", revenue_account="4000", act=act
        )
    products["platform-fee"] = catalog.create_product(
        key="platform-fee", name="Platform fee", kind="recurring", unit="month", revenue_account="4100", act=act
    )
    return products


def standard_prices(card: RateCard, products: dict[str, Product], *, act: Act) -> RateCardVersion:
    """A draft with the launch prices in dollars."""
    draft = catalog.draft_version(card, note="Launch prices", act=act)
    tiers = (Tier(10 * MILLION, Decimal("2.50")), Tier(None, Decimal("2.00")))
    catalog.set_rate(draft, products["input-tokens"], Graduated(tiers, per=MILLION), act=act)
    catalog.set_rate(draft, products["output-tokens"], PerUnit(Decimal("10.00"), per=MILLION), act=act)
    catalog.set_rate(draft, products["platform-fee"], Flat(Decimal("20.00")), act=act)
    return draft
