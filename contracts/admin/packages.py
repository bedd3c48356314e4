"""Packages in the admin: what is on offer, and the drafting and publishing of their versions."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.enums import ActionVariant

from contracts import operations
from contracts.admin.forms import BecauseForm, MoveForm, PackageForm
from contracts.admin.saving import SavedByOperations
from contracts.models import Contract, Package, PackageCommit, PackageLine, PackageVersion
from contracts.package_presentation import shown_offer
from contracts.package_queries import draft_of, offer_of, publication_facts, version_on_offer
from contracts.packages import PackagedLine, PackageTerms, check_package
from contracts.terms import AgreedCommit
from governance import approvals, clock
from governance.acts import Act, Refused
from governance.admin_base import GovernedAdmin, PlainDecimal, operation
from governance.doors import may
from pricing.periods import local_day

Status = PackageVersion.Status
CHANGE = "contracts.change_packageversion"
PUBLISH = "contracts.publish_packageversion"
COLOURS = {"draft": "info", "published": "success", "withdrawn": "danger"}


@admin.register(Package)
class PackageAdmin(SavedByOperations):
    """What customers can sign as it is."""

    form = PackageForm
    list_display = ["name", "key", "audience", "on_offer", "signed", "is_open"]
    search_fields = ["name", "key", "audience"]
    actions_detail = ["draft"]
    change_form_outer_before_template = "contracts/package.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Package]:
        return super().get_queryset(request).annotate(signed=Count("versions__contracts")).prefetch_related("versions")

    @display(description="On offer")
    def on_offer(self, package: Package) -> str:
        numbers = [version.number for version in package.versions.all() if version.number]
        return f"Version {max(numbers)}" if numbers else "—"

    @display(description="Contracts", ordering="signed")
    def signed(self, package: Any) -> int:
        return int(package.signed)

    def save_model(self, request: HttpRequest, obj: Package, form: Any, change: bool) -> None:
        act = self.act(request, form.cleaned_data["because"])
        if change:
            operations.update_package(obj, **{**form.typed(), "key": obj.key}, act=act)
        else:
            obj.pk = operations.create_package(**form.typed(), act=act).pk

    @operation(
        "Draft the next version",
        permission=CHANGE,
        icon="edit",
        when=lambda package: version_on_offer(package) is not None and draft_of(package) is None,
        explain="Starts with what is on offer. Contracts that are signed keep their version.",
    )
    def draft(self, package: Package, act: Act) -> str:
        operations.draft_package(package, act=act)
        return f"The next version of {package} is a draft."

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        package = self.thing_or_404(request, object_id)
        versions = package.versions.select_related("package", "rate_card").annotate(signed=Count("contracts"))
        extra = {
            "package": package,
            "versions": [(version, COLOURS[version.status]) for version in versions],
            "page": reverse("signup", args=[package.key]) if package.is_open and version_on_offer(package) else "",
            "first_draft": reverse("admin:contracts_packageversion_add") + f"?package={package.pk}"
            if not versions and may(request.user, "contracts.add_packageversion")
            else "",
        }
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)


class MovesToPackages(GovernedAdmin):
    """The button of a contract's page that moves it to a package."""

    @operation(
        "Move to a package",
        permission="contracts.change_contract",
        icon="package_2",
        form=MoveForm,
        when=lambda contract: contract.status == Contract.Status.ACTIVE and clock.now() < contract.end_at,
        explain="Amends it to say what the package's latest version does, at the prices of today.",
    )
    def move(self, contract: Contract, act: Act, package: Package, when: str) -> str:
        version = version_on_offer(package)
        if version is None:
            raise Refused(f"{package} has no version to move to.")
        moved = operations.move_to_package(contract, version, when=when, act=act)
        day = local_day(moved.effective_at, contract.time_zone)
        return f"{contract.number} is {version} from {day:%-d %B %Y}."


class VersionForm(BecauseForm):
    """The terms of a version; its products and commits have rows of their own below."""

    class Meta:
        model = PackageVersion
        fields = (
            "package",
            "rate_card",
            "follows_card",
            "months",
            "renews_itself",
            "anchor_day",
            "proration",
            "trial_days",
        )


class PartOfDraft(TabularInline):
    """Rows of a version: whoever may change versions writes them, while it is a draft."""

    extra = 0

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.get_internal_type() == "DecimalField":
            kwargs["form_class"] = PlainDecimal
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request.user, "contracts.view_packageversion")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request.user, CHANGE) and (obj is None or obj.status == Status.DRAFT)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request, obj)


class LinesFormset(forms.BaseInlineFormSet):
    """Says what is wrong with all of them together, before anything is written."""

    def clean(self) -> None:
        super().clean()
        lines, version = _lines(_rows(self)), self.instance
        if any(self.errors) or not lines or version.rate_card_id is None:
            return
        try:
            check_package(PackageTerms(version.rate_card, version.months, lines, trial_days=version.trial_days))
        except Refused as refusal:
            raise forms.ValidationError(str(refusal)) from refusal


