"""What every door shares: who is asking, and whether they may. Deny unless granted."""

from functools import reduce
from operator import or_
from typing import Any, TypeVar

from django.db import models
from guardian.shortcuts import get_objects_for_user
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView
from rest_framework_api_key.permissions import KeyParser

from governance import clock, keys
from governance.acts import Act
from governance.entities import Entity

M = TypeVar("M", bound=models.Model)

SEE_EVERY_CUSTOMER = "governance.see_every_customer"
SERVE_CUSTOMER = "contracts.serve_customer"


def visible(rows: models.QuerySet[M], user: Any) -> models.QuerySet[M]:
    """The rows this person may know of: all, those of the customers they serve, or those they asked for."""
    paths, asker = getattr(rows.model, "customer_path", ()), getattr(rows.model, "asker_path", "")
    if not (paths or asker) or user.has_perm(SEE_EVERY_CUSTOMER):
        return rows
    if asker:
        return rows.filter(**{asker: user})
    served: models.QuerySet[Any] = get_objects_for_user(user, SERVE_CUSTOMER, accept_global_perms=False)
    return rows.filter(belonging(rows.model, served.values("pk")))


def belonging(model: type[models.Model], customers: Any) -> models.Q:
    """Rows of a table with a `customer_path` that belong to one of these customers."""
    paths = model.customer_path  # type: ignore[attr-defined]
    each = [models.Q(**{f"{path}__in": customers}) for path in ([paths] if isinstance(paths, str) else paths)]
    return reduce(or_, each)


def may(user: Any, permission: str, thing: models.Model | None = None) -> bool:
    """Whether this person holds `permission` (app.codename), for `thing` if one is given."""
    if not (user and user.is_active and user.has_perm(permission)):
        return False
    if not isinstance(thing, Entity):
        return True
    return visible(type(thing)._default_manager.filter(pk=thing.pk), user).exists()


def act_of(request: Any, because: str) -> Act:
    """The act of whoever sent this request: a signed-in person, or a system by its key."""
    key = getattr(request, "system_key", None)
    if key is not None:
        return Act(None, f"key {key.name}", because, clock.now())
    return Act.of_user(request.user, because)


class HasScope(BasePermission):
    """A system key (`Authorization: Api-Key …`) with `required_scope`, or a person with `required_permission`."""

    message = "Send `Authorization: Api-Key <key>` with a key that holds the scope this call needs."

    def has_permission(self, request: Request, view: APIView) -> bool:
        text = KeyParser().get(request)
        if text:
            return self._key_allows(request, view, text)
        permission = getattr(view, "required_permission", None)
        return bool(permission and request.user.is_authenticated and may(request.user, permission))

    def _key_allows(self, request: Request, view: APIView, text: str) -> bool:
        key = keys.usable(text)
        if key is None or view.required_scope not in key.scopes:  # type: ignore[attr-defined]
            return False
        keys.note_use(key)
        request.system_key = key  # type: ignore[attr-defined]
        return True
