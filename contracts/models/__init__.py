"""Tables of contracts, by subject."""

from contracts.models.agreements import Contract, ContractLine, Override
from contracts.models.amendments import Amendment
from contracts.models.charges import ScheduledCharge
from contracts.models.commits import Commit, CommitEntry, CommitInstalment, CommitRule, CommitTerms
from contracts.models.entitlements import Arrears, CapReading, EntitlementOverride, UsageCap
from contracts.models.packages import Package, PackageCommit, PackageLine, PackageVersion, SignUp
from contracts.models.parties import (
    AMOUNT,
    PERCENT,
    QUANTITY,
    BillingContact,
    Customer,
    CustomField,
    LegalEntity,
)

__all__ = [
    "AMOUNT",
    "PERCENT",
    "QUANTITY",
    "Amendment",
    "Arrears",
    "BillingContact",
    "CapReading",
    "Commit",
    "CommitEntry",
    "CommitInstalment",
    "CommitRule",
    "CommitTerms",
    "Contract",
    "ContractLine",
    "CustomField",
    "Customer",
    "EntitlementOverride",
    "LegalEntity",
    "Override",
    "Package",
    "PackageCommit",
    "PackageLine",
    "PackageVersion",
    "ScheduledCharge",
    "SignUp",
    "UsageCap",
]
