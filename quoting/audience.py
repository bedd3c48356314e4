"""Which quotes stand behind prices: what the catalog, which stands below, asks of quoting."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse

from catalog import audience, uses
from catalog.audience import SHOWN, Group, Party, Question
from catalog.models import Product
from governance.doors import may, visible
from quoting.models import QuoteVersion

VIEW = "quoting.view_quote"
OPEN = (
    QuoteVersion.Status.DRAFT,
    QuoteVersion.Status.IN_REVIEW,
    QuoteVersion.Status.APPROVED,
    QuoteVersion.Status.SENT,
)


def register() -> None:
    """Answer the catalog's questions from now on."""
    audience.register(groups_of)
    uses.register(uses_of)


def open_versions() -> QuerySet[QuoteVersion]:
    """Offers that are not decided: of a quote at most one."""
    return QuoteVersion.objects.filter(status__in=OPEN)


def open_on(key: UUID) -> QuerySet[QuoteVersion]:
    """Open offers on a card or on one of its versions, by the id of either."""
    on_card = open_versions().filter(rate_card_version__card=key)
    return on_card | open_versions().filter(rate_card_version=key)


def open_with(product: UUID) -> QuerySet[QuoteVersion]:
    """Open offers of the product with this id."""
    return open_versions().filter(lines__product=product).distinct()


def groups_of(question: Question) -> list[Group]:
    """The open quotes on a card or version, as far as this person may see them."""
    if not may(question.user, VIEW):
        return []
    subject = question.version or question.card
    found = visible(open_on(subject.pk), question.user).select_related("quote__customer")
    parties = [
        Party(
            version.quote.number,
            reverse("admin:quoting_quote_change", args=[version.quote_id]),
            version.quote.customer.name,
            None,
            f"{version.get_status_display().lower().replace('_', ' ')}, "
            f"{'will follow the card' if version.follows_card else 'will pin its prices'}",
        )
        for version in found.order_by("-quote__number")[:SHOWN]
    ]
    url = f"{reverse('admin:quoting_quote_changelist')}?prices={subject.pk}"
    return [Group("open quotes", found.count(), url, tuple(parties))]


def uses_of(product: Product, user: Any) -> uses.Kind:
    """The quotes that offer a product: for a person the open ones, for nobody all that ever did."""
    url = f"{reverse('admin:quoting_quote_changelist')}?offers={product.pk}"
    if user is None:
        versions = QuoteVersion.objects.filter(lines__product=product).distinct()
    elif may(user, VIEW):
        versions = visible(open_with(product.pk), user)
    else:
        versions = QuoteVersion.objects.none()
    quotes = {version.quote_id: version.quote for version in versions.select_related("quote__customer")}
    return uses.Kind(
        "Open quotes" if user is not None else "Quotes",
        [
            uses.Use(f"quote {quote.number} for {quote.customer}", reverse("admin:quoting_quote_change", args=[key]))
            for key, quote in quotes.items()
        ],
        url,
    )
