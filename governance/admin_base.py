"""What the admin pages of governed tables share: limited rows, read-only, operations as buttons, a timeline."""

from collections.abc import Callable
from decimal import Decimal
from functools import wraps
from typing import Any

from babel.numbers import format_currency
from django import forms
from django.apps import apps
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from unfold.admin import ModelAdmin
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextareaWidget

from governance.acts import Act, Refused
from governance.doors import act_of, may, visible
from governance.timeline import has_timeline, timeline
from pricing.money import plain, round_amount


class ReasonForm(BaseDialogForm):
    """A dialog that asks why. Further fields of a subclass are handed to the operation as keywords."""

    because = forms.CharField(
        label="Why?",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Kept in the history for good.",
    )


class PlainDecimal(forms.DecimalField):
    """A number to edit as people write it, without the column's trailing zeros."""

    def prepare_value(self, value: Any) -> Any:
        return plain(value) if isinstance(value, Decimal) else value


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

        @wraps(made)
        def asked(self: "GovernedAdmin", request: HttpRequest, object_id: str) -> HttpResponse:
            """Even the dialog is for those who may: it can show something of the thing."""
            if not may(request.user, permission, self.thing_or_404(request, object_id)):
                raise PermissionDenied
            response: HttpResponse = made(self, request, object_id=object_id)
            return response

        asked.permission, asked.when = permission, when  # type: ignore[attr-defined]
        return asked

    return decorate


class GovernedAdmin(ModelAdmin):
    """Shows only what the person may see and changes nothing unless a subclass routes saving through operations."""

    operations_for_saving = False
    list_per_page = 25
    compressed_fields = True
    list_filter_submit = False
    show_full_result_count = False
    actions = None
    empty_value_display = "—"

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

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, models.DecimalField):
            kwargs["form_class"] = PlainDecimal
        return super().formfield_for_dbfield(db_field, request, **kwargs)

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
    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        thing = context.get("original")
        context["show_history"] = thing is not None and has_timeline(thing)
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Who changed what, when and why: every change of this thing, with the fields that moved."""
        thing = self.thing_or_404(request, object_id)
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


def money(amount: Decimal | None, currency: str) -> SafeString:
    """An amount for a list column: right-aligned, thousands separators, the currency's own digits; — for none."""
    if amount is None:
        return figure("—")
    return figure(amount_words(amount, currency))


def amount_words(amount: Decimal, currency: str) -> str:
    """$1,234.50: rounded to the currency's own digits, with thousands separators."""
    words: str = format_currency(round_amount(amount, currency), currency, locale="en_US", currency_digits=False)
    return words


def figure(text: str) -> SafeString:
    """A number, already in words, for a list column: right-aligned, its digits below each other."""
    return format_html('<span class="quoin-figure">{}</span>', text)


def pill(text: str, colour: str) -> SafeString:
    """A coloured word on a thing's own page, where a list column's `label` would be shown as plain text."""
    return mark_safe(render_to_string("unfold/helpers/label.html", {"text": text, "type": colour}))  # noqa: S308


def subject_link(subject_type: str, subject_id: str, text: str) -> SafeString | str:
    """The subject of a change or approval, as a link to its page if it has one."""
    url = page_of(subject_type, subject_id)
    return link(url, text) if url else text


def page_of(subject_type: str, subject_id: str) -> str:
    """The address of a subject's page in the admin; empty if it has none."""
    try:
        return reverse(f"admin:{subject_type.replace('.', '_')}_change", args=[subject_id])
    except NoReverseMatch:
        return ""


def link(url: str, text: str) -> SafeString:
    """A link among a page's figures and words."""
    return format_html('<a href="{}" class="font-medium text-primary-600 dark:text-primary-400">{}</a>', url, text)


def kind_of(subject_type: str) -> str:
    """`quoting.quoteversion` as people say it: Quote version."""
    try:
        return str(capfirst(apps.get_model(subject_type)._meta.verbose_name))
    except (LookupError, ValueError):
        return subject_type
