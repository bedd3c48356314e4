"""Accounts of people, and the trail of who let whom do what."""

from collections.abc import Callable, Iterable

from django.contrib.auth.models import Group, User
from django.db import transaction

from governance.acts import Act, Refused
from governance.change import change


def save_account(user: User, save: Callable[[], None], *, act: Act) -> None:
    """Run `save` on the account and record that it was created or changed; what changed is in the reason."""
    is_new = user.pk is None
    with transaction.atomic():
        save()
        with change("user.created" if is_new else "user.updated", user, act):
            pass


def set_roles(user: User, groups: Iterable[Group], *, act: Act) -> None:
    """Give and take roles; the trail says which. Nobody decides their own, and an unchanged set leaves no trace."""
    before = set(user.groups.values_list("name", flat=True))
    wanted = {group.name: group for group in groups}
    if before == wanted.keys():
        return
    if act.by == user:
        raise Refused("Nobody changes their own roles; ask another administrator.")
    moves = [f"+ {name}" for name in sorted(wanted.keys() - before)]
    moves += [f"− {name}" for name in sorted(before - wanted.keys())]
    with change("user.roles_changed", user, act.saying(f"{', '.join(moves)}: {act.because}")):
        user.groups.set(wanted.values())
