"""Approvals: one mechanism for everything that somebody else must agree to.

A *fact* is a watched value of a subject with a hash of the inputs it was read from. Policies turn facts into *needs*;
needs become requests; a request once approved stands for as long as the fact has not got worse.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import models

from governance.acts import Act, Refused
from governance.change import change, locked
from governance.models import ApprovalPolicy, ApprovalRequest, Change

Status = ApprovalRequest.Status

# What to do, in the deciding transaction, when the last open request of a subject was decided: one function per kind of
# subject, named by the app that owns it in its `AppConfig.ready`. Governance stands below those apps and imports none.
settle_by_subject: dict[str, Callable[[str, Act], None]] = {}


@dataclass(frozen=True, slots=True)
class Fact:
    """A watched value. `exact` facts must match their approval to the byte; others may also have got smaller.

    `parts` are the values it was taken from, by name, where a limit holds for each of them: none may have grown.
    """

    watched: str
    value: Decimal
    inputs_hash: str
    why: str
    exact: bool = False
    parts: Mapping[str, Decimal] = field(default_factory=dict)

    def is_covered_by(self, request: ApprovalRequest) -> bool:
        """Whether what was agreed holds for this as well."""
        if request.inputs_hash == self.inputs_hash:
            return True
        if self.exact or self.value > request.value:
            return False
        return all(value <= Decimal(request.parts.get(name, 0)) for name, value in self.parts.items())


@dataclass(frozen=True, slots=True)
class Need:
    """A fact that a policy wants agreed, and how far that has come (`request` is the latest, None if not asked)."""

    policy: ApprovalPolicy
    fact: Fact
    request: ApprovalRequest | None

    @property
    def is_met(self) -> bool:
        request = self.request
        return request is not None and request.status == Status.APPROVED and self.fact.is_covered_by(request)


def hash_of(inputs: Any) -> str:
    """SHA-256 of the inputs as canonical JSON (Decimals and dates as text)."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()


def needs(subject: models.Model, facts: Iterable[Fact]) -> list[Need]:
    """What must be agreed for this subject as it is now, in the order of the policies."""
    policies = ApprovalPolicy.objects.filter(subject_type=subject._meta.label_lower, is_active=True)
    latest = {request.policy_id: request for request in _requests_of(subject)}
    by_watched = {fact.watched: fact for fact in facts}
    return [
        Need(policy, fact, latest.get(policy.pk))
        for policy in policies
        if (fact := by_watched.get(policy.watched)) is not None and fact.value > policy.above
    ]


def outstanding(subject: models.Model, facts: Iterable[Fact]) -> list[Need]:
    """The needs nobody has agreed to yet. Send, sign, publish and convert all ask here."""
    return [need for need in needs(subject, facts) if not need.is_met]


def require_none_outstanding(subject: models.Model, facts: Iterable[Fact]) -> None:
    """Raise `Refused` naming who must still agree."""
    missing = outstanding(subject, facts)
    if missing:
        who = ", ".join(f"{need.policy.role} ({need.fact.why})" for need in missing)
        raise Refused(f"This needs approval first: {who}.")


def ask(subject: models.Model, facts: Iterable[Fact], *, act: Act) -> list[ApprovalRequest]:
    """Put every outstanding need to its role; close questions that no longer matter. Returns the pending requests."""
    if act.by is None:
        raise Refused("Only a signed-in person can ask for an approval.")
    wanted = needs(subject, facts)
    kept = {need.request.pk for need in wanted if need.request and (need.is_met or _same_question(need))}
    with change("approval.requested", subject, act):
        for stale in _requests_of(subject).exclude(pk__in=kept).select_for_update(of=("self",)):
            stale.become(Status.SUPERSEDED)
            stale.save()
        pending = []
        for need in wanted:
            if need.is_met:
                continue
            if need.request and need.request.pk in kept:
                pending.append(need.request)
                continue
            request = ApprovalRequest(
                policy=need.policy,
                subject_type=subject._meta.label_lower,
                subject_id=str(subject.pk),
                subject_name=str(subject)[:200],
                value=need.fact.value,
                inputs_hash=need.fact.inputs_hash,
                parts={name: str(value) for name, value in need.fact.parts.items()},
                why=need.fact.why,
                requested_by=act.by,
                requested_at=act.at,
            )
            request.save()
            pending.append(request)
    return pending


def close(subject: models.Model, *, act: Act) -> None:
    """Take back the questions nobody has answered: the subject is being edited again, or given up."""
    with change("approval.withdrawn", subject, act):
        for request in _requests_of(subject).filter(status=Status.PENDING).select_for_update(of=("self",)):
            request.become(Status.SUPERSEDED)
            request.save()


def approve(request: ApprovalRequest, *, act: Act) -> ApprovalRequest:
    """Agree. The approver must hold the policy's role and must not have asked for, or edited, what is approved."""
    return _decide(request, Status.APPROVED, "approval.granted", act)


def reject(request: ApprovalRequest, *, act: Act) -> ApprovalRequest:
    """Decline, with the reason in `act.because`."""
    return _decide(request, Status.REJECTED, "approval.rejected", act)


def may_decide(request: ApprovalRequest, user: Any) -> bool:
    """Whether this person could decide the request: role held, not the requester, not an editor of the subject."""
    return _objection(request, user) is None


def _decide(request: ApprovalRequest, status: str, name: str, act: Act) -> ApprovalRequest:
    with change(name, request, act):
        request = locked(request)
        objection = _objection(request, act.by)
        if objection:
            raise Refused(objection)
        request.become(status)
        request.decided_by, request.decided_at, request.because = act.by, act.at, act.because
        request.save()
        settle = settle_by_subject.get(request.subject_type)
        if settle and not _open_requests(request).exists():
            settle(request.subject_id, act)
    return request


def _open_requests(request: ApprovalRequest) -> models.QuerySet[ApprovalRequest]:
    return ApprovalRequest.objects.filter(
        subject_type=request.subject_type, subject_id=request.subject_id, status=Status.PENDING
    )


def _objection(request: ApprovalRequest, user: Any) -> str | None:
    if user is None or not user.is_active:
        return "Only a signed-in person can decide an approval."
    if user.pk == request.requested_by_id:
        return "You asked for this approval; somebody else must decide it."
    if not user.groups.filter(name=request.policy.role).exists():
        return f"This approval is for {request.policy.role}."
    if Change.objects.filter(subject_type=request.subject_type, subject_id=request.subject_id, by=user).exists():
        return "You have edited what is to be approved; somebody else must decide it."
    return None


def _same_question(need: Need) -> bool:
    """Pending or rejected, and the answer would still be about the same inputs."""
    return (
        need.request is not None
        and need.request.status in (Status.PENDING, Status.REJECTED)
        and need.request.inputs_hash == need.fact.inputs_hash
    )


def _requests_of(subject: models.Model) -> models.QuerySet[ApprovalRequest]:
    """The questions that still count, one at most for each policy."""
    return (
        ApprovalRequest.objects.filter(subject_type=subject._meta.label_lower, subject_id=str(subject.pk))
        .exclude(status=Status.SUPERSEDED)
        .select_related("policy")
    )
