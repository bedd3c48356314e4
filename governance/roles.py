"""Roles and what each may do: the whole permission matrix on one page.

A role is a Django group of the same name. "view:app" grants viewing every table of an app; other entries are
permission codenames. What is not listed is denied. People without `see_every_customer` see only customers they serve.
"""

from django.contrib.auth.models import Group, Permission
from django.db import transaction

PRICING_MANAGER = "pricing manager"
SALES_REP = "sales rep"
DEAL_DESK = "deal desk"
FINANCE = "finance"
CUSTOMER_SUCCESS = "customer success"
ENGINEER = "engineer"
ADMINISTRATOR = "administrator"

SEE_ALL = "governance.see_every_customer"
DECIDE = ["view:governance", "governance.change_approvalrequest"]
QUOTE = [
    "quoting.add_quote",
    "quoting.change_quote",
    "quoting.change_quoteversion",
    *(f"quoting.{verb}_{thing}" for thing in ("quoteline", "quotecommit") for verb in ("add", "change", "delete")),
    "quoting.send_quoteversion",
]

# What single customers may use, whatever their contracts grant.
ENTITLE = [
    "contracts.add_entitlementoverride",
    "contracts.change_entitlementoverride",
    "contracts.change_usagecap",
]

# What is sold and at what price, but not what it costs us.
PRICES = [
    f"catalog.view_{table}"
    for table in ("product", "feature", "featuregrant", "ratecard", "ratecardversion", "rate", "selectionrule")
]

MATRIX: dict[str, list[str]] = {
    PRICING_MANAGER: [
        "view:catalog",
        "view:metering",
        "view:governance",
        *(
            f"catalog.{verb}_{thing}"
            for thing in ("product", "ratecard", "rate", "feature", "selectionrule")
            for verb in ("add", "change")
        ),
        *(f"catalog.delete_{thing}" for thing in ("product", "rate", "feature", "featuregrant", "selectionrule")),
        "catalog.add_featuregrant",
        "catalog.add_costrate",
        "catalog.add_ratecardversion",
        "catalog.change_ratecardversion",
        "catalog.publish_ratecardversion",
        "metering.add_meter",
        "metering.change_meter",
        "metering.add_eventtype",
        "metering.change_eventtype",
        "metering.add_outcomedefinition",
        "metering.change_outcomedefinition",
        "view:contracts",
        *(f"contracts.{verb}_{thing}" for thing in ("package", "packageversion") for verb in ("add", "change")),
        "contracts.publish_packageversion",
        "view:quoting",
        "invoicing.view_unpricedusage",
        SEE_ALL,
        "governance.see_margin",
    ],
    SALES_REP: [
        *PRICES,
        "view:contracts",
        "view:quoting",
        "view:invoicing",
        "contracts.add_customer",
        "contracts.change_customer",
        "contracts.add_amendment",
        "governance.view_approvalrequest",
        *QUOTE,
    ],
    DEAL_DESK: [
        *ENTITLE,
        "view:catalog",
        "view:contracts",
        "view:quoting",
        "view:invoicing",
        *DECIDE,
        "governance.add_approvalpolicy",
        "governance.change_approvalpolicy",
        "governance.see_margin",
        SEE_ALL,
    ],
    FINANCE: [
        "view:catalog",
        "view:contracts",
        "view:quoting",
        "view:invoicing",
        "view:ledger",
        "view:metering",
        "view:integrations",
        *DECIDE,
        "contracts.change_customer",
        "contracts.merge_customer",
        "contracts.change_contract",
        "contracts.add_amendment",
        "contracts.change_amendment",
        "contracts.change_commit",
        "contracts.change_legalentity",
        "invoicing.finalize_invoice",
        "invoicing.bill_contracts",
        "invoicing.change_unpricedusage",
        "metering.change_outcome",
        "metering.add_usagecorrection",
        "metering.change_usagecorrection",
        "metering.change_usageflag",
        "invoicing.add_payment",
        "invoicing.add_creditnote",
        "integrations.retry_delivery",
        "governance.see_margin",
        SEE_ALL,
    ],
    CUSTOMER_SUCCESS: [
        *ENTITLE,
        "view:contracts",
        "view:quoting",
        "view:invoicing",
        "view:metering",
        "metering.change_outcome",
        "metering.change_usageflag",
        *PRICES,
        SEE_ALL,
    ],
    ENGINEER: [
        "view:metering",
        *PRICES,
        "view:integrations",
        "metering.add_meter",
        "metering.change_meter",
        "metering.add_eventtype",
        "metering.change_eventtype",
        "metering.add_customeralias",
        "metering.delete_customeralias",
        "metering.add_outcomedefinition",
        "metering.change_outcomedefinition",
        "metering.add_usageevent",
        "metering.add_usagecorrection",
        "metering.change_quarantinedevent",
        "metering.change_usageflag",
        "governance.view_externalid",
        "governance.view_systemkey",
        "governance.add_systemkey",
        "governance.change_systemkey",
        "integrations.retry_delivery",
        SEE_ALL,
    ],
    ADMINISTRATOR: [
        *PRICES,
        *(f"view:{app}" for app in ("contracts", "quoting", "invoicing", "ledger", "metering")),
        "view:integrations",
        "view:governance",
        "view:auth",
        "auth.add_user",
        "auth.change_user",
        "governance.add_approvalpolicy",
        "governance.change_approvalpolicy",
        "governance.add_systemkey",
        "governance.change_systemkey",
        "contracts.add_customfield",
        "contracts.change_customfield",
        "contracts.add_legalentity",
        "contracts.change_legalentity",
        "integrations.retry_delivery",
        "guardian.add_userobjectpermission",
        SEE_ALL,
    ],
}


@transaction.atomic
def install_roles() -> None:
    """Make every role's group hold exactly the permissions of the matrix. Safe to repeat; raises on an unknown name."""
    for role, grants in MATRIX.items():
        group, _ = Group.objects.get_or_create(name=role)
        group.permissions.set([permission for grant in grants for permission in _permissions(grant)])


def _permissions(grant: str) -> list[Permission]:
    if grant.startswith("view:"):
        found = list(Permission.objects.filter(content_type__app_label=grant[5:], codename__startswith="view_"))
    else:
        app, codename = grant.split(".")
        found = list(Permission.objects.filter(content_type__app_label=app, codename=codename))
    if not found:
        raise LookupError(f"the permission matrix names {grant!r}, which does not exist")
    return found
