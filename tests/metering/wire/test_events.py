from decimal import Decimal

from metering.wire.events import json_of, pointer


def test_json_is_canonical() -> None:
    assert json_of({"b": Decimal("1.50"), "a": {"d": 1, "c": None}}) == b'{"a":{"c":null,"d":1},"b":1.50}'


def test_a_pointer_is_escaped_and_never_endless() -> None:
    assert pointer(()) == ""
    assert pointer((3, "properties", "a/b~1", "")) == "/3/properties/a~1b~01/"
    assert len(pointer(("x" * 100_000,))) == 201
