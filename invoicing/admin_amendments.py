"""Amendments in the admin: composing changes of a contract with what they come to beside them, submitting, applying.

Here rather than with contracts, because the pages speak of money.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from contracts import operations
from contracts.admin.forms import DayInput
from contracts.changes import (
    TIMINGS,
    AddCommit,
    AddLine,
    Cancel,
    Change,
    ChangeContract,
    ChangeLine,
    ChangeTerm,
    EndLine,
    Reactivate,
)
from contracts.models import Amendment, Contract, ContractLine
from contracts.queries import product_names
from contracts.words import amount_text, day_text, period_text, quantity_text
from governance import clock
from governance.acts import Act, Refused
from governance.admin_base import GovernedAdmin, operation
from governance.doors import act_of, may, visible
from invoicing.amending import Preview, preview, preview_of
from invoicing.lines import Line
from pricing.money import ZERO, plain
from pricing.periods import Period, local_day, local_days, midnight

Status = Amendment.Status
COLOURS = {Status.DRAFT: "info", Status.IN_REVIEW: "warning", Status.APPLIED: "success", Status.WITHDRAWN: ""}
ADD, APPLY = "contracts.add_amendment", "contracts.change_amendment"
ENDS = [
    ("", "It goes on as agreed"),
    ("credit", "It is cancelled, with credit for what was billed in advance"),
    ("no_credit", "It is cancelled without credit"),
]
TIMING_WORDS = dict(zip(TIMINGS, ["By policy: increases now, decreases next cycle", "Now", "Next cycle"], strict=True))


class ComposeForm(forms.Form):
    """Every running line with what may change of it, and what may be added. What is left as it is does not change."""

    effective_on = forms.DateField(label="From", widget=DayInput(), help_text="May have passed.")
    timing = forms.ChoiceField(label="When lines change", widget=UnfoldAdminSelectWidget(), required=False)
    add_product = forms.ChoiceField(label="Add a product", widget=UnfoldAdminSelectWidget(), required=False)
    add_quantity = forms.DecimalField(
        label="Quantity", widget=UnfoldAdminTextInputWidget(), required=False, min_value=0, max_digits=28
    )
    add_discount = forms.DecimalField(
        label="% off", widget=UnfoldAdminTextInputWidget(), required=False, min_value=0, max_value=100
    )
    commit_name = forms.CharField(label="Add a commit", widget=UnfoldAdminTextInputWidget(), required=False)
    commit_access = forms.DecimalField(
        label="Gives access to", widget=UnfoldAdminTextInputWidget(), required=False, min_value=0
    )
    commit_price = forms.DecimalField(label="For", widget=UnfoldAdminTextInputWidget(), required=False, min_value=0)
    last_day = forms.DateField(label="Last day of the contract", widget=DayInput(), required=False)
    ends = forms.ChoiceField(label="The contract", choices=ENDS, widget=UnfoldAdminSelectWidget(), required=False)
    purchase_order = forms.CharField(widget=UnfoldAdminTextInputWidget(), required=False, max_length=80)
    because = forms.CharField(
        label="Why?", widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}), help_text="Kept in the history for good."
    )

    def __init__(self, *args: Any, contract: Contract, **kwargs: Any) -> None:
        self.contract = contract
        lines = contract.lines.select_related("product").order_by("position", "start_at")
        self.lines = [line for line in lines if line.start_at < line.end_at and line.end_at >= contract.end_at]
        today, last = (local_day(each, contract.time_zone) for each in (clock.now(), contract.end_at))
        start = local_days(Period(contract.start_at, contract.start_at), contract.time_zone)[0]
        self.ends_on = last - timedelta(days=1)
        known = {"effective_on": min(max(today, start), last), "purchase_order": contract.purchase_order}
        super().__init__(*args, **kwargs)
        self.initial = known | {"last_day": self.ends_on}
        self.is_over = contract.status == Contract.Status.ENDED
        if self.is_over:
            self.fields["ends"].choices = [("", "It stays ended"), ("goes_on", "It goes on, to the last day below")]  # type: ignore[attr-defined]
        products = product_names()
        self.fields["timing"].choices = list(TIMING_WORDS.items())  # type: ignore[attr-defined]
        self.fields["add_product"].choices = [("", "—"), *products]  # type: ignore[attr-defined]
        for line in self.lines:
            self._add_line(line, products)

    def _add_line(self, line: ContractLine, products: list[tuple[str, str]]) -> None:
        name = f"line-{line.pk}"
        text, select = UnfoldAdminTextInputWidget, UnfoldAdminSelectWidget
        self.fields[f"{name}-product"] = forms.ChoiceField(
            choices=products, initial=line.product.key, widget=select(), required=False
        )
        self.fields[f"{name}-quantity"] = forms.DecimalField(
            initial=None if line.quantity is None else plain(line.quantity), widget=text(), required=False, min_value=0
        )
        self.fields[f"{name}-discount"] = forms.DecimalField(
            initial=plain(line.discount_percent), widget=text(), required=False, min_value=0, max_value=100
        )
        self.fields[f"{name}-end"] = forms.BooleanField(required=False)
        for what, of in (("product", "Product"), ("quantity", "Quantity"), ("discount", "% off"), ("end", "End")):
            self.fields[f"{name}-{what}"].widget.attrs["aria-label"] = f"{of} of {line.product.name}"

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The running lines with their fields, for the page."""
        names = ("product", "quantity", "discount", "end")
        return [{"line": line, "fields": [self[f"line-{line.pk}-{name}"] for name in names]} for line in self.lines]

    def changes(self) -> list[Change]:
        """What differs from what is agreed. `Refused` if nothing does."""
        given = self.cleaned_data
        found: list[Change] = [change for line in self.lines for change in self._of_line(line)]
        if given["add_product"]:
            found.append(
                AddLine(
                    given["add_product"], quantity=given["add_quantity"], discount_percent=given["add_discount"] or ZERO
                )
            )
        if given["commit_name"]:
            found.append(AddCommit(given["commit_name"], given["commit_access"], given["commit_price"]))
        if given["purchase_order"] != self.contract.purchase_order:
            found.append(ChangeContract(purchase_order=given["purchase_order"]))
        last_day = given["last_day"] or self.ends_on
        match given["ends"]:
            case "goes_on":
                found.insert(0, Reactivate(last_day))
            case "credit" | "no_credit":
                found.append(Cancel(credit=given["ends"] == "credit"))
            case _ if last_day != self.ends_on:
                found.append(ChangeTerm(last_day))
        if not found:
            raise Refused("Nothing is changed yet.")
        return found

    def _of_line(self, line: ContractLine) -> Iterable[Change]:
        given, name = self.cleaned_data, f"line-{line.pk}"
        timing = given["timing"] or TIMINGS[0]
        if given[f"{name}-end"]:
            yield EndLine(str(line.pk), timing)
            return
        product, quantity = given[f"{name}-product"], given[f"{name}-quantity"]
        discount = given[f"{name}-discount"]
        said = {
            "product": product if product and product != line.product.key else None,
            "quantity": quantity if quantity is not None and quantity != line.quantity else None,
            "discount_percent": discount if discount is not None and discount != line.discount_percent else None,
        }
        if any(value is not None for value in said.values()):
            yield ChangeLine(str(line.pk), timing=timing, **said)


