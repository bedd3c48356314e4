"""The approval policies a new installation starts with; deal desk and finance edit them in the admin afterwards."""

from decimal import Decimal

from governance.acts import Act
from governance.change import change
from governance.models import ApprovalPolicy
from governance.roles import DEAL_DESK, FINANCE

DEFAULTS = [
    ("Discount beyond a sales rep's", "quoting.quoteversion", "discount_percent", Decimal(10), DEAL_DESK),
    (
        "Prepaid usage sold far below its value",
        "quoting.quoteversion",
        "commit_discount_percent",
        Decimal(20),
        DEAL_DESK,
    ),
    (
        "Discount by an amendment",
        "contracts.amendment",
        "discount_percent",
        Decimal(10),
        DEAL_DESK,
    ),
    ("Credit given by an amendment", "contracts.amendment", "credit_given", Decimal(1000), FINANCE),
    ("Publication of packages", "contracts.packageversion", "publication", Decimal(0), FINANCE),
    ("Publication of prices", "catalog.ratecardversion", "publication", Decimal(0), FINANCE),
]


def install_policies(*, act: Act) -> None:
    """Create each default policy that does not exist yet, by its subject and watched value. Others are left alone."""
    for name, subject_type, watched, above, role in DEFAULTS:
        if ApprovalPolicy.objects.filter(subject_type=subject_type, watched=watched).exists():
            continue
        policy = ApprovalPolicy(name=name, subject_type=subject_type, watched=watched, above=above, role=role)
        with change("approval_policy.created", policy, act):
            policy.save()
