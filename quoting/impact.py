"""Which open offers a price change touches: what the catalog, which stands below, asks of quoting."""

from catalog.candidates import Candidate
from catalog.impact import OpenQuote, register_quotes
from quoting.audience import open_versions


def register() -> None:
    """Answer the catalog's question about open quotes from now on."""
    register_quotes(open_quotes)


def open_quotes(candidate: Candidate) -> list[OpenQuote]:
    """The offers not decided yet on the candidate's card, or on one based on it; one query."""
    found = open_versions().filter(rate_card_version__card__in=candidate.cards)
    return [
        OpenQuote(
            version=version.pk,
            text=str(version),
            customer=version.quote.customer.name,
            status=version.get_status_display().lower(),
            is_pinned=not version.follows_card,
        )
        for version in found.select_related("quote__customer", "quote__renews").order_by("quote__number")
    ]
