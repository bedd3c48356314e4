"""Governance in the admin: changes, approvals and their policies; `admin_access` has people, roles and keys."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget

from governance import approvals, roles
from governance.acts import Act
from governance.admin_access import UserAdmin as UserAdmin
from governance.admin_access import why
from governance.admin_base import GovernedAdmin, operation
from governance.change import change
from governance.models import ApprovalPolicy, ApprovalRequest, Change

STATUS_COLOURS = {"pending": "warning", "approved": "success", "rejected": "danger", "superseded": ""}


def _is_pending(request: ApprovalRequest) -> bool:
    return request.status == ApprovalRequest.Status.PENDING


@admin.register(ApprovalRequest)
class ApprovalRequestAdmin(GovernedAdmin):
    """What waits for somebody's agreement; the approver decides here, on any screen."""

    list_display = [
        "subject_name",
        "why",
        "policy_role",
        "shown_status",
        "requested_by",
        "requested_at",
        "decided_by",
    ]
    list_filter = ["status", "policy__role", "subject_type"]
    search_fields = ["subject_name", "why", "requested_by__username"]
    list_select_related = ["policy", "requested_by", "decided_by"]
    fields = [
        "subject_link",
        "why",
        "value",
        "policy",
        "shown_status",
        ("requested_by", "requested_at"),
        ("decided_by", "decided_at"),
        "because",
    ]
    readonly_fields = ["subject_link", "shown_status"]
    actions_detail = ["approve", "reject"]

    @display(description="Status", ordering="status", label=STATUS_COLOURS)
    def shown_status(self, request: ApprovalRequest) -> tuple[str, str]:
        return request.status, request.get_status_display()

    @display(description="Role", ordering="policy__role")
    def policy_role(self, request: ApprovalRequest) -> str:
        return request.policy.role

    @display(description="Subject")
    def subject_link(self, request: ApprovalRequest) -> SafeString:
        try:
            url = reverse(f"admin:{request.subject_type.replace('.', '_')}_change", args=[request.subject_id])
        except NoReverseMatch:
            return format_html("{}", request.subject_name)
        return format_html(
            '<a href="{}" class="font-medium text-primary-600 underline">{}</a>', url, request.subject_name
        )

    @operation(
        "Approve",
        permission="governance.change_approvalrequest",
        icon="check",
        when=_is_pending,
        variant=ActionVariant.SUCCESS,
        explain="You agree to the deal or price as it is now. If it gets worse, it will be asked again.",
    )
    def approve(self, request: ApprovalRequest, act: Act) -> str:
        approvals.approve(request, act=act)
        return f"Approved: {request.subject_name}."

    @operation(
        "Reject",
        permission="governance.change_approvalrequest",
        icon="close",
        when=_is_pending,
        variant=ActionVariant.DANGER,
        explain="Whoever asked will read your reason.",
    )
    def reject(self, request: ApprovalRequest, act: Act) -> str:
        approvals.reject(request, act=act)
        return f"Rejected: {request.subject_name}."


class PolicyForm(forms.ModelForm):
    """A policy, and why it is made or changed."""

    role = forms.ChoiceField(choices=[(role, role) for role in roles.MATRIX], widget=UnfoldAdminSelectWidget())
    because = why()

    class Meta:
        model = ApprovalPolicy
        fields = ("name", "is_active", "subject_type", "watched", "above", "role", "position")


@admin.register(ApprovalPolicy)
class ApprovalPolicyAdmin(GovernedAdmin):
    """When somebody must agree. Saved inside a change of its own."""

    operations_for_saving = True
    form = PolicyForm
    list_display = ["name", "subject_type", "watched", "above", "role", "position", "is_active"]
    list_filter = ["subject_type", "role", "is_active"]

    def get_fields(self, request: HttpRequest, obj: ApprovalPolicy | None = None) -> list[Any]:
        fields: list[Any] = [("name", "is_active"), ("subject_type", "watched"), ("above", "role"), "position"]
        may_save = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return [*fields, "because"] if may_save else fields

    def save_model(self, request: HttpRequest, obj: ApprovalPolicy, form: Any, change_: bool) -> None:
        what = "edited" if change_ else "created"
        with change(f"approval_policy.{what}", obj, self.act(request, form.cleaned_data["because"])):
            obj.save()


@admin.register(Change)
class ChangeAdmin(GovernedAdmin):
    """The whole trail: who did what to what, when and why."""

    list_display = ["at", "name", "subject", "by_name", "because"]
    list_filter = ["subject_type", ("at", admin.DateFieldListFilter)]
    search_fields = ["name", "subject_id", "by_name", "because"]
    fields = [
        ("name", "at"),
        ("subject_type", "subject_id"),
        "by_name",
        "because",
        ("recorded_at", "relayed_at"),
    ]

    @display(description="Subject")
    def subject(self, row: Change) -> str:
        return f"{row.subject_type} {row.subject_id[:8]}"
