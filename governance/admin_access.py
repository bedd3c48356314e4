"""Who gets in, in the admin: people with their roles, the roles themselves, keys of outside systems."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.cache import add_never_cache_headers
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from rest_framework_api_key.models import APIKey
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextareaWidget

from governance import keys, people
from governance.acts import Act, name_of
from governance.admin_base import GovernedAdmin, operation
from governance.doors import act_of
from governance.models import SystemKey

PLAIN_VERBS = {"view", "add", "change", "delete"}

admin.site.unregister(User)
admin.site.unregister(Group)
admin.site.unregister(APIKey)


def why() -> forms.CharField:
    """The reason that goes with a form."""
    return forms.CharField(
        label="Why?", widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}), help_text="Kept in the history for good."
    )


# ---------------------------------------------------------------- keys of outside systems
class SystemKeyForm(forms.ModelForm):
    """A new key: for which system, for what, until when, and why."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope, f"{scope} — {words}") for scope, words in keys.SCOPES.items()],
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )
    because = why()

    class Meta:
        model = SystemKey
        fields = ("name", "scopes", "expiry_date")

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if SystemKey.objects.filter(name=name, revoked=False).exists():
            raise forms.ValidationError("There is a key of this name; revoke it first.")
        return name


@admin.register(SystemKey)
class SystemKeyAdmin(GovernedAdmin):
    """Keys of outside systems. The key is shown once, when it is made; what it may do never changes."""

    operations_for_saving = True
    form = SystemKeyForm
    list_display = ["name", "prefix", "shown_scopes", "created", "expiry_date", "last_used_at", "standing"]
    list_filter = ["revoked"]
    search_fields = ["name", "prefix"]
    actions_detail = ["revoke"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: SystemKey | None = None) -> Any:
        if obj is None:
            return ["name", "scopes", "expiry_date", "because"]
        return [("name", "prefix"), "shown_scopes", ("created", "expiry_date"), ("last_used_at", "revoked")]

    def get_readonly_fields(self, request: HttpRequest, obj: SystemKey | None = None) -> Any:
        return [] if obj is None else ["prefix", "shown_scopes", "created", "last_used_at"]

    @display(description="Scopes")
    def shown_scopes(self, key: SystemKey) -> str:
        return ", ".join(key.scopes) or "none"

    @display(description="State", label={"usable": "success", "expired": "", "revoked": "danger"})
    def standing(self, key: SystemKey) -> tuple[str, str]:
        state = "revoked" if key.revoked else "expired" if key.has_expired else "usable"
        return state, state.capitalize()

    def save_model(self, request: HttpRequest, obj: SystemKey, form: Any, change: bool) -> None:
        typed = form.cleaned_data
        made, obj.text = keys.make_key(  # type: ignore[attr-defined]
            name=typed["name"],
            scopes=typed["scopes"],
            expires_at=typed["expiry_date"],
            act=self.act(request, typed["because"]),
        )
        obj.pk, obj.prefix = made.pk, made.prefix

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        """The one page that ever shows the key; no message, for messages travel in a cookie."""
        context = {**self.admin_site.each_context(request), "title": f"Key of {obj.name}", "opts": self.opts}
        response = TemplateResponse(request, "governance/key_made.html", {**context, "key": obj})
        add_never_cache_headers(response)
        return response

    @operation(
        "Revoke",
        permission="governance.change_systemkey",
        icon="block",
        when=lambda key: not key.revoked,
        variant=ActionVariant.DANGER,
        explain="Nothing is taken from this key any more. This cannot be undone.",
    )
    def revoke(self, key: SystemKey, act: Act) -> str:
        keys.revoke_key(key, act=act)
        return f"The key of {key.name} is revoked."


# ---------------------------------------------------------------- people
class AccountForm(UserChangeForm):
    because = why()


class NewAccountForm(UserCreationForm):
    because = why()


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    """People. Every save says why; roles are changed by others than their holder; superusers keep to themselves."""

    form = AccountForm
    add_form = NewAccountForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "email", "roles", "is_active")
    list_filter = ("groups", "is_active", "is_superuser")
    filter_horizontal = ()

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    @display(description="Roles")
    def roles(self, user: User) -> str:
        return ", ".join(group.name for group in user.groups.all())

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None:
            return [*super().get_fieldsets(request, obj), (None, {"classes": ("wide",), "fields": ("because",)})]
        may_save = self.has_change_permission(request, obj)
        return [
            (None, {"fields": ("username", "password") if may_save else ("username",)}),
            ("Person", {"fields": ("first_name", "last_name", "email")}),
            ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
            ("Dates", {"fields": ("last_login", "date_joined")}),
            *([(None, {"fields": ("because",)})] if may_save else []),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        """Only a superuser makes superusers or hands out single permissions; nobody sets their own roles."""
        fixed = ["last_login", "date_joined"]
        if not request.user.is_superuser:
            fixed += ["is_superuser", "user_permissions"]
        if obj is not None and obj == request.user:
            fixed += ["groups", "is_active", "is_staff"]
        return fixed

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """A superuser's account, its password too, is for superusers."""
        is_above = obj is not None and obj.is_superuser and not request.user.is_superuser
        return not is_above and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Never: the trail names them. An account is made inactive."""
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        act = act_of(request, form.cleaned_data["because"])
        moved = ", ".join(name for name in form.changed_data if name not in ("because", "groups"))
        if moved or not change:
            said = act.saying(f"{moved}: {act.because}") if change else act
            people.save_account(obj, lambda: super(UserAdmin, self).save_model(request, obj, form, change), act=said)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        wanted = form.cleaned_data.pop("groups", None)  # what is left is written by Django
        super().save_related(request, form, formsets, change)
        if wanted is not None:
            people.set_roles(form.instance, wanted, act=act_of(request, form.cleaned_data["because"]))

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        """Django's own form asks no reason; that it happened is recorded all the same."""
        with transaction.atomic():
            response: HttpResponse = super().user_change_password(request, id, form_url)
            if request.method == "POST" and response.status_code == 302:
                user = User.objects.get(pk=id)
                people.save_account(user, lambda: None, act=act_of(request, "A new password was set in the admin."))
        return response


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """What each role may do. The roles are laid down in the product, and set anew whenever it is installed."""

    filter_horizontal = ()
    list_display = ["name", "people"]
    fields = ["name", "people", "may"]
    readonly_fields = ["people", "may"]

    @display(description="May")
    def may(self, group: Group) -> SafeString:
        """What the role may do, a line for each kind of thing; reading a thing's history goes with reading it."""
        verbs: dict[str, list[str]] = {}
        for permission in group.permissions.select_related("content_type").order_by("content_type__model", "codename"):
            verb, _, model = permission.codename.partition("_")
            if not permission.content_type.model.startswith("historical"):
                is_plain = verb in PLAIN_VERBS and model == permission.content_type.model
                words = verb if is_plain else permission.name.removeprefix("Can ")
                verbs.setdefault(permission.content_type.name.capitalize(), []).append(words)
        rows = ((name, ", ".join(words)) for name, words in sorted(verbs.items()))
        return format_html_join("", "<p><strong>{}</strong>: {}</p>", rows)

    @display(description="People")
    def people(self, group: Group) -> str:
        return ", ".join(name_of(user) for user in group.user_set.filter(is_active=True))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return False
