"""Filters of the list of quotes by the prices and products offered; the catalog's figures lead here."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest

from catalog.models import Product, RateCard
from contracts.admin.filters import ByKey
from quoting.audience import open_on, open_with


class PricesFilter(ByKey):
    """Open quotes on a card, or on the version with this id."""

    title, parameter_name = "open, on rate card", "prices"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(card.pk), card.name) for card in RateCard.objects.all()]

    def found(self, key: UUID) -> QuerySet[Any]:
        return open_on(key).values("quote")


class OffersFilter(ByKey):
    """Open quotes that offer a product."""

    title, parameter_name = "open, with product", "offers"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(product.pk), product.name) for product in Product.objects.all()]

    def found(self, key: UUID) -> QuerySet[Any]:
        return open_with(key).values("quote")
