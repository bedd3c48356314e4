"""Packages in the admin: drafted by form, with what is wrong next to it, agreed on and published by buttons."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from contracts.models import Package, PackageVersion
from contracts.package_queries import contents_of
from tests import cast
from tests.refusals import everything

pytestmark = pytest.mark.django_db


def client_of(username: str) -> Client:
    client = Client()
    client.force_login(cast.person(username), backend="django.contrib.auth.backends.ModelBackend")
    return client


def form(package: Package, *lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A version as Ann types it: these lines and a credit."""
    typed: dict[str, Any] = {
        "package": package.pk,
        "rate_card": cast.standard_card().card.pk,
        "months": "12",
        "proration": "day",
        "trial_days": "0",
        "because": "What starters need",
        "lines-TOTAL_FORMS": len(lines),
        "lines-INITIAL_FORMS": 0,
        "commits-TOTAL_FORMS": 1,
        "commits-INITIAL_FORMS": 0,
        "commits-0-name": "Welcome credit",
        "commits-0-access_amount": "5",
        "commits-0-price": "0",
        "commits-0-priority": "100",
    }
    blank = {"discount_percent": "0", "discount_amount": "0", "from_month": "0"}
    for place, line in enumerate(lines):
        typed |= {f"lines-{place}-{name}": value for name, value in ({"position": place + 1} | blank | line).items()}
    return typed | fields


def package() -> Package:
    cast.policies()
    return cast.contracts.create_package(
        key="starter", name="Starter", legal_entity=cast.seller(), act=cast.act("ann", "For those who start")
    )


def press(who: str, version: PackageVersion, verb: str) -> str:
    client = client_of(who)
    page = reverse(f"admin:contracts_packageversion_{verb}", args=[version.pk])
    answer = client.post(page, {"because": "Please", "_form_submitted": "1"})
    assert answer.status_code == 200
    return " ".join(str(each) for each in client.get(answer.headers["HX-Redirect"], follow=True).context["messages"])


def test_from_the_form_to_the_sign_up_page() -> None:
    new, ann = package(), client_of("ann")
    fee = {"product": cast.product("platform-fee").pk, "quantity": "1"}
    tokens = {"product": cast.product("input-tokens").pk, "discount_percent": "10"}
    answer = ann.post(reverse("admin:contracts_packageversion_add"), form(new, fee, tokens))
    assert answer.status_code == 302
    version = PackageVersion.objects.get()
    assert [(line.product.key, line.quantity) for line in contents_of(version).lines] == [
        ("platform-fee", 1),
        ("input-tokens", None),
    ]
    assert press("ann", version, "submit") == "Finance must agree."
    assert "This needs approval first" in press("ann", version, "publish")
    cast.approve_all(version, "cara")
    assert press("ann", version, "publish") == "Starter v1 is on offer."
    page = ann.get(reverse("admin:contracts_package_change", args=[new.pk])).content.decode()
    assert 'href="/signup/starter/"' in page
    assert (
        "First 10,000,000 at $2.50 per million"
        in client_of("ben").get(reverse("admin:contracts_packageversion_change", args=[version.pk])).content.decode()
    )


def test_editing_a_draft_replaces_what_it_holds() -> None:
    version = cast.package()
    draft = cast.contracts.draft_package(version.package, act=cast.act("ann"))
    tokens = {"product": cast.product("output-tokens").pk}
    page = reverse("admin:contracts_packageversion_change", args=[draft.pk])
    assert client_of("ann").post(page, form(version.package, tokens, months="24", trial_days="14")).status_code == 302
    (again,) = PackageVersion.objects.filter(status="draft")
    terms = contents_of(again)
    assert (again.pk, terms.months, terms.trial_days) == (draft.pk, 24, 14)
    assert [line.product.key for line in terms.lines] == ["output-tokens"]


@pytest.mark.parametrize(
    ("line", "fields", "words"),
    [
        ({"from_month": "6", "phase_months": "9"}, {}, "starts before it ends, and both within 12 months"),
        ({"discount_percent": "120"}, {}, "package_discounts_are_sane"),
        ({"is_chosen": "on"}, {}, "what_is_chosen_has_a_quantity"),
        ({}, {"because": ""}, "This field is required"),
        ({}, {"trial_days": "400"}, "The trial is over before"),
    ],
)
def test_what_is_wrong_is_said_on_the_form_with_everything_typed(
    line: dict[str, Any], fields: dict[str, Any], words: str
) -> None:
    new = package()
    typed = form(new, {"product": cast.product("input-tokens").pk, "label": "A name typed"} | line, **fields)
    ann, before = client_of("ann"), everything()
    answer = ann.post(reverse("admin:contracts_packageversion_add"), typed)
    said = answer.content.decode()
    assert (answer.status_code, words in said, "A name typed" in said) == (200, True, True)
    assert everything() == before


def test_a_published_version_is_only_looked_at() -> None:
    version = cast.package()
    page = reverse("admin:contracts_packageversion_change", args=[version.pk])
    ann, before = client_of("ann"), everything()
    assert b'name="months"' not in ann.get(page).content
    assert ann.post(page, form(version.package, months="1")).status_code == 403
    assert everything() == before


def test_the_next_version_is_drafted_from_what_is_on_offer() -> None:
    version = cast.package()
    page = reverse("admin:contracts_package_draft", args=[version.package_id])
    assert client_of("ann").post(page, {"because": "A new year", "_form_submitted": "1"}).status_code == 200
    draft = PackageVersion.objects.get(status="draft")
    assert contents_of(draft) == contents_of(version)


def test_the_list_takes_as_many_queries_for_three_as_for_one(django_assert_num_queries: Any) -> None:
    cast.package()
    ann, page = client_of("ann"), reverse("admin:contracts_package_changelist")
    ann.get(page)
    with django_assert_num_queries(7) as one:
        ann.get(page)
    cast.package(key="team")
    cast.package(cast.starter(months=24), key="team")
    with django_assert_num_queries(len(one)):
        assert "Version 2" in ann.get(page).content.decode()
