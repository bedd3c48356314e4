"""The catalog in the admin, page by page: rate cards, their versions and rates, products, features, costs, rules."""

from catalog.admin_cards import RateCardAdmin
from catalog.admin_features import CostRateAdmin, FeatureAdmin
from catalog.admin_products import ProductAdmin
from catalog.admin_rules import SelectionRuleAdmin
from catalog.admin_versions import RateCardVersionAdmin

__all__ = [
    "CostRateAdmin", "FeatureAdmin", "ProductAdmin", "RateCardAdmin", "RateCardVersionAdmin", "SelectionRuleAdmin",
]  # fmt: skip
