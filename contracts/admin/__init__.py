"""Customers, legal entities, contracts and commits in the admin."""

from datetime import date
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import NoReverseMatch, reverse
from unfold.decorators import display
from unfold.enums import ActionVariant

from contracts import custom_fields, operations
from contracts.account import link_to
from contracts.admin.commits import CommitAdmin as CommitAdmin
from contracts.admin.entitlements import EntitlesCustomers, may_use
from contracts.admin.filters import (
    FollowsFilter,
    OfCustomerFilter,
    PackageFilter,
    PinsFilter,
    SellsFilter,
    custom_filters,
)
from contracts.admin.forms import (
    AcceptForm,
    CustomerForm,
    CustomFieldForm,
    EndForm,
    LegalEntityForm,
    NoteForm,
    customer_form,
)
from contracts.admin.merging import MERGE, MergePage
from contracts.admin.packages import MovesToPackages, PackageAdmin, PackageVersionAdmin
from contracts.admin.renewals import RenewalPages
from contracts.admin.saving import SavedByOperations
from contracts.charges_page import shown_charges
from contracts.entitlement_words import shown_caps
from contracts.models import Arrears, Commit, Contract, Customer, CustomField, LegalEntity, ScheduledCharge
from contracts.overrides_page import shown_overrides
from contracts.presentation import (
    rollover_text,
    rule_text,
    shown_commits,
    shown_lines,
    standing_of,
)
from contracts.queries import called, tree_of
from contracts.sentences import renewal_sentences
from contracts.words import tax_text
from governance import clock, external_ids
from governance.acts import Act
from governance.admin_base import operation
from governance.doors import belonging, may, visible
from pricing.money import plain

__all__ = [
    "CommitAdmin",
    "ContractAdmin",
    "CustomerAdmin",
    "LegalEntityAdmin",
    "PackageAdmin",
    "PackageVersionAdmin",
]

COLOURS = {"running": "success", "upcoming": "info", "over": "", "ended": "danger"}
SEE_ENTITLEMENTS = "contracts.view_entitlementoverride"
# What other apps know of a customer, by the name of their list in the admin: theirs are above, so not imported.
LISTS = [
    ("Quotes", "quoting_quote", "customer__id__exact"),
    ("Invoices", "invoicing_invoice", "of"),
    ("Payments", "invoicing_payment", "of"),
]