@admin.register(Amendment)
class AmendmentAdmin(GovernedAdmin):
    """What was changed of signed contracts, and what is to be."""

    list_display = ["__str__", "customer", "effective", "shown_did", "standing", "reason"]
    list_filter = ["status"]
    list_select_related = ["contract__customer"]
    search_fields = ["contract__number", "contract__customer__name", "reason"]
    ordering = ["-effective_at", "contract", "-number"]
    actions_detail = ["submit", "apply", "withdraw"]
    change_form_template = "invoicing/amendment.html"

    @display(description="Customer", ordering="contract__customer__name")
    def customer(self, amendment: Amendment) -> str:
        return amendment.contract.customer.name

    @display(description="From", ordering="effective_at")
    def effective(self, amendment: Amendment) -> str:
        at = amendment.effective_at
        return day_text(local_day(at, amendment.contract.time_zone))

    @display(description="What it did")
    def shown_did(self, amendment: Amendment) -> str:
        return "; ".join(amendment.did) or "—"

    @display(description="Status", ordering="status", label=COLOURS)
    def standing(self, amendment: Amendment) -> tuple[str, str]:
        return amendment.status, amendment.get_status_display()

    @operation(
        "Submit",
        permission=ADD,
        icon="send",
        when=lambda amendment: amendment.status == Status.DRAFT,
        variant=ActionVariant.PRIMARY,
        explain="Whoever must agree is asked. It is bound to the contract as it is now.",
    )
    def submit(self, amendment: Amendment, act: Act) -> str:
        operations.submit_amendment(amendment, act=act)
        return f"{amendment} is submitted."

    @operation(
        "Apply",
        permission=APPLY,
        icon="task_alt",
        when=lambda amendment: amendment.status == Status.IN_REVIEW,
        variant=ActionVariant.PRIMARY,
        explain="All of it or nothing. Billing follows with its next run.",
    )
    def apply(self, amendment: Amendment, act: Act) -> str:
        operations.apply_amendment(amendment, act=act)
        return f"{amendment} is applied."

    @operation(
        "Withdraw",
        permission=ADD,
        icon="block",
        when=lambda amendment: amendment.status in (Status.DRAFT, Status.IN_REVIEW),
        explain="It is kept, and never applied.",
    )
    def withdraw(self, amendment: Amendment, act: Act) -> str:
        operations.withdraw_amendment(amendment, act=act)
        return f"{amendment} is withdrawn."

    def get_urls(self) -> list[URLPattern]:
        compose = path(
            "of/<uuid:object_id>/", self.admin_site.admin_view(self.compose_view), name="contracts_contract_amend"
        )
        return [compose, *super().get_urls()]

    def compose_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Compose changes of a contract; its money is shown on request, and a draft is made of it."""
        contract = get_object_or_404(visible(Contract.objects.select_related("customer"), request.user), pk=object_id)
        if not may(request.user, ADD, contract):
            raise PermissionDenied
        form = ComposeForm(request.POST or None, contract=contract)
        context: dict[str, Any] = {}
        if request.method == "POST" and form.is_valid():
            try:
                changes = form.changes()
                on = midnight(form.cleaned_data["effective_on"], contract.time_zone)
                if "draft" in request.POST:
                    act = act_of(request, form.cleaned_data["because"])
                    made = operations.draft_amendment(contract, changes=changes, effective_at=on, act=act)
                    messages.success(request, f"{made} is drafted. Look at what it comes to, then submit it.")
                    return HttpResponseRedirect(self.page_after(made))
                context = money_of(preview(contract, changes, effective_at=on, at=clock.now()))
            except Refused as refusal:
                context = {"refusal": str(refusal)}
        page = {
            **self.admin_site.each_context(request),
            "title": f"Amend {contract}",
            "contract": contract,
            "form": form,
            "opts": self.opts,
            **context,
        }
        failed = request.method == "POST" and (not form.is_valid() or "refusal" in context)
        return render(request, "invoicing/amend.html", page, status=400 if failed else 200)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        amendment = self.thing_or_404(request, object_id)
        extra: dict[str, Any] = {
            "amendment": amendment,
            "colour": COLOURS[Status(amendment.status)],
            "effective": self.effective(amendment),
            "contract_url": reverse("admin:contracts_contract_change", args=[amendment.contract_id]),
        }
        if amendment.status in (Status.DRAFT, Status.IN_REVIEW):
            try:
                extra |= money_of(preview_of(amendment, at=clock.now()))
            except Refused as refusal:
                extra["refusal"] = str(refusal)
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)


def money_of(found: Preview) -> dict[str, Any]:
    """A preview as its table shows it."""

    def words(amount: Any) -> str:
        return amount_text(amount, found.currency)

    def row(line: Line) -> dict[str, str]:
        return {
            "name": line.description,
            "days": period_text(line.period, found.zone),
            "quantity": quantity_text(line.quantity, line.unit) if line.quantity else "",
            "amount": words(line.amount),
        }

    return {
        "said": found.said,
        "owed": [row(line) for line in found.owed],
        "instead_of": [row(line) for line in found.instead_of],
        "difference": words(found.difference),
        "through": day_text(local_days(Period(found.through, found.through), found.zone)[0]),
        "invoiced": [words(found.invoiced_before), words(found.invoiced_after)],
        "rest": [words(found.rest_before), words(found.rest_after)],
        "rest_difference": words(found.rest_after - found.rest_before),
        "assumed": found.assumed,
    }
