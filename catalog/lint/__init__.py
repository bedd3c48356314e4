"""Lint: what is probably wrong with prices nobody has published yet. `findings(version, at=…)` asks every rule.

Errors keep a version from being submitted, warnings want a reason, notes only inform. Apps above add their rules when
they start: they import `rule` and their module is imported from their AppConfig.

Tiers with gaps or overlaps, without an open last tier, prices that are not numbers: such a charge cannot be built at
all (`pricing.charges` refuses it and names the field), so no rule looks for them.
"""

from catalog.lint.registry import RULES, Candidate, Finding, Rule, Severity, findings, findings_of_sheet, rule

__all__ = ["RULES", "Candidate", "Finding", "Rule", "Severity", "findings", "findings_of_sheet", "rule"]