class LinesInline(PartOfDraft):
    model = PackageLine
    formset = LinesFormset
    verbose_name_plural = "products"
    fields = [
        "position", "product", "quantity", "is_chosen", "discount_percent", "discount_amount", "minimum", "label",
        "from_month", "phase_months",
    ]  # fmt: skip


class CommitsInline(PartOfDraft):
    model = PackageCommit
    verbose_name_plural = "commits and credits"
    fields = ["name", "access_amount", "price", "product_keys", "priority"]


@admin.register(PackageVersion)
class PackageVersionAdmin(SavedByOperations):
    """One version: what it holds, what that costs, and who must agree before it is published."""

    form = VersionForm
    list_display = ["__str__", "package", "shown_status", "rate_card", "months", "published_at"]
    list_filter = ["status", "package"]
    list_select_related = ["package", "rate_card"]
    inlines = [LinesInline, CommitsInline]
    actions_detail = ["publish", "submit", "withdraw"]
    change_form_outer_before_template = "contracts/package_version.html"

    @display(description="Status", ordering="status", label=COLOURS)
    def shown_status(self, version: PackageVersion) -> tuple[str, str]:
        return version.status, version.get_status_display()

    def has_change_permission(self, request: HttpRequest, obj: PackageVersion | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.status == Status.DRAFT)

    def get_readonly_fields(self, request: HttpRequest, obj: PackageVersion | None = None) -> list[str]:
        return ["package"] if obj else []

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"package": request.GET.get("package")}

    # ------------------------------------------------------------ saving: the form and its rows are one operation
    def save_model(self, request: HttpRequest, obj: PackageVersion, form: Any, change: bool) -> None:
        """Nothing yet: the rows are needed, too."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        lines, commits = formsets
        terms = _terms(form.cleaned_data, _rows(lines), _rows(commits))
        package = form.instance.package if change else form.cleaned_data["package"]
        act = self.act(request, form.cleaned_data["because"])
        form.instance.pk = operations.draft_package(package, terms, act=act).pk

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        return ""

    # ------------------------------------------------------------ the verbs
    @operation(
        "Submit for approval",
        permission=PUBLISH,
        icon="send",
        when=lambda version: version.status == Status.DRAFT,
        explain="Asks those who must agree. Editing it afterwards asks them anew.",
    )
    def submit(self, version: PackageVersion, act: Act) -> str:
        asked = operations.submit_package(version, act=act)
        who = ", ".join(sorted({request.policy.role for request in asked}))
        return f"{who.capitalize()} must agree." if who else "Nobody else needs to agree; publish it."

    @operation(
        "Publish",
        permission=PUBLISH,
        icon="publish",
        when=lambda version: version.status == Status.DRAFT,
        variant=ActionVariant.PRIMARY,
        explain="From then on this is what customers sign. It never changes any more.",
    )
    def publish(self, version: PackageVersion, act: Act) -> str:
        return f"{operations.publish_package(version, act=act)} is on offer."

    @operation(
        "Withdraw",
        permission=PUBLISH,
        icon="delete",
        when=lambda version: version.status == Status.DRAFT,
        variant=ActionVariant.DANGER,
        explain="Gives the draft up.",
    )
    def withdraw(self, version: PackageVersion, act: Act) -> str:
        operations.withdraw_package(version, act=act)
        return "The draft was withdrawn."

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        version = self.thing_or_404(request, object_id)
        is_draft = version.status == Status.DRAFT
        try:
            shown, problem = shown_offer(offer_of(version, at=clock.now()), at=clock.now()), ""
        except Refused as refusal:
            shown, problem = None, str(refusal)
        extra = {
            "version": version,
            "shown": shown,
            "problem": problem,
            "needs": approvals.needs(version, publication_facts(version)) if is_draft else [],
            "signed": version.contracts.count(),
        }
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)


def _rows(formset: Any) -> list[dict[str, Any]]:
    return [form.cleaned_data for form in formset.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]


def _terms(typed: dict[str, Any], lines: list[dict[str, Any]], commits: list[dict[str, Any]]) -> PackageTerms:
    return PackageTerms(
        **{name: typed[name] for name in VersionForm.Meta.fields if name != "package"},
        lines=_lines(lines),
        commits=[
            AgreedCommit(
                row["name"], row["access_amount"], row["price"], tuple(row["product_keys"] or ()), row["priority"]
            )
            for row in commits
        ],
    )


def _lines(rows: list[dict[str, Any]]) -> list[PackagedLine]:
    ordered = sorted(rows, key=lambda row: row["position"])
    return [PackagedLine(**{name: row[name] for name in LinesInline.fields if name != "position"}) for row in ordered]
