"""Unpriced usage in the admin: what no price covers, and what to do about it."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from unfold.decorators import display
from unfold.enums import ActionVariant

from governance import clock
from governance.acts import Act
from governance.admin_base import GovernedAdmin, operation, pill, subject_link
from governance.admin_filters import OpenFirst
from invoicing import operations
from invoicing.models import UnpricedUsage
from pricing.money import grouped
from pricing.periods import Period, local_days

COLOURS = {"": "warning", "priced": "success", "regrouped": "", "dismissed": "info"}
OPEN = "Open"


class Standing(OpenFirst):
    """What is open, unless somebody asks for the rest."""

    open_words = OPEN
    resolutions = UnpricedUsage.Resolution.choices


def is_open(usage: UnpricedUsage) -> bool:
    return usage.resolved_at is None


@admin.register(UnpricedUsage)
class UnpricedUsageAdmin(GovernedAdmin):
    """Usage that was measured and has no price. Put the price right and bill again, or dismiss it with a reason."""

    list_display = ["product_name", "shown_values", "shown_contract", "period", "shown_quantity", "age", "standing"]
    list_filter = [Standing, "reason", "product_name"]
    list_select_related = ["contract__customer"]
    search_fields = ["product_name", "product_key", "contract__number", "contract__customer__name", "meter"]
    ordering = ["first_seen_at", "id"]
    fields = [
        ("product_name", "shown_contract"),
        ("reason", "shown_values"),
        ("period", "shown_quantity", "meter"),
        ("first_seen_at", "age"),
        ("state", "resolved_at"),
    ]
    readonly_fields = ["shown_contract", "shown_values", "period", "shown_quantity", "age", "state"]
    actions_detail = ["bill_again", "dismiss"]

    @display(description="Without a price")
    def shown_values(self, usage: UnpricedUsage) -> str:
        return ", ".join(f"{name}: {'none' if value is None else value}" for name, value in usage.values.items()) or "—"

    @display(description="Contract", ordering="contract__number")
    def shown_contract(self, usage: UnpricedUsage) -> SafeString | str:
        contract = usage.contract
        return subject_link("contracts.contract", str(contract.pk), f"{contract.number}, {contract.customer.name}")

    @display(description="Period", ordering="period_start")
    def period(self, usage: UnpricedUsage) -> str:
        first, last = local_days(Period(usage.period_start, usage.period_end), usage.contract.time_zone)
        return f"{first:%-d %b %Y} to {last:%-d %b %Y}"

    @display(description="Quantity", ordering="quantity")
    def shown_quantity(self, usage: UnpricedUsage) -> str:
        return f"{grouped(usage.quantity)} {usage.unit}".strip()

    @display(description="Open for", ordering="first_seen_at")
    def age(self, usage: UnpricedUsage) -> str:
        return timesince(usage.first_seen_at, usage.resolved_at or clock.now(), depth=1)

    @display(description="State", ordering="resolution", label=COLOURS)
    def standing(self, usage: UnpricedUsage) -> tuple[str, str]:
        return usage.resolution, usage.get_resolution_display() or OPEN

    @display(description="State")
    def state(self, usage: UnpricedUsage) -> SafeString:
        return pill(self.standing(usage)[1], COLOURS[usage.resolution])

    @operation(
        "Bill again",
        permission="invoicing.bill_contracts",
        icon="replay",
        when=is_open,
        variant=ActionVariant.PRIMARY,
        explain="Bills this contract as of now: also this usage, if a price covers it meanwhile.",
    )
    def bill_again(self, usage: UnpricedUsage, act: Act) -> str:
        usage = operations.bill_again(usage, act=act)
        if is_open(usage):
            return f"Billed; there is still no price for {usage}."
        return f"Billed; {usage} is {self.standing(usage)[1].lower()}."

    @operation(
        "Dismiss",
        permission="invoicing.change_unpricedusage",
        icon="block",
        when=is_open,
        variant=ActionVariant.DANGER,
        explain="This usage is not to be billed. More of it in the same period opens this again.",
    )
    def dismiss(self, usage: UnpricedUsage, act: Act) -> str:
        operations.dismiss_unpriced(usage, act=act)
        return f"Dismissed: {usage}."