@admin.register(Customer)
class CustomerAdmin(EntitlesCustomers, MergePage, SavedByOperations):
    """Who we sell to. A rep sees those they serve, and serves whom they bring."""

    form = CustomerForm
    list_display = ["name", "key", "email", "country", "currency", "time_zone", "running_contracts"]
    list_filter = ["country", "currency", "segment", "tax_status"]
    search_fields = ["name"]
    search_help_text = "Name, key, e-mail, contact, tax number, id in another system"
    ordering = ["name"]
    change_form_outer_before_template = "contracts/customer.html"
    actions_detail = ["override_entitlement", "set_cap", "remove_cap"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        now = clock.now()
        running = Q(contracts__status="active", contracts__start_at__lte=now, contracts__end_at__gt=now)
        return super().get_queryset(request).annotate(running=Count("contracts", filter=running))

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [*self.list_filter, *custom_filters(CustomField.About.CUSTOMER)]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        found = queryset.filter(merged_into=None)
        return (found.filter(called(search_term)) if search_term else found), False

    def get_fieldsets(self, request: HttpRequest, obj: Customer | None = None) -> Any:
        """Who may only look reads the tax as people write it, and what is noted beside it on the page."""
        ((title, options),) = super().get_fieldsets(request, obj)
        if "because" not in options["fields"]:
            options["fields"] = ["shown_tax" if name == "tax_percent" else name for name in options["fields"]]
            return [(title, options)]
        custom = [f"custom_{field.key}" for field in custom_fields.defined(CustomField.About.CUSTOMER)]
        own = [name for name in options["fields"] if name != "because"]
        return [(title, {"fields": [*own, "contacts", "external_ids", *custom, "because"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Customer | None = None) -> list[str]:
        return [*super().get_readonly_fields(request, obj), "shown_tax"]

    @display(description="Tax")
    def shown_tax(self, customer: Customer) -> str:
        return f"{plain(customer.tax_percent)} %"

    @display(description="Running contracts", ordering="running")
    def running_contracts(self, customer: Any) -> int:
        return int(customer.running)

    def get_form(self, request: HttpRequest, obj: Customer | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Parents to choose from are customers one may see, and the one it has."""
        kwargs["form"] = customer_form(custom_fields.defined(CustomField.About.CUSTOMER))
        form = super().get_form(request, obj, change, **kwargs)
        if "parent" in form.base_fields:
            seen = visible(Customer.objects.all(), request.user)
            has = Q(pk=obj.parent_id) if obj else Q(pk=None)
            form.base_fields["parent"].queryset = Customer.objects.filter(Q(pk__in=seen.values("pk")) | has)
        return form

    def save_model(self, request: HttpRequest, obj: Customer, form: Any, change: bool) -> None:
        act = self.act(request, form.cleaned_data["because"])
        if change:
            operations.update_customer(obj, **{**form.typed(), "key": obj.key}, act=act)
        else:
            obj.pk = operations.create_customer(**form.typed(), act=act).pk

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        customer = self.thing_or_404(request, object_id)
        if customer.merged_into is not None:
            messages.info(request, f"{customer} ({customer.key}) was merged into {customer.merged_into}.")
            return redirect("admin:contracts_customer_change", customer.merged_into_id)
        theirs = Contract.objects.filter(belonging(Contract, [customer.pk]))
        contracts = visible(theirs, request.user).select_related(
            "customer", "payer", "rate_card", "pinned_version__card"
        )
        extra = {
            "customer": customer,
            "contracts": [_row(contract) for contract in contracts]
            if request.user.has_perm("contracts.view_contract")
            else [],
            "lists": _lists(request, customer),
            "may_use": may_use(customer, clock.now()) if request.user.has_perm(SEE_ENTITLEMENTS) else None,
            "caps": shown_caps(customer),
            "arrears": Arrears.objects.filter(customer=customer).first(),
            "entitlement_overrides": customer.entitlement_overrides.exists(),
            "account": link_to(customer) if request.user.has_perm("invoicing.view_invoice") else "",
            "tree": _tree(request, customer),
            "may_merge": may(request.user, MERGE, customer),
            "merged": customer.merged.all(),
            "contacts": customer.contacts.all(),
            "facts": [
                *([("Tax", tax_text(customer))] if tax_text(customer) else []),
                *custom_fields.shown(custom_fields.defined(CustomField.About.CUSTOMER), customer.custom),
                *external_ids.all_of(customer).items(),
            ],
            "commits": shown_commits(_commits(request, customer), clock.now())
            if request.user.has_perm("contracts.view_commit")
            else [],
        }
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)


@admin.register(CustomField)
class CustomFieldAdmin(SavedByOperations):
    """What may be noted of customers and contracts beside what we know of them."""

    form = CustomFieldForm
    list_display = ["name", "about", "key", "type", "shown_choices"]
    list_filter = ["about"]
    search_fields = ["name", "key"]

    @display(description="Choices")
    def shown_choices(self, field: CustomField) -> str:
        return ", ".join(field.choices) or "—"

    def get_readonly_fields(self, request: HttpRequest, obj: CustomField | None = None) -> list[str]:
        return ["about", "key", "type"] if obj else []

    def save_model(self, request: HttpRequest, obj: CustomField, form: Any, change: bool) -> None:
        act = self.act(request, form.cleaned_data["because"])
        if change:
            given = {name: form.cleaned_data[name] for name in ("name", "choices")}
            operations.change_custom_field(obj, **given, act=act)
        else:
            obj.pk = operations.define_custom_field(**form.typed(), act=act).pk


@admin.register(LegalEntity)
class LegalEntityAdmin(SavedByOperations):
    """Our companies that sell, and the terms new contracts start with."""

    form = LegalEntityForm
    list_display = ["name", "key", "country", "email", "invoice_prefix", "grace_hours", "payment_terms_days"]
    search_fields = ["name", "key"]

    def save_model(self, request: HttpRequest, obj: LegalEntity, form: Any, change: bool) -> None:
        act = self.act(request, form.cleaned_data["because"])
        if change:
            operations.update_legal_entity(obj, **{**form.typed(), "key": obj.key}, act=act)
        else:
            obj.pk = operations.create_legal_entity(**form.typed(), act=act).pk


@admin.register(Contract)
class ContractAdmin(MovesToPackages, RenewalPages):
    """What was agreed, on one page."""

    list_display = ["number", "customer", "standing", "shown_prices", "starts", "ends", "currency", "signed_by"]
    list_filter = [
        "status",
        OfCustomerFilter,
        FollowsFilter,
        PinsFilter,
        SellsFilter,
        PackageFilter,
        "legal_entity",
        "currency",
    ]
    list_select_related = ["customer", "rate_card", "pinned_version__card"]
    search_fields = ["number", "customer__name", "customer__key", "payer__name", "opportunity_key"]
    actions_detail = ["note", "accept_milestone", "renew", "decline", "reopen", "move", "end"]
    change_form_template = "contracts/contract.html"

    @display(description="Status", ordering="start_at", label=COLOURS)
    def standing(self, contract: Contract) -> tuple[str, str]:
        return standing_of(contract, clock.now())

    @display(description="Prices", ordering="rate_card__name")
    def shown_prices(self, contract: Contract) -> str:
        return str(contract.pinned_version) if contract.pinned_version else f"{contract.rate_card}, followed"

    @display(description="Starts", ordering="start_at")
    def starts(self, contract: Contract) -> date:
        return contract.start_at.date()

    @display(description="Ends before", ordering="end_at")
    def ends(self, contract: Contract) -> date:
        return contract.end_at.date()

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [*self.list_filter, *custom_filters(CustomField.About.CONTRACT)]

    @operation(
        "Set a field",
        permission="contracts.change_customer",
        icon="edit_note",
        form=NoteForm,
        when=lambda contract: contract.status == Contract.Status.ACTIVE,
        explain="Notes something of the contract. Nothing that was agreed changes by it.",
    )
    def note(self, contract: Contract, act: Act, field: CustomField, value: str) -> str:
        operations.note_of_contract(contract, {field.key: value}, act=act)
        return f"{field.name} of {contract.number} is {value or 'nothing'}."

    @operation(
        "Accept a milestone",
        permission="contracts.change_contract",
        icon="task_alt",
        form=AcceptForm,
        when=lambda contract: contract.scheduled_charges.filter(is_milestone=True, accepted_at=None).exists(),
        explain="It is invoiced with the next run. An acceptance stays.",
    )
    def accept_milestone(self, contract: Contract, act: Act, milestone: ScheduledCharge, by: str, evidence: str) -> str:
        operations.accept_milestone(milestone, by=by, evidence=evidence, act=act)
        return f"{milestone.name} was accepted by {by}."

    @operation(
        "End contract",
        permission="contracts.change_contract",
        icon="event_busy",
        form=EndForm,
        when=lambda contract: contract.status == Contract.Status.ACTIVE and clock.now() < contract.end_at,
        variant=ActionVariant.DANGER,
        explain="Before its agreed end. What was billed in advance for the time after comes back; commits do not.",
    )
    def end(self, contract: Contract, act: Act, end_on: date) -> str:
        operations.end_contract(contract, end_on=end_on, act=act)
        return f"{contract.number} ends before {end_on:%-d %B %Y}."

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        contract = self.thing_or_404(request, object_id)
        lines, problem = shown_lines(contract)
        at = clock.now()
        state, words = standing_of(contract, at)
        commits = contract.commits.select_related("contract").prefetch_related("instalments").order_by("start_at", "pk")
        rules = contract.commitrules.select_related("contract", "per_seat_of").annotate(made=Count("commits"))
        extra = {
            "contract": contract,
            "lines": lines,
            "problem": problem,
            "state_words": words,
            "state_colour": COLOURS[state],
            "renewal": renewal_sentences(contract),
            "overrides": shown_overrides(contract),
            "charges": shown_charges(contract, at),
            "commits": shown_commits(commits, at),
            "rules": [(rule, rule_text(rule), rollover_text(rule)) for rule in rules],
            "lists": _lists(request, contract.customer),
            "noted": custom_fields.shown(custom_fields.defined(CustomField.About.CONTRACT), contract.custom),
            "amendments": contract.amendments.order_by("-number"),
            "may_amend": request.user.has_perm("contracts.add_amendment"),
        }
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)


def _commits(request: HttpRequest, customer: Customer) -> QuerySet[Commit]:
    """What can be used of the customer's commits, as far as the person may see them."""
    live = Commit.objects.filter(belonging(Commit, [customer.pk]), end_at__gt=clock.now())
    seen = visible(live, request.user).select_related("contract").prefetch_related("instalments")
    return seen.order_by("end_at", "pk")


def _tree(request: HttpRequest, customer: Customer) -> list[dict[str, Any]]:
    """The customers around this one, with links to those this person sees; nothing where it stands alone."""
    tree = tree_of(customer)
    seen = visible(Customer.objects.filter(pk__in=[each.pk for _, each in tree]), request.user)
    known = set(seen.values_list("pk", flat=True))
    rows = [{"depth": depth, "customer": each, "is_it": each == customer} for depth, each in tree if each.pk in known]
    return rows if len(rows) > 1 else []


def _row(contract: Contract) -> dict[str, Any]:
    state, words = standing_of(contract, clock.now())
    return {"contract": contract, "words": words, "colour": COLOURS[state]}


def _lists(request: HttpRequest, customer: Customer) -> list[tuple[str, str]]:
    """Links to what other apps know of this customer, as far as the person may look at it."""
    links = []
    for title, page, lookup in LISTS:
        app, model = page.split("_")
        try:
            address = reverse(f"admin:{page}_changelist")
        except NoReverseMatch:
            continue
        if request.user.has_perm(f"{app}.view_{model}"):
            links.append((title, f"{address}?{lookup}={customer.pk}"))
    return links
