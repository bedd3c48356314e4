"""The verb of a new price: what is measured, what is sold and what it costs, in one go."""

from dataclasses import dataclass
from typing import Any

from catalog.editions import Offer
from catalog.models import Product, Rate, RateCardVersion
from catalog.operations.products import create_product
from catalog.operations.rates import set_rate
from governance.acts import Act
from governance.change import change
from metering.meters.defining import define_meter
from metering.models import Meter


@dataclass(frozen=True, slots=True)
class NewMeter:
    """What is to be counted: events of this type, one by one or by a property."""

    event_type: str
    aggregation: str
    property: str = ""


def price_new_product(
    draft: RateCardVersion,
    offer: Offer,
    *,
    key: str,
    name: str,
    kind: str,
    unit: str,
    meter: Meter | NewMeter | None = None,
    act: Act,
) -> Rate:
    """Put a product up for sale and price it in a draft, with a meter of its own where one is asked for.

    All or nothing; each of them is `Refused` as it would be by itself. A new meter takes the key of the product.
    """
    described: dict[str, Any] = {"key": key, "name": name, "unit": unit, "act": act}
    with change("rate_card.product_launched", draft, act):
        if isinstance(meter, NewMeter):
            meter = define_meter(
                event_type=meter.event_type, aggregation=meter.aggregation, property=meter.property, **described
            )
        product: Product = create_product(kind=kind, meter=meter, **described)
        charge, cycle_months, in_advance = offer
        return set_rate(draft, product, charge, cycle_months=cycle_months, in_advance=in_advance, act=act)
