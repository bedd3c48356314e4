"""Lists of the API: how long a page is, who sees what, and custom fields as filters."""

from typing import Any

from django.db.models import Q, QuerySet
from rest_framework import pagination
from rest_framework.request import Request

from contracts.custom_fields import defined, merged
from governance.doors import visible


class Pages(pagination.LimitOffsetPagination):
    """`?limit=` (100 unless given, at most 1,000) and `?offset=`."""

    default_limit = 100
    max_limit = 1_000


def within_sight(rows: QuerySet[Any], request: Request) -> QuerySet[Any]:
    """A system key sees what its scope names; a person sees the customers they serve."""
    return rows if hasattr(request, "system_key") else visible(rows, request.user)


def having(about: str, request: Request) -> Q:
    """Those whose custom fields have the values of `?custom.KEY=`. `Refused` for a field or a value there cannot be."""
    asked = {
        name.removeprefix("custom."): value
        for name, value in request.query_params.items()
        if name.startswith("custom.")
    }
    return Q(custom__contains=merged(defined(about), {}, asked)) if asked else Q()
