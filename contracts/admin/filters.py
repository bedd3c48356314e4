"""Filters: of contracts by the prices and products behind them (the catalog's figures lead here), by custom fields."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from catalog.models import Product, RateCard, RateCardVersion
from contracts.audience import followers_of, following, pinning, selling
from contracts.custom_fields import Type, defined, held
from contracts.models import Contract, Customer, CustomField, Package
from governance import clock
from governance.doors import belonging, visible


class ByKey(admin.SimpleListFilter):
    """A filter whose value is the id of a card, version or product. What is not one finds nothing."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        if not self.value():
            return queryset
        try:
            key = UUID(str(self.value()))
        except ValueError:
            return queryset.none()
        return queryset.filter(pk__in=self.found(key))

    def found(self, key: UUID) -> Any:
        """The ids of what fits."""
        raise NotImplementedError


class OfCustomerFilter(ByKey):
    """What belongs to a customer, whoever pays. There is no list to choose from: pages of customers lead here."""

    title, parameter_name = "customer", "of"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        key = self.value()
        try:
            customer = visible(Customer.objects.filter(pk=UUID(str(key))), request.user).first() if key else None
        except ValueError:
            customer = None
        return [(str(customer.pk), customer.name)] if customer else [("", "Any")] if key else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        try:
            return queryset.filter(belonging(queryset.model, [UUID(str(self.value()))])) if self.value() else queryset
        except ValueError:
            return queryset.none()


class FollowsFilter(ByKey):
    """Running and coming contracts that follow a card; with a version's id those that see it now."""

    title, parameter_name = "follows", "follows"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(card.pk), card.name) for card in RateCard.objects.all()]

    def found(self, key: UUID) -> Any:
        version = RateCardVersion.objects.filter(pk=key).select_related("card").first()
        if version:
            return followers_of(version, clock.now())
        card = RateCard.objects.filter(pk=key).first()
        return following(card, clock.now()).values("pk") if card else []


class PinsFilter(ByKey):
    """Running and coming contracts that pinned a version of a card, or this version."""

    title, parameter_name = "pins a version of", "pins"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(card.pk), card.name) for card in RateCard.objects.all()]

    def found(self, key: UUID) -> Any:
        version = RateCardVersion.objects.filter(pk=key).first()
        card = RateCard.objects.filter(pk=key).first()
        return pinning(clock.now(), card=card, version=version).values("pk") if version or card else []


class SellsFilter(ByKey):
    """Contracts with a line of a product."""

    title, parameter_name = "product", "sells"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(product.pk), product.name) for product in Product.objects.all()]

    def found(self, key: UUID) -> Any:
        return selling(key).values("pk")


def custom_filters(about: str) -> list[type[admin.SimpleListFilter]]:
    """A filter for each custom field that has few values: a choice, or yes and no."""
    return [_custom_filter(field) for field in defined(about) if field.type in (Type.CHOICE, Type.YES_NO)]


def _custom_filter(field: CustomField) -> type[admin.SimpleListFilter]:
    options = field.choices or ["yes", "no"]

    class CustomFilter(admin.SimpleListFilter):
        title, parameter_name = field.name.lower(), f"custom_{field.key}"

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return [(each, each) for each in options]

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            if self.value() not in options:
                return queryset
            return queryset.filter(custom__contains={field.key: held(field, self.value())})

    return CustomFilter


class PackageFilter(ByKey):
    """Contracts signed from a package, or from this version of it."""

    title, parameter_name = "package", "package"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(package.pk), package.name) for package in Package.objects.all()]

    def found(self, key: UUID) -> Any:
        signed = Contract.objects.filter(Q(package_version__package=key) | Q(package_version=key))
        return signed.values("pk")
