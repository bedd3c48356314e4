"""The verbs of the catalog: products with their costs and features, rate cards, versions and rates, selection rules."""

from catalog.operations.cards import create_rate_card, update_rate_card
from catalog.operations.products import (
    create_feature,
    create_product,
    delete_feature,
    delete_product,
    grant_feature,
    revoke_feature,
    set_cost,
    update_feature,
    update_product,
)
from catalog.operations.rates import remove_rate, set_rate, set_rates, set_unit_price
from catalog.operations.rules import create_rule, delete_rule, order_rules, update_rule
from catalog.operations.versions import (
    draft_version,
    plan_version,
    publish_version,
    reopen_version,
    roll_back,
    settle_by_id,
    submit_version,
    withdraw_version,
)

__all__ = [
    "create_feature", "create_product", "create_rate_card", "create_rule", "delete_feature", "delete_product",
    "delete_rule", "draft_version", "grant_feature", "order_rules", "plan_version", "publish_version", "remove_rate",
    "reopen_version", "revoke_feature", "roll_back", "set_cost", "set_rate", "set_rates", "set_unit_price",
    "settle_by_id", "submit_version", "update_feature", "update_product", "update_rate_card", "update_rule",
    "withdraw_version",
]  # fmt: skip
