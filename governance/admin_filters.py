"""Filters of the admin's lists that more than one app shows."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest


class OpenFirst(admin.SimpleListFilter):
    """By `resolution`: what is still open, unless somebody asks for the rest."""

    title = "state"
    parameter_name = "state"
    open_words: ClassVar[str]
    resolutions: ClassVar[Any]  # the choices of the model's `resolution`

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("", self.open_words), *self.resolutions, ("all", "All")]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows if self.value() == "all" else rows.filter(resolution=self.value() or "")

    def choices(self, changelist: Any) -> Any:
        for value, title in self.lookup_choices:
            yield {
                "selected": (self.value() or "") == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": title,
            }
