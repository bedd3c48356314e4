"""What one customer may use beside what its contracts grant: overrides and trials."""

from datetime import datetime

from catalog.grants import value_problem
from catalog.models import Feature, FeatureGrant
from contracts.checks import checked
from contracts.entitlements import OFF
from contracts.models import Contract, Customer, EntitlementOverride
from governance.acts import Act, Refused
from governance.change import change, locked

Window = FeatureGrant.Window


def override_entitlement(
    customer: Customer,
    feature: Feature,
    *,
    value: str = "",
    window: str = Window.CYCLE,
    is_hard: bool = True,
    is_trial: bool = False,
    contract: Contract | None = None,
    start_at: datetime | None = None,
    end_at: datetime | None = None,
    act: Act,
) -> EntitlementOverride:
    """Say what a customer has of a feature, for a time: instead of what is granted, or (a trial) in addition.

    From now on unless it starts later, never earlier. `Refused`, naming the field, for what such a feature cannot have.
    """
    start = start_at or act.at
    row = EntitlementOverride(
        customer=customer,
        contract=contract,
        feature=feature,
        value=value,
        window=window,
        is_hard=is_hard,
        is_trial=is_trial,
        reason=act.because[:200],
        start_at=start,
        end_at=end_at,
    )
    for name, problem in override_problems(row, act.at).items():
        raise Refused(f"{name}: {problem}")
    with change("entitlement.overridden", row, act):
        checked(row).save()
    return row


def end_entitlement(row: EntitlementOverride, *, act: Act) -> EntitlementOverride:
    """From now on it counts no more; one that has not begun never does."""
    with change("entitlement.ended", row, act):
        row = locked(row)
        if row.end_at is not None and row.end_at <= act.at:
            raise Refused(f"{row} has ended already.")
        row.end_at = max(act.at, row.start_at)
        row.save()
    return row


def override_problems(row: EntitlementOverride, at: datetime) -> dict[str, str]:
    """What keeps it from being written, a sentence by the name of the field."""
    found = {}
    is_off = row.feature.kind == Feature.Kind.BOOLEAN and row.value == OFF
    if is_off and row.is_trial:
        found["value"] = "A trial gives something; it takes nothing away."
    elif not is_off and (problem := value_problem(row.feature.kind, row.value)):
        found["value"] = problem
    if row.window != Window.CYCLE and row.feature.kind != Feature.Kind.METERED:
        found["window"] = "Only a metered allowance has a window."
    if row.contract is not None and row.contract.customer_id != row.customer_id:
        found["contract"] = "It is another customer's contract."
    if row.start_at < at:
        found["start_at"] = "It cannot begin in the past."
    if row.end_at is not None and row.end_at <= row.start_at:
        found["end_at"] = "It ends after it begins."
    if row.is_trial and row.end_at is None:
        found["end_at"] = "A trial has an end."
    return found
