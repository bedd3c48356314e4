"""Accounts, roles and keys: who hands out what, and that it is remembered."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from governance.models import Change, SystemKey
from tests import cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> Client:
    return client_of(cast.person("ada"))


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def form_of(user: User, **fields: Any) -> dict[str, Any]:
    groups = [group.pk for group in user.groups.all()]
    given = {"username": user.username, "first_name": user.first_name, "last_name": user.last_name}
    return (
        given
        | {"email": user.email, "is_active": "on", "is_staff": "on", "groups": groups, "because": "New job"}
        | fields
    )


def page_of(user: User) -> str:
    return reverse("admin:auth_user_change", args=[user.pk])


def trail(user: User) -> list[tuple[str, str, str]]:
    rows = Change.objects.filter(subject_type="auth.user", subject_id=str(user.pk)).order_by("id")
    return [(row.name, row.by_name, row.because) for row in rows]


def test_a_change_of_roles_is_in_the_trail(ada: Client) -> None:
    ben = cast.person("ben")
    desk = Group.objects.get(name="deal desk")
    assert ada.post(page_of(ben), form_of(ben, groups=[desk.pk])).status_code == 302
    assert [group.name for group in ben.groups.all()] == ["deal desk"]
    assert trail(ben) == [("user.roles_changed", "Ada Admin", "+ deal desk, − sales rep: New job")]


def test_nobody_changes_their_own_roles(ada: Client) -> None:
    """Nor makes themselves a superuser, nor with a form of their own making."""
    me = User.objects.get(username="ada")
    form = form_of(me, groups=[group.pk for group in Group.objects.all()], is_superuser="on", user_permissions=["1"])
    ada.post(page_of(me), form)
    me.refresh_from_db()
    assert ([group.name for group in me.groups.all()], me.is_superuser) == (["administrator"], False)
    assert me.user_permissions.count() == 0


def test_an_administrator_makes_no_superuser_of_anybody(ada: Client) -> None:
    ben = cast.person("ben")
    ada.post(page_of(ben), form_of(ben, is_superuser="on", user_permissions=["1"]))
    ben.refresh_from_db()
    assert (ben.is_superuser, ben.user_permissions.count()) == (False, 0)


def test_a_superusers_account_is_not_an_administrators_to_take(ada: Client) -> None:
    boss = User.objects.create_superuser("max", "max@quoin.test", "quoin")
    assert ada.post(page_of(boss), form_of(boss, email="ada@quoin.test")).status_code == 403
    new = {"password1": "taken-over-1", "password2": "taken-over-1"}
    assert ada.post(reverse("admin:auth_user_password_change", args=[boss.pk]), new).status_code == 403
    boss.refresh_from_db()
    assert (boss.email, boss.check_password("quoin")) == ("max@quoin.test", True)


def test_a_reason_is_needed(ada: Client) -> None:
    ben = cast.person("ben")
    assert ada.post(page_of(ben), form_of(ben, first_name="Benny", because="")).status_code == 200
    ben.refresh_from_db()
    assert (ben.first_name, trail(ben)) == ("Ben", [])


def test_new_accounts_and_new_passwords_are_in_the_trail(ada: Client) -> None:
    form = {"username": "zoe", "password1": "long-enough-1", "password2": "long-enough-1", "because": "Joins us",
            "usable_password": "true"}  # fmt: skip
    assert ada.post(reverse("admin:auth_user_add"), form).status_code == 302
    zoe = User.objects.get(username="zoe")
    new = {"password1": "another-one-1", "password2": "another-one-1", "usable_password": "true"}
    assert ada.post(reverse("admin:auth_user_password_change", args=[zoe.pk]), new).status_code == 302
    assert [name for name, _, _ in trail(zoe)] == ["user.created", "user.updated"]
    zoe.refresh_from_db()
    assert zoe.check_password("another-one-1")


# ---------------------------------------------------------------- keys
def make(client: Client, **fields: Any) -> Any:
    form = {"name": "gateway", "scopes": ["usage:write"], "because": "Reports usage"} | fields
    return client.post(reverse("admin:governance_systemkey_add"), form)


def test_a_key_is_shown_once_and_works() -> None:
    eric = client_of(cast.person("eric"))
    answer = make(eric)
    text = answer.context["key"].text
    assert text in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert text not in str(eric.cookies)
    key = SystemKey.objects.get()
    for page in ("changelist", "change", "history"):
        args = [] if page == "changelist" else [key.pk]
        assert (
            text.partition(".")[2]
            not in eric.get(reverse(f"admin:governance_systemkey_{page}", args=args)).content.decode()
        )
    system = Client(headers={"Authorization": f"Api-Key {text}"})
    assert system.post("/api/v1/usage-events", "[]", content_type="application/json").status_code == 200
    key.refresh_from_db()
    assert key.last_used_at is not None
    assert Change.objects.get(name="system_key.made").because == "Reports usage"


@pytest.mark.parametrize("fields", [{"scopes": ["everything"]}, {"scopes": []}, {"name": ""}, {"because": ""}])
def test_a_key_for_nothing_known_is_not_made(fields: dict[str, Any]) -> None:
    assert make(client_of(cast.person("eric")), **fields).status_code == 200
    assert SystemKey.objects.count() == 0


def test_a_name_has_one_key_until_it_is_revoked() -> None:
    """The name is the source of usage: two keys of one name could count an event twice, or hide one."""
    eric = client_of(cast.person("eric"))
    make(eric)
    assert "revoke it first" in make(eric).content.decode()
    key = SystemKey.objects.get()
    page = reverse("admin:governance_systemkey_revoke", args=[key.pk])
    eric.post(page, {"because": "Lost", "_form_submitted": "1"})
    key.refresh_from_db()
    assert key.revoked
    assert make(eric).context["key"].text
    assert SystemKey.objects.filter(name="gateway").count() == 2


def test_a_key_is_not_edited() -> None:
    eric = client_of(cast.person("eric"))
    make(eric)
    key = SystemKey.objects.get()
    page = reverse("admin:governance_systemkey_change", args=[key.pk])
    assert eric.post(page, {"name": "other", "scopes": ["catalog:write"], "because": "x"}).status_code == 403
    key.refresh_from_db()
    assert (key.name, key.scopes) == ("gateway", ["usage:write"])
