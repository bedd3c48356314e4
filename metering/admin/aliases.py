"""Customer aliases in the admin: other keys that usage comes under."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextareaWidget

from governance.acts import Act
from governance.admin_base import GovernedAdmin, figure, operation
from metering.models import CustomerAlias
from metering.registry import aliases


class CustomerAliasForm(forms.ModelForm):
    """A new alias, and how one knows."""

    because = forms.CharField(
        label="Why?",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Kept in the history for good.",
    )

    class Meta:
        model = CustomerAlias
        fields = ["key", "customer_key"]
        help_texts = {
            "key": "As events name it. What waits in quarantine for it is counted at once.",
            "customer_key": "The key of the customer whose usage it is.",
        }


@admin.register(CustomerAlias)
class CustomerAliasAdmin(GovernedAdmin):
    """Usage reported under these keys is counted as the customer's; the key it came under is kept with the event."""

    operations_for_saving = True
    form = CustomerAliasForm
    list_display = ["key", "customer_key", "waiting"]
    search_fields = ["key", "customer_key"]
    actions_detail = ["end"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: CustomerAlias | None = None) -> list[str]:
        return ["key", "customer_key", *(["because"] if obj is None else ["waiting"])]

    def get_readonly_fields(self, request: HttpRequest, obj: CustomerAlias | None = None) -> list[str]:
        return [] if obj is None else ["waiting"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[CustomerAlias]:
        return super().get_queryset(request).annotate(still=aliases.still_waiting())

    @display(description="Still in quarantine", ordering="still")
    def waiting(self, alias: Any) -> SafeString:
        return figure(f"{alias.still:,}")

    def save_model(self, request: HttpRequest, obj: CustomerAlias, form: Any, change: bool) -> None:
        fields = dict(form.cleaned_data)
        act = self.act(request, fields.pop("because"))
        alias, replayed = aliases.define_alias(**fields, act=act)
        obj.pk = alias.pk
        if replayed.counted or replayed.waiting:
            messages.info(request, f"What waited for {alias.key}: {replayed.words}")

    @operation(
        "End",
        permission="metering.delete_customeralias",
        icon="link_off",
        variant=ActionVariant.DANGER,
        explain="From now on the key is nobody's. What was counted by it stays counted.",
    )
    def end(self, alias: CustomerAlias, act: Act) -> str:
        aliases.end_alias(alias, act=act)
        return f"{alias.key} is no alias any more."

    def page_after(self, thing: Any) -> str:
        return reverse("admin:metering_customeralias_changelist")
