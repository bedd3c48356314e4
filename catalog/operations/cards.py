"""The verbs of rate cards: open one for a market, describe it anew."""

from catalog.models import RateCard
from catalog.operations.products import free_key, known_currency
from governance.acts import Act, Refused
from governance.change import change, locked


def create_rate_card(
    *,
    key: str,
    name: str,
    currency: str,
    base: RateCard | None = None,
    region: str = "",
    segment: str = "",
    channel: str = "",
    customer_type: str = "",
    notice_days: int = 0,
    is_public: bool = False,
    act: Act,
) -> RateCard:
    """Open a rate card. It has no prices until a version of it is published.

    With a base its versions hold only what differs; a base has no base itself.
    """
    free_key(RateCard, key)
    known_currency(currency)
    if base is not None and base.base_id is not None:
        raise Refused(f"{base} itself stands on {base.base}; take that for the base.")
    card = RateCard(key=key, name=name, currency=currency, base=base)
    _describe(card, name, region, segment, channel, customer_type, notice_days, is_public)
    with change("rate_card.created", card, act):
        card.save()
    return card


def update_rate_card(
    card: RateCard,
    *,
    name: str,
    region: str = "",
    segment: str = "",
    channel: str = "",
    customer_type: str = "",
    notice_days: int = 0,
    is_public: bool = False,
    act: Act,
) -> RateCard:
    """Describe a card and its market anew; its key, currency and base stay."""
    with change("rate_card.updated", card, act):
        card = locked(card)
        _describe(card, name, region, segment, channel, customer_type, notice_days, is_public)
        card.save()
    return card


def _describe(
    card: RateCard,
    name: str,
    region: str,
    segment: str,
    channel: str,
    customer_type: str,
    notice_days: int,
    is_public: bool,
) -> None:
    if notice_days < 0:
        raise Refused("Notice is given a number of days ahead, not behind.")
    card.name, card.region, card.segment = name, region, segment
    card.channel, card.customer_type = channel, customer_type
    card.notice_days, card.is_public = notice_days, is_public
