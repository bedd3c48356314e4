"""Prices to begin with: what people sell by usage, seat and outcome, ready to be filled with their own figures."""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from catalog.models import Product
from metering.models import Meter
from pricing.charges import (
    Adjusted,
    Cell,
    Charge,
    Composite,
    Converted,
    Flat,
    Graduated,
    Matrix,
    Outcome,
    Package,
    Percent,
    PerUnit,
    Tier,
    Volume,
)

Kind = Product.Kind
Aggregation = Meter.Aggregation
THOUSAND, MILLION = Decimal(1_000), Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Preset:
    """A price to begin with, and the product and meter that usually go with it."""

    key: str
    name: str
    line: str
    icon: str
    kind: str
    unit: str
    charge: Charge
    event_type: str = ""
    aggregation: str = ""
    property: str = ""
    in_advance: bool = False
    cycle_months: int = 1


PRESETS = [
    Preset(
        "api-call", "API call", "Calls at a price per thousand", "api",
        Kind.USAGE, "call", PerUnit(Decimal("0.50"), THOUSAND),
        "api.request", Aggregation.COUNT,
    ),
    Preset(
        "tokens-in", "Tokens in", "Prompt tokens, cheaper beyond ten million", "input",
        Kind.USAGE, "token",
        Graduated((Tier(10 * MILLION, Decimal("2.50")), Tier(None, Decimal("2.00"))), MILLION),
        "llm.request", Aggregation.SUM, "input_tokens",
    ),
    Preset(
        "tokens-out", "Tokens out", "Generated tokens at a price per million", "output",
        Kind.USAGE, "token", PerUnit(Decimal("10.00"), MILLION),
        "llm.request", Aggregation.SUM, "output_tokens",
    ),
    Preset(
        "agent-run", "Agent run", "Runs of an agent, cheaper the more there are", "smart_toy",
        Kind.USAGE, "run",
        Graduated((Tier(THOUSAND, Decimal("0.50")), Tier(10 * THOUSAND, Decimal("0.40")), Tier(None, Decimal("0.30")))),
        "agent.run", Aggregation.COUNT,
    ),
    Preset(
        "seat", "Seat", "All seats at the price of the size reached", "person",
        Kind.RECURRING, "seat",
        Volume((Tier(Decimal(20), Decimal(30)), Tier(Decimal(100), Decimal(25)), Tier(None, Decimal(20)))),
        in_advance=True,
    ),
    Preset(
        "workflow", "Workflow", "Finished workflows in packages of a hundred", "account_tree",
        Kind.USAGE, "workflow", Package(Decimal("20.00"), Decimal(100)),
        "workflow.finished", Aggregation.COUNT,
    ),
    Preset(
        "resolved-outcome", "Resolved outcome", "Only results that held are paid for", "task_alt",
        Kind.USAGE, "outcome", Outcome(Decimal("0.99")),
        "outcome.resolved", Aggregation.SUM, "quantity",
    ),
    Preset(
        "gpu-hour", "GPU hour", "A price for each model and region", "memory",
        Kind.USAGE, "hour",
        Matrix(
            ("gpu", "region"),
            (
                Cell(("a100", "us"), PerUnit(Decimal("2.00"))),
                Cell(("h100", "us"), PerUnit(Decimal("4.00"))),
                Cell(("h100", "eu"), PerUnit(Decimal("4.50"))),
            ),
            PerUnit(Decimal("5.00")),
        ),
        "gpu.session", Aggregation.SUM, "hours",
    ),
    Preset(
        "gb-hour", "GB-hour", "Storage measured in megabyte-hours", "database",
        Kind.USAGE, "MB-hour", Converted("divide", Decimal(1_024), PerUnit(Decimal("0.03"), THOUSAND)),
        "storage.sampled", Aggregation.SUM, "mb_hours",
    ),
    Preset(
        "platform-fee", "Platform fee", "The same amount every month, in advance", "apartment",
        Kind.RECURRING, "month", Flat(Decimal("500.00")), in_advance=True,
    ),
    Preset(
        "support", "Support", "A percentage of all other lines, with a minimum", "support_agent",
        Kind.RECURRING, "month",
        Adjusted(Composite(Percent(Decimal(10))), minimum=Decimal("100.00")),
    ),
]  # fmt: skip
BY_KEY = {preset.key: preset for preset in PRESETS}


class Scratch(NamedTuple):
    """A kind of charge to begin with from scratch, as people choose it."""

    name: str
    label: str
    line: str
    icon: str


KINDS = [
    Scratch("per_unit", "Per unit", "Every unit at the same price", "sell"),
    Scratch("graduated", "Graduated", "Each unit at the price of the tier it lies in", "stairs"),
    Scratch("volume", "Volume", "All units at the price of the tier reached", "bar_chart"),
    Scratch("package", "Package", "Whole packages of so many units", "inventory_2"),
    Scratch("flat", "Flat", "The same amount every cycle", "event_repeat"),
    Scratch("percent", "Percentage", "A share of what went through, maybe a fee for each transaction", "percent"),
    Scratch(
        "graduated_percent",
        "Graduated %",
        "Each part of the amount at the percentage of its tier",
        "stacked_line_chart",
    ),
    Scratch("matrix", "Matrix", "A price for each combination of properties, such as model and region", "grid_on"),
    Scratch("capacity", "Capacity", "One price by the highest peak reached", "speed"),
    Scratch("dynamic", "Dynamic", "Every event brings its own amount", "bolt"),
    Scratch("composite", "Of other lines", "Computed on what other products come to", "call_merge"),
    Scratch("outcome", "Outcome", "Each result that held, at one price", "task_alt"),
    Scratch("outcome_share", "Share of value", "A percentage of the value created above a baseline", "trending_up"),
    Scratch("sum", "Sum", "Prices of the same usage, added up", "add_circle"),
    Scratch("cheapest", "Cheapest", "Whichever price comes to less", "savings"),
]
