"""API keys of outside systems: what each may do, and how they come and go."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from governance.acts import Act, Refused
from governance.change import change
from governance.models import SystemKey

# Everything a key can be allowed, as the API's doors ask for it.
SCOPES = {
    "usage:write": "Report usage",
    "usage:correct": "Correct usage that was reported wrongly",
    "usage:read": "Read usage and what became of events",
    "usage:manage": "Register event types and aliases, replay and dismiss what is in quarantine",
    "outcomes:write": "Report outcomes, attach evidence, dispute and reverse them",
    "outcomes:read": "Read outcomes and what happened to them",
    "catalog:read": "Read products and prices",
    "catalog:write": "Draft, publish and withdraw prices, within the approvals",
    "customers:read": "Read customers and custom fields",
    "customers:write": "Create and change customers",
    "contracts:read": "Read contracts",
    "entitlements:read": "Read what customers may use, and check whether they may",
    "contracts:write": "Record contracts that were signed elsewhere, without approvals",
    "contracts:amend": "Amend contracts, within the approvals",
    "signups:write": "Sign customers up to packages that are open",
    "quotes:read": "Read quotes",
    "quotes:write": "Draft and send quotes, within the approvals",
    "invoices:read": "Read invoices and their documents",
}
EVERY_SO_OFTEN = timedelta(minutes=1)


def make_key(
    *, name: str, scopes: Sequence[str], expires_at: datetime | None = None, act: Act
) -> tuple[SystemKey, str]:
    """A new key and its text, which nobody can read again. `Refused` for a name in use or a scope that is not known."""
    if not name.strip():
        raise Refused("A key is named after the system that uses it.")
    if unknown := sorted(set(scopes) - SCOPES.keys()):
        raise Refused(f"There is no scope {unknown[0]}.")
    if SystemKey.objects.filter(name=name, revoked=False).exists():
        raise Refused(f"There is a key named {name}; revoke it first.")
    key = SystemKey(name=name, scopes=sorted(scopes), expiry_date=expires_at)
    text = SystemKey.objects.assign_key(key)
    with change("system_key.made", key, act):
        key.save()
    return key, text


def revoke_key(key: SystemKey, *, act: Act) -> None:
    """From now on nothing is taken from it, for good."""
    with change("system_key.revoked", key, act):
        if not SystemKey.objects.filter(pk=key.pk, revoked=False).update(revoked=True):
            raise Refused(f"The key of {key.name} was revoked before.")


def usable(text: str) -> SystemKey | None:
    """The key of this text, unless there is none, it was revoked, or its day has passed."""
    if not text.replace(".", "").isalnum():
        return None
    try:
        key: SystemKey = SystemKey.objects.get_from_key(text)  # type: ignore[assignment]
    except SystemKey.DoesNotExist:
        return None
    return None if key.has_expired else key


def note_use(key: SystemKey) -> None:
    """Remember that it was used, to the minute: so a system that calls often is not slowed down by it."""
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at < now - EVERY_SO_OFTEN:
        before = Q(last_used_at=None) | Q(last_used_at__lt=now - EVERY_SO_OFTEN)
        SystemKey.objects.filter(before, pk=key.pk).update(last_used_at=now)
