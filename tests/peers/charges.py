"""Charges: a vector's model and parameters written as the JSON of one of our charges. Nothing is reckoned here."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Context, Decimal
from itertools import product
from typing import Any

from tests.peers.peers import Peer
from tests.peers.vectors import Given, UnknownToAdapter, plain_text

Json = dict[str, Any]
Match = Mapping[str, Any]
"""Values of properties, one or several of each, that a rule of a vector asks for."""


def charge_of(model: str, given: Given, peer: Peer) -> Json:
    """The charge of this model: what is its own, then what any model may have around it, from the inside out."""
    if model not in _MODELS:
        raise UnknownToAdapter(f"model: the adapter does not know {model!r}")
    return adjusted(around(_MODELS[model](given, peer), given), given)


def around(charge: Json, given: Given) -> Json:
    """Units are converted and rounded first, then the free ones come off, then the price is looked up (D5)."""
    if free := given.text_or("free_units"):
        charge = {"kind": "allowance", "units": free, "charge": charge}
    if given.has("conversion"):
        with given.inner("conversion") as conversion:
            charge = converted(conversion, charge)
    if rate := given.text_or("pricing_unit_conversion_rate"):
        charge = {"kind": "in_unit", "unit": "pricing unit", "price": rate, "charge": charge}
    return charge


def adjusted(charge: Json, given: Given) -> Json:
    """With the discount, maximum and minimum of these parameters, which act in that order."""
    names = {"discount_percent": "percent_off", "maximum_amount": "maximum", "minimum_amount": "minimum"}
    limits = {ours: given.text(theirs) for theirs, ours in names.items() if given.text_or(theirs) is not None}
    return {"kind": "adjusted", "charge": charge, **limits} if limits else charge


def converted(given: Given, charge: Json) -> Json:
    return {
        "kind": "converted",
        "operation": given.one_of("operation", "multiply", "divide"),
        "factor": given.text("factor"),
        "rounding": given.one_of("rounding", "none", "up", "down", "half_up"),
        "precision": given.text_or("precision", "0"),
        "charge": charge,
    }


def _flat(given: Given, peer: Peer) -> Json:
    return {"kind": "flat", "amount": given.text("amount")}


def _per_unit(given: Given, peer: Peer) -> Json:
    return {"kind": "per_unit", "unit_price": given.text("unit_price")}


def _package(given: Given, peer: Peer) -> Json:
    rounding = given.one_of("rounding", "up", "down", "none")
    return {
        "kind": "package",
        "unit_price": given.text("package_price"),
        "size": given.text("package_size"),
        "rounding": rounding,
    }


def _graduated(given: Given, peer: Peer) -> Json:
    tiers = _tiers(given, "graduated", peer)
    return {"kind": "graduated", "tiers": tiers, "charge_flat_at_zero": peer.charges_flat_at_zero}


def _volume(given: Given, peer: Peer) -> Json:
    tiers = _tiers(given, "volume", peer)
    return {"kind": "volume", "tiers": tiers, "charge_flat_at_zero": peer.charges_flat_at_zero}


def _tiers(given: Given, ladder: str, peer: Peer) -> list[Json]:
    tiers = [_tier(tier, "unit_price", "unit_price") for tier in given.each("tiers")]
    if given.one_of("bounds", "upper_inclusive", "upper_exclusive") == "upper_exclusive":
        _exclude_bounds(tiers, ladder, given)
    return open_ended(tiers, ladder, peer)


def _tier(tier: Given, theirs: str, ours: str) -> Json:
    said = {"up_to": tier.text_or("up_to"), ours: tier.text(theirs), "flat_fee": tier.text_or("flat_fee", "0")}
    cap = tier.text_or("tier_cap")
    return said if cap is None else said | {"cap": cap}


def _exclude_bounds(tiers: list[Json], ladder: str, given: Given) -> None:
    """Our bounds are inclusive, so an exclusive one is the largest number below it that a price may hold.

    Where each unit has the price of its own tier it makes no difference to which of the two a bound belongs, unless
    the next tier costs something to enter; that nobody asks.
    """
    if ladder == "graduated":
        if any(Decimal(tier["flat_fee"]) for tier in tiers[1:]):
            raise UnknownToAdapter(f"{given.where}.bounds: not known for graduated tiers with flat fees")
        return
    for tier in tiers:
        if tier["up_to"] is not None:
            tier["up_to"] = plain_text(Context(prec=28).next_minus(Decimal(tier["up_to"])))


def open_ended(tiers: list[Json], ladder: str, peer: Peer) -> list[Json]:
    """We refuse tiers without an open end (D4). Those of a peer get one where its answer needs none.

    If nothing is asked past the last bound, the last tier may as well go on. Past it: what the peer says. Where it
    refuses, the tiers stay as they are, and so do we.
    """
    last = tiers[-1]
    if last["up_to"] is None:
        return tiers
    past = "goes on" if peer.reach[""] <= Decimal(last["up_to"]) else peer.past_last(ladder)
    if past == "refused":
        return tiers
    if past == "goes on":
        return [*tiers[:-1], last | {"up_to": None}]
    nothing = {name: "0" for name in last if name in ("unit_price", "percent")}
    return [*tiers, {"up_to": None, **nothing}]


def _graduated_percentage(given: Given, peer: Peer) -> Json:
    tiers = [_tier(tier, "rate_percent", "percent") for tier in given.each("tiers")]
    return {
        "kind": "graduated_percent",
        "tiers": open_ended(tiers, "graduated", peer),
        "charge_flat_at_zero": peer.charges_flat_at_zero,
    }


def _percentage(given: Given, peer: Peer) -> Json:
    """An allowance of 0 says that there is none (`lago-pct-011`), which we say by leaving it out."""
    optional = {
        "fixed_fee": given.text_or("fixed_fee_per_transaction"),
        "free_transactions": given.text_or("free_transactions"),
        "free_amount": given.text_or("free_amount"),
        "transaction_min": given.text_or("transaction_min"),
        "transaction_max": given.text_or("transaction_max"),
    }
    nothing = ("fixed_fee", "free_transactions", "free_amount")
    said = {name: each for name, each in optional.items() if each and (name not in nothing or Decimal(each))}
    return {"kind": "percent", "percent": given.text("rate_percent"), **said}


def _dimensional(given: Given, peer: Peer) -> Json:
    """A matrix by every property that a rule or a group names; a rule that lists several values has a cell for each."""
    rules = []
    for rule in given.each("rules") if given.has("rules") else ():
        rules.append((rule.need("match"), {"kind": "per_unit", "unit_price": rule.text("unit_price")}))
    groups = given.get("group_by", [])
    default = given.text_or("default_unit_price")
    charge = None if default is None else {"kind": "per_unit", "unit_price": default}
    if not rules and charge and groups:
        return {"kind": "per_group", "by": groups, "charge": charge}
    by = list(dict.fromkeys([*(name for match, _ in rules for name in match), *groups]))
    cells = [{"values": list(values), "charge": price} for match, price in rules for values in cells_of(match, by)]
    return {"kind": "matrix", "by": by, "cells": cells, "default": charge} if by else charge or {}


def cells_of(match: Match, by: Sequence[str]) -> Iterator[tuple[str | None, ...]]:
    """Every combination of the values that match; None is any."""
    listed = {name: [values] if isinstance(values, str) else values for name, values in match.items()}
    return product(*(listed.get(name) or [None] for name in by))


def _dynamic(given: Given, peer: Peer) -> Json:
    mode = given.one_of("mode", "event_carries_amount", "multiplier")
    return {"kind": "dynamic"} | ({"multiplier": given.text("multiplier")} if mode == "multiplier" else {})


def _block_tiers(given: Given, peer: Peer) -> Json:
    """Widths are relative, and in blocks: our bounds count from the first unit (D3)."""
    policy = given.one_of("policy", "all_tiers", "top_tier")
    tiers: list[Json] = []
    floor = Decimal(0)
    for tier in given.each("tiers"):
        size, blocks = tier.number("block_size"), tier.number_or("max_blocks")
        floor += size * (blocks or 0)
        up_to = None if blocks is None else plain_text(floor)
        tiers.append({"up_to": up_to, "unit_price": tier.text("price_per_block"), "block": plain_text(size)})
    tiers = open_ended(tiers, policy, peer)
    return {"kind": "graduated" if policy == "all_tiers" else "volume", "tiers": tiers}


def _capacity(given: Given, peer: Peer) -> Json:
    """A unit that a tier does not name is without limit there."""
    tiers = [{"limits": tier.need("limits"), "price": tier.text("price")} for tier in given.each("tiers")]
    units = dict.fromkeys(unit for tier in tiers for unit in tier["limits"])
    for tier in tiers:
        tier["limits"] = units | tier["limits"]
    last = tiers[-1]["limits"]
    if all(most is None or peer.reach.get(unit, Decimal(0)) <= Decimal(most) for unit, most in last.items()):
        tiers[-1]["limits"] = dict.fromkeys(last)
    return {"kind": "capacity", "by": "unit", "tiers": tiers}


def _sum_of(given: Given, peer: Peer) -> Json:
    return {"kind": "sum", "charges": [_component(each, peer) for each in given.each("components")]}


def _component(given: Given, peer: Peer) -> Json:
    with given.inner("parameters") as parameters:
        return charge_of(given.need("model"), parameters, peer)


def base_of(given: Given, peer: Peer) -> Json:
    """The charge of `base_model` and `base`."""
    with given.inner("base") as base:
        return charge_of(given.need("base_model"), base, peer)


_MODELS: dict[str, Callable[[Given, Peer], Json]] = {
    "flat": _flat,
    "per_unit": _per_unit,
    "package": _package,
    "graduated": _graduated,
    "volume": _volume,
    "graduated_percentage": _graduated_percentage,
    "percentage": _percentage,
    "dimensional": _dimensional,
    "dynamic": _dynamic,
    "block_tiers": _block_tiers,
    "capacity": _capacity,
    "sum_of": _sum_of,
    "composed": base_of,
}
