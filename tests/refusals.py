"""A refusal changes nothing: one context that expects the sentence and compares every table before and after."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.apps import apps

from governance.acts import Refused

WATCHED = ("governance", "catalog", "contracts", "quoting")


@contextmanager
def refused(match: str, error: type[Exception] = Refused) -> Iterator[None]:
    """Expects `error` with this in its sentence, and that no row was written, changed or deleted meanwhile."""
    before = everything()
    with pytest.raises(error, match=match):
        yield
    assert everything() == before


def everything(*watched: str) -> dict[str, list[str]]:
    """Every row of these apps (or those usually watched), histories included, as text."""
    return {
        model._meta.label: sorted(str(row) for row in model._default_manager.values_list())
        for app in watched or WATCHED
        for model in apps.get_app_config(app).get_models()
    }
