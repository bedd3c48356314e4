"""What the pages of quarantine ask: whose, which, what to do, and why."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget

from governance.acts import name_of
from governance.admin_base import ReasonForm
from governance.admin_filters import OpenFirst
from metering.models import QuarantinedEvent

REPLAY = "metering.change_quarantinedevent"


def people() -> QuerySet[User]:
    """Who may put things right."""
    return User.objects.with_perm(REPLAY, backend="django.contrib.auth.backends.ModelBackend").order_by("username")


class NamedUser(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return name_of(obj)


class HandOverForm(ReasonForm):
    """To whom."""

    to = NamedUser(label="Owner", queryset=None, required=False, empty_label="Nobody", widget=UnfoldAdminSelectWidget())
    field_order = ["to", "because"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].queryset = people()


class DealForm(forms.Form):
    """What to do with many, and why."""

    deed = forms.ChoiceField(
        label="Deed",
        choices=[
            ("replay", "Replay: count those that nothing stands against any more, each in its own period"),
            ("dismiss", "Dismiss: keep them, but do not count them"),
            ("hand over", "Hand over to somebody"),
        ],
        widget=forms.Select(attrs={"class": "quoin-input"}),
    )
    to = NamedUser(
        label="Owner",
        queryset=None,
        required=False,
        empty_label="Nobody",
        help_text="Only to hand over.",
        widget=forms.Select(attrs={"class": "quoin-input"}),
    )
    because = forms.CharField(
        label="Why?",
        widget=forms.Textarea(attrs={"class": "quoin-input", "rows": 2}),
        help_text="Kept in the history for good.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].queryset = people()  # type: ignore[attr-defined]


class Waiting(OpenFirst):
    """What waits for a decision, unless somebody asks for the rest."""

    open_words = "Waiting"
    resolutions = QuarantinedEvent.Resolution.choices


class Whose(admin.SimpleListFilter):
    """Who puts it right."""

    title, parameter_name = "owner", "owner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        named = User.objects.filter(pk__in=QuarantinedEvent.objects.filter(resolved_at=None).values("owner"))
        others = [(str(user.pk), name_of(user)) for user in named if user != request.user]
        return [("mine", "Mine"), ("nobody", "Nobody's"), *others]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        if not chosen:
            return rows
        if chosen == "nobody":
            return rows.filter(owner=None)
        if chosen == "mine":
            return rows.filter(owner=request.user)
        return rows.filter(owner=chosen) if chosen.isdecimal() else rows.none()
