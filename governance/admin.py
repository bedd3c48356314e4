"""Governance in the admin: changes, approvals and their policies; `admin_access` has people, roles and keys."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget

from governance import approvals, roles
from governance.acts import Act, name_of
from governance.admin_access import UserAdmin as UserAdmin
from governance.admin_access import why
from governance.admin_base import GovernedAdmin, kind_of, operation, pill, subject_link
from governance.change import change
from governance.models import ApprovalPolicy, ApprovalRequest, Change, ExternalId
from governance.timeline import happening
from pricing.money import plain

STATUS_COLOURS = {"pending": "warning", "approved": "success", "rejected": "danger", "superseded": ""}


def _is_pending(request: ApprovalRequest) -> bool:
    return request.status == ApprovalRequest.Status.PENDING


@admin.register(ApprovalRequest)
class ApprovalRequestAdmin(GovernedAdmin):
    """What waits for somebody's agreement; the approver decides here, on any screen."""

    list_display = ["subject_name", "why", "policy_role", "shown_status", "asked_by", "requested_at", "answered_by"]
    list_filter = ["status", "policy__role", "subject_type"]
    search_fields = ["subject_name", "why", "requested_by__username", "requested_by__last_name"]
    list_select_related = ["policy", "requested_by", "decided_by"]
    readonly_fields = ["subject", "reason", "standing", "rule", "asked_by", "answered_by", "answer"]
    actions_detail = ["approve", "reject"]

    def get_fields(self, request: HttpRequest, obj: ApprovalRequest | None = None) -> list[Any]:
        asked: list[Any] = ["subject", "reason", "rule", "standing", ("asked_by", "requested_at")]
        return asked if obj is not None and _is_pending(obj) else [*asked, ("answered_by", "decided_at"), "answer"]

    @display(description="Status", ordering="status", label=STATUS_COLOURS)
    def shown_status(self, request: ApprovalRequest) -> tuple[str, str]:
        return request.status, request.get_status_display()

    @display(description="Status")
    def standing(self, request: ApprovalRequest) -> SafeString:
        return pill(request.get_status_display(), STATUS_COLOURS[request.status])

    @display(description="Role", ordering="policy__role")
    def policy_role(self, request: ApprovalRequest) -> str:
        return request.policy.role

    @display(description="Subject")
    def subject(self, request: ApprovalRequest) -> str:
        return subject_link(request.subject_type, request.subject_id, request.subject_name)

    @display(description="Needed because")
    def reason(self, request: ApprovalRequest) -> str:
        return capfirst(request.why)

    @display(description="Policy")
    def rule(self, request: ApprovalRequest) -> str:
        return f"{request.policy.name}: {request.policy.role} decides"

    @display(description="Asked by", ordering="requested_by__last_name")
    def asked_by(self, request: ApprovalRequest) -> str:
        return name_of(request.requested_by)

    @display(description="Decided by", ordering="decided_by__last_name")
    def answered_by(self, request: ApprovalRequest) -> str:
        return name_of(request.decided_by) if request.decided_by else ""

    @display(description="In their words")
    def answer(self, request: ApprovalRequest) -> str:
        return request.because

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
    list_display = ["name", "shown_subject", "shown_watched", "shown_limit", "role", "position", "is_active"]
    list_filter = ["subject_type", "role", "is_active"]

    @display(description="Of", ordering="subject_type")
    def shown_subject(self, policy: ApprovalPolicy) -> str:
        return kind_of(policy.subject_type)

    @display(description="Watches", ordering="watched")
    def shown_watched(self, policy: ApprovalPolicy) -> str:
        return capfirst(policy.watched.replace("_", " "))

    @display(description="Above", ordering="above")
    def shown_limit(self, policy: ApprovalPolicy) -> str:
        return plain(policy.above)

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

    list_display = ["what", "subject", "by_name", "because", "at"]
    list_filter = ["subject_type", ("at", admin.DateFieldListFilter)]
    search_fields = ["name", "subject_id", "by_name", "because"]
    fields = [("what", "at"), "page", "by_name", "because", ("name", "recorded_at", "relayed_at")]
    readonly_fields = ["what", "page"]

    @display(description="What", ordering="name")
    def what(self, row: Change) -> str:
        return happening(row.name)

    @display(description="Subject", ordering="subject_type")
    def subject(self, row: Change) -> str:
        return subject_link(row.subject_type, row.subject_id, kind_of(row.subject_type))

    @display(description="Subject")
    def page(self, row: Change) -> str:
        return subject_link(row.subject_type, row.subject_id, f"{kind_of(row.subject_type)} {row.subject_id}")


@admin.register(ExternalId)
class ExternalIdAdmin(GovernedAdmin):
    """What other systems call our records."""

    list_display = ["system", "external_id", "subject_type", "subject"]
    list_filter = ["system", "subject_type"]
    search_fields = ["external_id", "subject_id"]
    fields = ["system", "external_id", "subject_type", "subject"]
    readonly_fields = ["subject"]

    @display(description="Our record")
    def subject(self, row: ExternalId) -> SafeString | str:
        return subject_link(row.subject_type, row.subject_id, f"{kind_of(row.subject_type)} {row.subject_id}")
