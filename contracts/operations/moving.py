"""Moving a contract to a package, or to another version of its own: a plan change."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import F, Q

from contracts.changes import Change
from contracts.models import Amendment, Contract, PackageVersion
from contracts.moving import moves_to
from contracts.operations.amending import amend
from contracts.package_queries import offer_of
from contracts.packages import check_quantities
from contracts.queries import amended, anchor_of
from contracts.renewals import committed_a_year, last_day
from governance.acts import Act, Refused
from governance.change import locked
from pricing.periods import Period, cycles, local_days, midnight

POLICY, NOW, NEXT_CYCLE = WHEN = ("policy", "now", "next_cycle")
A_DAY = timedelta(days=1)


def move_to_package(
    contract: Contract,
    version: PackageVersion,
    *,
    when: str = POLICY,
    quantities: Mapping[str, Decimal] | None = None,
    swaps: Mapping[str, str] | None = None,
    act: Act,
) -> Amendment:
    """Amend the contract to say what the version does, at the prices of the day; `swaps` are product keys, old to new.

    By policy at once, or with its next month where the agreed quantities come to less a year than before. `Refused` as
    an amendment is.
    """
    if version.number is None:
        raise Refused(f"{version} is not published.")
    if when not in WHEN:
        raise Refused(f"when: one of {', '.join(WHEN)}.")
    with transaction.atomic():
        contract = locked(contract)
        offer = offer_of(version, at=act.at)
        check_quantities(offer, quantities or {})
        today = local_days(Period(act.at, act.at), contract.time_zone)[0]
        later = _next_month(contract, today)

        def changes(day: date) -> list[Change]:
            start = midnight(day, contract.time_zone)
            # At the end of the term those go on that last until then, for the term is extended.
            until = Q(end_at__gte=start) if start == contract.end_at else Q(end_at__gt=start)
            lines = contract.lines.filter(until, end_at__gt=F("start_at"))
            return moves_to(
                contract,
                list(lines.select_related("product").order_by("position", "start_at", "pk")),
                list(contract.commits.values_list("name", flat=True)),
                offer,
                day=day,
                last_day=last_day(contract),
                quantities=quantities or {},
                swaps=swaps or {},
            )

        waits = when == NEXT_CYCLE or (when == POLICY and _comes_to_less(contract, changes(today), today, act))
        day = later if waits else today
        return amend(contract, *changes(day), effective_at=midnight(day, contract.time_zone), act=act)


def _comes_to_less(contract: Contract, changes: Sequence[Change], day: date, act: Act) -> bool:
    effective_at = midnight(day, contract.time_zone)
    before, after, rows = amended(contract, changes, effective_at=effective_at, at=act.at)
    now = committed_a_year(replace(before, commits=()), contract)
    return committed_a_year(replace(after, commits=()), rows.contract) < now


def _next_month(contract: Contract, today: date) -> date:
    """The first day of the contract's next month, counted from its anchor."""
    now = midnight(today + A_DAY, contract.time_zone)
    month = next(cycles(now, contract.time_zone, 1, now + A_DAY, anchor_of(contract)))
    return local_days(Period(month.end, month.end), contract.time_zone)[0]
