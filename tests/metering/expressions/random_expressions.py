"""Random expressions and events, of every form there is, on which three languages have to agree."""

from contextlib import suppress
from decimal import Decimal
from random import Random
from typing import Any

from metering.expressions import Expression, Kind, parse

NAMES = ("a", "b", "gen_ai.usage", '"odd ""name""%s {}"')
_TEXTS = ("eu", "us-east", "it's", "100%", "a_b", "", "true", "7", "7.0", "ü\n{}\\", "%(batch)s")
_PATTERNS = ("eu%", "%", "_", "7._", "%s%", "us-____", "100%", "%\n%", "", "(.*)")
_NUMBERS = ("0", "1", "7", "0.1", "12.50", "1000000000000000000", "3.000000000000000001")
_VALUES: tuple[Any, ...] = (
    *(0, 1, 7, -3, 10**18, 10**18 - 1, 10**29 + 7, True, False, None, [1], {"a": 1}),
    *map(Decimal, ("7.0", "0.10", "-12.5", "1E+3", "1E-18", "-0.0", "999999999999999999.999999999999999999")),
    *("7", "-7.50", "7.", ".5", "1e3", "+7", " 7", "7\n", "٧", "1" * 31, "0.0000000000000000001", "007", *_TEXTS),
)
_DEEPEST = 4


def expressions(count: int, seed: int) -> list[Expression]:
    """So many different ones that can be kept exact, of all kinds."""
    random = Random(seed)
    found: dict[tuple[str, Kind], Expression] = {}
    while len(found) < count:
        kind = random.choice(list(Kind))
        text = _written(kind, random, _DEEPEST)
        with suppress(ValueError):  # too long for the numbers to stay exact
            found[text, kind] = parse(text, kind)
    return list(found.values())


def events(count: int, seed: int) -> list[dict[str, Any]]:
    random = Random(seed)
    names = [parse(name).names for name in NAMES]
    return [
        {name: random.choice(_VALUES) for each in names for name in each if random.random() < 0.9} for _ in range(count)
    ]


def _written(kind: Kind, random: Random, depth: int) -> str:
    if depth == 0 or random.random() < 0.1:
        return _leaf(kind, random)
    form = random.choice(_FORMS[kind])
    return form(random, depth - 1)


def _leaf(kind: Kind, random: Random) -> str:
    if kind == Kind.CONDITION:
        return random.choice([*NAMES, "true", "FALSE", "NULL"])
    constants = [_quoted(text) for text in _TEXTS] if kind == Kind.TEXT else list(_NUMBERS)
    return random.choice([*NAMES, *NAMES, random.choice(constants)])


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _of(kind: Kind, random: Random, depth: int) -> str:
    return _written(kind, random, depth)


def _infix(random: Random, depth: int) -> str:
    left, right = (_of(Kind.NUMBER, random, depth) for _ in range(2))
    return f"({left} {random.choice('+-*')} {right})"


def _divided(random: Random, depth: int) -> str:
    return f"{_of(Kind.NUMBER, random, 0)} / {random.choice(['1000', '8', '0.25'])}"


def _function(random: Random, depth: int) -> str:
    name = random.choice(["greatest", "least", "coalesce"])
    return f"{name}({', '.join(_of(Kind.NUMBER, random, depth) for _ in range(random.randint(2, 3)))})"


def _single(random: Random, depth: int) -> str:
    return f"{random.choice(['abs', '-'])}({_of(Kind.NUMBER, random, depth)})"


def _case(kind: Kind) -> Any:
    def case(random: Random, depth: int) -> str:
        when, then, otherwise = (_of(each, random, depth) for each in (Kind.CONDITION, kind, kind))
        return f"CASE WHEN {when} THEN {then}{random.choice(['', f' ELSE {otherwise}'])} END"

    return case


def _simple_case(random: Random, depth: int) -> str:
    return f"CASE {random.choice(NAMES)} WHEN 'eu' THEN {_of(Kind.NUMBER, random, depth)} WHEN 'it''s' THEN 2 END"


def _coalesced(random: Random, depth: int) -> str:
    return f"coalesce({_of(Kind.TEXT, random, depth)}, {_of(Kind.TEXT, random, depth)})"


def _compared(random: Random, depth: int) -> str:
    operator = random.choice(["=", "<>", "!=", "<", "<=", ">", ">="])
    return f"({_of(Kind.NUMBER, random, depth)} + 0 {operator} {_of(Kind.NUMBER, random, depth)})"


def _same(random: Random, depth: int) -> str:
    operator = random.choice(["=", "<>"])
    return f"({_of(Kind.TEXT, random, depth)} {operator} {_quoted(random.choice(_TEXTS))})"


def _among(random: Random, depth: int) -> str:
    if random.random() < 0.5:
        return f"({_of(Kind.TEXT, random, depth)} {random.choice(['', 'NOT '])}IN ('eu', '7', ''))"
    return f"({_of(Kind.NUMBER, random, depth)} IN (7, 0.1, 12.50))"


def _like(random: Random, depth: int) -> str:
    if random.random() < 0.5:
        return f"contains({_of(Kind.TEXT, random, depth)}, {_quoted(random.choice(_TEXTS))})"
    pattern = _quoted(random.choice(_PATTERNS))
    return f"({_of(Kind.TEXT, random, depth)} {random.choice(['', 'NOT '])}LIKE {pattern})"


def _missing(random: Random, depth: int) -> str:
    of = _of(random.choice(list(Kind)), random, depth)
    return f"(({of}) IS {random.choice(['', 'NOT '])}NULL)"


def _is(random: Random, depth: int) -> str:
    return f"({_of(Kind.CONDITION, random, depth)} IS {random.choice(['', 'NOT '])}{random.choice(['TRUE', 'FALSE'])})"


def _joined(random: Random, depth: int) -> str:
    left, right = (_of(Kind.CONDITION, random, depth) for _ in range(2))
    return f"({left} {random.choice(['AND', 'OR'])} {right})"


def _not(random: Random, depth: int) -> str:
    return f"(NOT {_of(Kind.CONDITION, random, depth)})"


def _between(random: Random, depth: int) -> str:
    return f"({_of(Kind.NUMBER, random, depth)} BETWEEN 0 AND {random.choice(_NUMBERS)})"


_FORMS: dict[Kind, list[Any]] = {
    Kind.NUMBER: [_infix, _infix, _divided, _function, _single, _case(Kind.NUMBER), _simple_case],
    Kind.TEXT: [_case(Kind.TEXT), _coalesced],
    Kind.CONDITION: [_compared, _same, _among, _like, _missing, _is, _joined, _joined, _not, _between],
}
