"""What the admin pages of governed tables share: limited rows, read-only, operations as buttons, a timeline."""

from collections.abc import Callable
from decimal import Decimal
from functools import wraps
from typing import Any

from babel.numbers import format_currency
from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextareaWidget

from governance.acts import Act, Refused
from governance.doors import act_of, may, visible
from governance.models import Change
from pricing.money import round_amount


class ReasonForm(BaseDialogForm):
    """A dialog that asks why. Further fields of a subclass are handed to the operation as keywords."""

    because = forms.CharField(
        label="Why?",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Kept in the history for good.",
    )


def operation(
    label: str,
    *,
    permission: str,
    icon: str,
    when: Callable[[Any], bool] = lambda thing: True,
    form: type[BaseDialogForm] = ReasonForm,
    explain: str = "",
    variant: ActionVariant = ActionVariant.DEFAULT,
) -> Callable[[Callable[..., str]], Any]:
    """Make a method `(self, thing, act, **cleaned) -> success sentence` a button with a dialog on the thing's page.

    It runs on POST only, after checking the permission for this very thing and that `when(thing)` holds; a `Refused`
    becomes a red message. Without the permission, or when it does not apply, the button is not shown.
    """

    def decorate(method: Callable[..., str]) -> Any:
        @wraps(method)
        def run(self: "GovernedAdmin", request: HttpRequest, filled: BaseDialogForm, object_id: str) -> HttpResponse:
            thing = self.thing_or_404(request, object_id)
            if not may(request.user, permission, thing):
                raise PermissionDenied
            cleaned = dict(filled.cleaned_data)
            cleaned.pop("_form_submitted")  # the dialog's own mark
            because = cleaned.pop("because", label)
            try:
                if not when(thing):
                    raise Refused(f"{label} is not possible any more: {thing} has changed meanwhile.")
                messages.success(request, method(self, thing, act_of(request, because), **cleaned))
            except Refused as refusal:
                messages.error(request, str(refusal))
            return HttpResponse(headers={"HX-Redirect": self.page_after(thing)})

        dialog = {"title": label, "description": explain, "form_class": form, "form_submit_text": label}
        made = action(description=label, icon=icon, variant=variant, dialog=dialog)(run)
        made.permission, made.when = permission, when
        return made

    return decorate


class GovernedAdmin(ModelAdmin):
    """Shows only what the person may see and changes nothing unless a subclass routes saving through operations."""

    operations_for_saving = False
    list_per_page = 25
    compressed_fields = True
    list_filter_submit = False
    show_full_result_count = False
    actions = None

    # ------------------------------------------------------------ who may do what
    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return visible(super().get_queryset(request), request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request.user, self._permission("view"), obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.operations_for_saving and may(request.user, self._permission("add"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.operations_for_saving and may(request.user, self._permission("change"), obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def _permission(self, verb: str) -> str:
        return f"{self.opts.app_label}.{verb}_{self.opts.model_name}"

    # ------------------------------------------------------------ operations as buttons
    def act(self, request: HttpRequest, because: str) -> Act:
        return act_of(request, because)

    def page_after(self, thing: models.Model) -> str:
        """Where an operation's dialog leads."""
        return reverse(f"admin:{thing._meta.app_label}_{thing._meta.model_name}_change", args=[thing.pk])

    def thing_or_404(self, request: HttpRequest, object_id: str) -> Any:
        thing = self.get_object(request, object_id)
        if thing is None:
            raise Http404
        return thing

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[UnfoldAction]:
        thing = self.get_object(request, str(object_id))
        return [
            button
            for button in super().get_actions_detail(request, object_id)
            if thing is not None
            and may(request.user, getattr(button.method, "permission", self._permission("view")), thing)
            and getattr(button.method, "when", bool)(thing)
        ]

    # ------------------------------------------------------------ saving goes through operations
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """A refusal while saving becomes a red message on the form's page; nothing was written."""
        try:
            response: HttpResponse = super().changeform_view(request, *args, **kwargs)
            return response
        except Refused as refusal:
            messages.error(request, str(refusal))
            return HttpResponse(status=302, headers={"Location": request.get_full_path()})

    def log_addition(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: the change that wrote the row is the log."""

    def log_change(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: the change that wrote the row is the log."""

    # ------------------------------------------------------------ the timeline
    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Who changed what, when and why: every change of this thing, with the fields that moved."""
        thing = get_object_or_404(self.get_queryset(request), pk=object_id)
        if not self.has_view_permission(request, thing):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {thing}",
            "object": thing,
            "opts": self.opts,
            "entries": timeline(thing),
            **(extra_context or {}),
        }
        return render(request, "governance/timeline.html", context)


def timeline(thing: models.Model) -> list[dict[str, Any]]:
    """The changes of a thing, newest first, each with `fields`: (label, before, after) that moved in its own row."""
    changes = Change.objects.filter(subject_type=thing._meta.label_lower, subject_id=str(thing.pk))
    rows = list(thing.history.select_related("change").order_by("history_id")) if hasattr(thing, "history") else []
    moved: dict[int, list[tuple[str, Any, Any]]] = {}
    for before, after in zip([None, *rows], rows, strict=False):
        moved.setdefault(after.change_id, []).extend(_moved(thing, before, after))
    seen = {row.change_id: row.change for row in rows} | {change.pk: change for change in changes}
    return [
        {"change": change, "fields": moved.get(key, [])}
        for key, change in sorted(seen.items(), key=lambda item: -item[0])
    ]


def _moved(thing: models.Model, before: Any, after: Any) -> list[tuple[str, Any, Any]]:
    fields: list[tuple[str, Any, Any]] = []
    for field in thing._meta.concrete_fields:
        if field.primary_key or isinstance(field, (models.JSONField, models.FileField)):
            continue
        then = getattr(before, field.attname, None) if before is not None else None
        now = getattr(after, field.attname, None)
        if then != now and not isinstance(field, models.ForeignKey):
            fields.append((str(field.verbose_name), then, now))
    return fields


def money(amount: Decimal | None, currency: str) -> SafeString:
    """An amount for a list column: right-aligned, thousands separators, the currency's own digits; — for none."""
    if amount is None:
        return format_html('<span class="quoin-figure">—</span>')
    text = format_currency(round_amount(amount, currency), currency, locale="en_US", currency_digits=False)
    return format_html('<span class="quoin-figure">{}</span>', text)
