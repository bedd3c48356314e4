"""Selection rules in the admin: in their order, in words, and which card a customer would get, and why."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextInputWidget

from catalog import audience, operations
from catalog.forms import why_field
from catalog.models import SelectionRule
from catalog.selection import select_card
from governance.acts import Act
from governance.admin_base import GovernedAdmin, operation

EDIT = "catalog.change_selectionrule"
ATTRIBUTES = SelectionRule.ATTRIBUTES


def asked(example: str) -> forms.CharField:
    """The values of an attribute that are right."""
    return forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text=f"As in “{example}”. Empty: whatever it is.",
    )


class SelectionRuleForm(forms.ModelForm):
    """A rule with a field for each attribute; several values are told apart by commas, empty asks for nothing."""

    region = asked("EU, CH")
    country = asked("DE, FR")
    segment = asked("enterprise")
    channel = asked("reseller, marketplace")
    customer_type = asked("public sector")
    currency = asked("EUR")
    because = why_field()

    class Meta:
        model = SelectionRule
        fields = ["name", "card", "is_active"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ATTRIBUTES:
            if name in self.fields and self.instance.conditions:
                self.initial[name] = ", ".join(self.instance.conditions.get(name, []))

    def conditions(self) -> dict[str, list[str]]:
        """What was typed, as the operations take it."""
        typed = {name: str(self.cleaned_data.get(name) or "").split(",") for name in ATTRIBUTES}
        stripped = {name: [value.strip() for value in values if value.strip()] for name, values in typed.items()}
        return {name: values for name, values in stripped.items() if values}


@admin.register(SelectionRule)
class SelectionRuleAdmin(GovernedAdmin):
    """The first active rule whose every condition holds says which card a customer gets."""

    operations_for_saving = True
    form = SelectionRuleForm
    list_display = ["position", "name", "shown_conditions", "card", "is_active"]
    list_display_links = ["name"]
    list_select_related = ["card"]
    list_before_template = "catalog/rules.html"
    ordering = ["position"]
    actions_detail = ["ask_earlier", "ask_later", "delete_rule"]

    def get_fieldsets(self, request: HttpRequest, obj: SelectionRule | None = None) -> Any:
        may_save = self.has_change_permission(request, obj) if obj else True
        if not may_save:
            return [(None, {"fields": ["name", "card", "shown_conditions", "is_active"]})]
        first = ["name", "card", "is_active"] if obj else ["name", "card"]
        asked = [tuple(ATTRIBUTES[index : index + 2]) for index in range(0, len(ATTRIBUTES), 2)]
        return [
            (None, {"fields": first}),
            ("Holds for customers with", {"fields": asked}),
            (None, {"fields": ["because"]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: SelectionRule | None = None) -> list[str]:
        return ["shown_conditions"]

    @display(description="Holds for")
    def shown_conditions(self, rule: SelectionRule) -> str:
        return conditions_text(rule)

    def save_model(self, request: HttpRequest, obj: SelectionRule, form: Any, change: bool) -> None:
        act = self.act(request, form.cleaned_data["because"])
        typed = {"name": form.cleaned_data["name"], "card": form.cleaned_data["card"], "conditions": form.conditions()}
        if change:
            operations.update_rule(obj, **typed, is_active=form.cleaned_data["is_active"], act=act)
        else:
            obj.pk = operations.create_rule(**typed, act=act).pk

    # ------------------------------------------------------------ the verbs
    @operation(
        "Ask earlier",
        permission=EDIT,
        icon="arrow_upward",
        when=lambda rule: SelectionRule.objects.filter(position__lt=rule.position).exists(),
    )
    def ask_earlier(self, rule: SelectionRule, act: Act) -> str:
        return _moved(rule, -1, act)

    @operation(
        "Ask later",
        permission=EDIT,
        icon="arrow_downward",
        when=lambda rule: SelectionRule.objects.filter(position__gt=rule.position).exists(),
    )
    def ask_later(self, rule: SelectionRule, act: Act) -> str:
        return _moved(rule, 1, act)

    @operation("Delete", permission="catalog.delete_selectionrule", icon="delete", variant=ActionVariant.DANGER)
    def delete_rule(self, rule: SelectionRule, act: Act) -> str:
        operations.delete_rule(rule, act=act)
        return f"Rule {rule} is deleted."

    def page_after(self, thing: Any) -> str:
        return reverse("admin:catalog_selectionrule_changelist")

    # ------------------------------------------------------------ which card, and why
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.explain_view)
        return [path("explain/", view, name="catalog_selectionrule_explain"), *super().get_urls()]

    def explain_view(self, request: HttpRequest) -> HttpResponse:
        """Ask the rules about a customer (`?customer=` a part of the name or key), or about attributes one by one."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        text = request.GET.get("customer", "").strip()
        found = audience.customers(text, request.user)
        exact = [known for known in found if text.lower() == known.name.lower()]
        customer = (exact or found)[0] if len(found) == 1 or len(exact) == 1 else None
        given = {name: request.GET.get(name, "").strip() for name in ATTRIBUTES}
        attributes = dict(customer.attributes) if customer else given
        is_asked = customer is not None or (not text and any(given.values()))
        context = {
            "title": "Which card, and why",
            "text": text,
            "found": found if customer is None else [],
            "customer": customer,
            "attributes": [(name, name.replace("_", " "), attributes.get(name, "")) for name in ATTRIBUTES],
            "selection": select_card(attributes) if is_asked else None,
            "opts": self.opts,
        }
        return render(request, "catalog/explain.html", {**self.admin_site.each_context(request), **context})


def conditions_text(rule: SelectionRule) -> str:
    """region EU or CH, channel reseller."""
    parts = [f"{name.replace('_', ' ')} {' or '.join(values)}" for name, values in rule.conditions.items()]
    return ", ".join(parts) or "everybody"


def _moved(rule: SelectionRule, by: int, act: Act) -> str:
    rules: list[SelectionRule] = list(_in_order())
    place = rules.index(rule)
    other = min(max(place + by, 0), len(rules) - 1)
    rules[place], rules[other] = rules[other], rules[place]
    operations.order_rules(rules, act=act)
    return f"“{rule.name}” is asked {'before' if by < 0 else 'after'} “{rules[place].name}” now."


def _in_order() -> QuerySet[SelectionRule]:
    return SelectionRule.objects.order_by("position")
