"""Judge: where an answer is not what the vector expects, field by field."""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest

from tests.peers.vectors import Vector

Difference = tuple[str, str, str]
"""Where, what is expected, what was answered."""


def judge(vector: Vector | Path, answer: Callable[[Vector], Mapping[str, Any]]) -> None:
    """Fail where our answer is not the peer's. The collection itself advises against its quirks: those are told."""
    if isinstance(vector, Path):
        warnings.warn(f"no peer was asked: there is no {vector}; give its directory with --cases DIR", stacklevel=1)
        return
    got = answer(vector)
    different = verdict(vector, got)
    if different and vector.is_quirk:
        if _told(got, vector.note):
            return
        pytest.xfail(f"a quirk of the peer, on purpose not ours: {different}")
    if different:
        pytest.fail(different, pytrace=False)


def _told(got: Mapping[str, Any], note: str) -> bool:
    """Whether what we answer is what the note of a quirk says would be right."""
    told = [Decimal(number) for number in re.findall(r"-?\d+(?:\.\d+)?", note)]
    return any(isinstance(value, Decimal) and value in told for value in got.values())


def verdict(vector: Vector, got: Mapping[str, Any]) -> str:
    """Empty if all that is expected was answered so; otherwise who expects what, and what it is."""
    found = list(_differences(vector.expected, got, "expected"))
    if not found:
        return ""
    source = vector.data.get("source") or {}
    said = [f"{vector.id} ({vector.what}), from {source.get('repo')} {source.get('path')}: {source.get('what')}"]
    said += [f"  {where}: {wanted}, got {given}" for where, wanted, given in found]
    return "\n".join([*said, f"  note: {vector.note}"] if vector.note else said)


def _differences(expected: Any, got: Any, where: str) -> Iterator[Difference]:
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        for name, wanted in expected.items():
            if name not in got:
                yield f"{where}.{name}", _shown(wanted), "no answer: the adapter does not know it for this model"
            else:
                yield from _differences(wanted, got[name], f"{where}.{name}")
        if where.endswith(".shares") and got.keys() - expected.keys():
            yield where, _shown(expected), _shown(got)
    elif where.endswith(".breakdown") and isinstance(expected, list) and isinstance(got, list):
        yield from _rows(expected, got, where)
    elif isinstance(expected, list) and isinstance(got, list):
        yield from _items(expected, got, where)
    elif not _same(expected, got):
        yield where, _shown(expected), _shown(got)


def _items(expected: list[Any], got: list[Any], where: str) -> Iterator[Difference]:
    """One by one; of tiers, those at the end that come to nothing need not be listed."""
    if where.endswith(".tier_amounts"):
        expected, got = _trimmed(expected), _trimmed(got)
    if len(expected) != len(got):
        yield where, _shown(expected), _shown(got)
    else:
        for index, (wanted, given) in enumerate(zip(expected, got, strict=True)):
            yield from _differences(wanted, given, f"{where}[{index}]")


def _trimmed(amounts: list[Any]) -> list[Any]:
    count = next((place for place in range(len(amounts), 0, -1) if Decimal(amounts[place - 1])), 0)
    return amounts[:count]


def _rows(expected: list[Any], got: list[Any], where: str) -> Iterator[Difference]:
    """Rows in any order; those that come to nothing need not be listed."""
    left = list(got)
    missing = []
    for index, wanted in enumerate(expected):
        same = next((row for row in left if not list(_differences(wanted, row, where))), None)
        if same is None and not _is_nothing(wanted, ("units", "total", "amount")):
            missing.append((f"{where}[{index}]", _shown(wanted)))
        elif same is not None:
            left.remove(same)
    left = [row for row in left if not _is_nothing(row, ("total", "amount"))]
    yield from ((where, wanted, f"only {_shown(left)}") for where, wanted in missing)
    if left and not missing:
        yield where, f"{len(expected)} rows", f"also {_shown(left)}"


def _is_nothing(row: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    return not any(Decimal(row[name]) for name in names if name in row)


def _same(expected: Any, got: Any) -> bool:
    if isinstance(got, Decimal):
        try:
            return not isinstance(expected, bool) and Decimal(expected) == got
        except (InvalidOperation, TypeError, ValueError):
            return False
    return bool(expected == got) or (not expected and not got)


def _shown(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_shown(each)}" for name, each in value.items()) + "}"
    return "[" + ", ".join(map(_shown, value)) + "]" if isinstance(value, list) else repr(value)
