"""The rules of lint by name, and how they are asked."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from catalog.candidates import Candidate, candidate_of
from catalog.models import RateCardVersion


class Severity(StrEnum):
    """What a finding asks for: an error is mended, a warning is mended or accepted with a reason, a note is read."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a rule found. `where` is the product's name or the field; `text` says the figure and what to do."""

    rule: str
    severity: Severity
    where: str
    text: str


Look = Callable[[Candidate], Iterable[tuple[str, str]]]
"""What a rule does: a (where, text) for each thing it finds. Its number of queries does not grow with the rates."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A named rule; `looks_for` is its line on the page that lists them."""

    name: str
    severity: Severity
    looks_for: str
    look: Look

    def findings(self, candidate: Candidate) -> list[Finding]:
        return [Finding(self.name, self.severity, where, text) for where, text in self.look(candidate)]


RULES: dict[str, Rule] = {}


def rule(name: str, severity: Severity, looks_for: str) -> Callable[[Look], Look]:
    """Add a rule. Its name stays: reasons given for warnings and clients of the API refer to it."""

    def added(look: Look) -> Look:
        if name in RULES:
            raise ValueError(f"there already is a lint rule {name!r}")
        RULES[name] = Rule(name, severity, looks_for, look)
        return look

    return added


def findings(version: RateCardVersion, *, at: datetime) -> list[Finding]:
    """What every rule finds in a version as of an instant; errors first, then by rule and place."""
    return findings_in(candidate_of(version, at=at))


def findings_in(candidate: Candidate) -> list[Finding]:
    """The same of a candidate already gathered, perhaps of a proposal that is not stored."""
    weight = list(Severity)
    found = [finding for each in RULES.values() for finding in each.findings(candidate)]
    return sorted(found, key=lambda each: (weight.index(each.severity), each.rule, each.where, each.text))
