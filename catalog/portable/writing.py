"""A document as text: always the same text for the same prices, so that a difference of files is one of prices."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from catalog.portable.document import Document, GrantEntry
from pricing.charges import Charge, dump

TOP = """\
# Prices as code. Put this file under version control and change prices here:
#
#   manage.py pricing plan FILE                                    what would change, and what it means in money
#   manage.py pricing apply FILE --by USERNAME --because "…"       ask for that change; others approve and publish it
#   manage.py pricing export [CARD…] --output FILE                 write this file anew from what is in force
#
# An entry is complete: what is left out of it is its default. A section that is left out is left alone; nothing is
# deleted but a card's rates, a product's grants and selection rules. Numbers are exact, quoted or not.
# The format is described by `manage.py pricing schema`.
"""
WIDTH = 116
_PLAIN_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*([ .,/()+-]+[A-Za-z0-9_(][A-Za-z0-9_)]*)*\.?")
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_][-A-Za-z0-9_]*")
_TAKEN = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}  # for other readers of YAML, too
# Written on one line where it fits.
_SHORT = {"charge", "filters", "dimensions", "conditions", "grants"}


def as_data(document: Document) -> dict[str, Any]:
    """The document as JSON has it: numbers as text, defaults left out, names in order."""
    data: dict[str, Any] = _data(document)
    return {"format": document.format} | data


def as_yaml(document: Document) -> str:
    """The document as a file, with a word on top on how to use it."""
    lines = [TOP]
    for name, value in as_data(document).items():
        lines.append("\n".join(_block(name, value, 0)) + "\n")
    return "\n".join(lines)


def _data(value: Any) -> Any:
    if isinstance(value, Charge):
        return dump(value)
    if isinstance(value, GrantEntry) and value == GrantEntry(value.value):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _data(inner) for each in fields(value) if _is_said(each, inner := getattr(value, each.name))}
    if isinstance(value, Mapping):
        return {key: _data(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [_data(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return format(value, "f") if isinstance(value, Decimal) else value


def _is_said(each: Any, value: Any) -> bool:
    if not each.compare:
        return False
    if each.default_factory is not MISSING:
        return bool(value != each.default_factory())
    return bool(each.default is MISSING or value != each.default)


def _block(name: str, value: Any, depth: int) -> list[str]:
    """The lines of one field."""
    head = f"{'  ' * depth}{_key(name)}:"
    if isinstance(value, str) and _is_prose(value):
        chomped = "|" if value.endswith("\n") else "|-"
        lines = value.removesuffix("\n").split("\n")
        return [f"{head} {chomped}", *(f"{'  ' * (depth + 1)}{line}".rstrip() for line in lines)]
    if not isinstance(value, (dict, list)) or not value:
        return [f"{head} {_flow(value)}"]
    if name in _SHORT and len(line := f"{head} {_flow(value)}") <= WIDTH:
        return [line]
    return [head, *(_listed(value, depth + 1) if isinstance(value, list) else _mapped(value, depth + 1))]


def _mapped(value: dict[str, Any], depth: int) -> list[str]:
    return [line for name, inner in value.items() for line in _block(name, inner, depth)]


def _listed(values: list[Any], depth: int) -> list[str]:
    lines = []
    indent = "  " * depth
    for value in values:
        line = f"{indent}- {_flow(value)}"
        if isinstance(value, dict) and value and len(line) > WIDTH:
            inner = _mapped(value, depth + 1)
            lines += [f"{indent}- {inner[0].lstrip()}", *inner[1:]]
        else:
            lines.append(line)
    return lines


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(name)}: {_flow(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    is_plain = _PLAIN_WORD.fullmatch(value) and "," not in value and value.casefold() not in _TAKEN
    return value if is_plain else _quoted(value)


def _key(name: str) -> str:
    is_plain = _PLAIN_KEY.fullmatch(name) and name.casefold() not in _TAKEN and not name.isdigit()
    return name if is_plain else _quoted(name)


def _quoted(text: str) -> str:
    return '"' + "".join(_sign(sign) for sign in text) + '"'


def _sign(sign: str) -> str:
    if sign in '"\\':
        return f"\\{sign}"
    if sign == "\n":
        return "\\n"
    if sign == " " or sign.isprintable():
        return sign
    code = ord(sign)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _is_prose(text: str) -> bool:
    """Several lines that a block keeps as they are."""
    lines = text.removesuffix("\n").split("\n")
    return (
        len(lines) > 1
        and all(line == line.rstrip() and line.isprintable() for line in lines)
        and bool(lines[0] and lines[-1])
        and not lines[0].startswith(" ")
    )
