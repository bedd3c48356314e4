"""Lint: what is probably wrong with prices nobody has published yet. `findings(version, at=…)` asks every rule.

Errors keep a version from being submitted, warnings want a reason, notes only inform. Apps above add rules with
`@rule(…)` in a module `lint` of theirs, which their AppConfig imports.

No rule looks for tiers with gaps or overlaps, a last tier that is not open, or prices that are not numbers: such a
charge cannot be built at all, `pricing.charges` refuses it and names the field.
"""

from catalog.candidates import Candidate, candidate_of, candidate_of_sheet
from catalog.lint import charges, composites, costs, dates, matrices, measuring, prices
from catalog.lint.registry import RULES, Finding, Rule, Severity, findings, findings_in, rule

__all__ = [
    "RULES", "Candidate", "Finding", "Rule", "Severity", "candidate_of", "candidate_of_sheet", "findings",
    "findings_in", "rule",
]  # fmt: skip
_RULES_OF_THE_CATALOG = (charges, composites, costs, dates, matrices, measuring, prices)
