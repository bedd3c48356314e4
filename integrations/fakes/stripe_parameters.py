"""Decode Stripe's form-encoded parameters and hold them against the typed parameters of the official client.

`stripe.params` is generated from Stripe's OpenAPI description, so what it does not know, Stripe refuses.
"""

import types
import typing
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Literal, NotRequired, get_args, get_origin
from urllib.parse import parse_qsl

from stripe._request_options import RequestOptions
from typing_extensions import is_typeddict

from integrations.fakes.stripe_refusals import StripeRefusal

_NOT_SENT = frozenset(RequestOptions.__annotations__)  # options of the client, never parameters of a request


def decode(form: str) -> dict[str, Any]:
    """`a[b][0]=1&c=x` as `{"a": {"b": {"0": "1"}}, "c": "x"}`; lists are still keyed by their positions."""
    decoded: dict[str, Any] = {}
    for name, value in parse_qsl(form, keep_blank_values=True, strict_parsing=False):
        *outer, last = name.replace("]", "").split("[")
        place = decoded
        for key in outer:
            place = place.setdefault(key, {})
            if not isinstance(place, dict):
                raise StripeRefusal(f"Invalid object: {name}", param=name)
        place[last or str(len(place))] = value
    return decoded


def read(parameters: type, sent: dict[str, Any], path: str = "") -> dict[str, Any]:
    """`sent` with its texts turned into ints, booleans, lists…, or a `StripeRefusal` as Stripe would give."""
    hints = _fields(parameters)
    for name in sent:
        if name not in hints:
            param = _inside(path, name)
            raise StripeRefusal(f"Received unknown parameter: {param}", code="parameter_unknown", param=param)
    values = {}
    for name, hint in hints.items():
        param = _inside(path, name)
        if name in sent:
            values[name] = _value(hint, sent[name], param)
        elif get_origin(hint) is not NotRequired:
            raise StripeRefusal(f"Missing required param: {param}.", code="parameter_missing", param=param)
    return values


@cache
def _fields(parameters: type) -> dict[str, Any]:
    """The fields with their annotations resolved in the module that wrote them."""
    written = {name: hint for name, hint in parameters.__annotations__.items() if name not in _NOT_SENT}
    scope = type("Scope", (), {"__annotations__": written, "__module__": parameters.__module__})
    return typing.get_type_hints(scope, include_extras=True)


def _inside(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name


def _value(hint: Any, sent: Any, param: str) -> Any:
    origin = get_origin(hint)
    if origin is NotRequired:
        return _value(get_args(hint)[0], sent, param)
    if origin in (typing.Union, types.UnionType):
        return _first_of(_alternatives(hint), sent, param)
    if origin is Literal:
        return _choice(get_args(hint), sent, param)
    if is_typeddict(hint) or origin is dict:
        if not isinstance(sent, dict):
            raise StripeRefusal("Invalid object", param=param)
        return read(hint, sent, param) if is_typeddict(hint) else _texts(sent, param)
    if origin is list:
        return _items(get_args(hint)[0], sent, param)
    return _scalar(hint, sent, param)


def _alternatives(hint: Any) -> list[Any]:
    """The client writes a closed list of words as `Literal[...] | str`; Stripe takes only the words.

    `Literal[''] | str` is different: a text that may be cleared.
    """
    options = list(get_args(hint))
    words = [word for option in options if get_origin(option) is Literal for word in get_args(option)]
    if str in options and any(words):
        options.remove(str)
    return options


def _first_of(options: list[Any], sent: Any, param: str) -> Any:
    refusals = []
    for option in options:
        try:
            return _value(option, sent, param)
        except StripeRefusal as refusal:
            refusals.append(refusal)
    raise max(refusals, key=lambda refusal: len(refusal.error["param"]))  # the one that got deepest says most


def _choice(words: tuple[Any, ...], sent: Any, param: str) -> Any:
    if sent in words:
        return sent
    listed = ", ".join(str(word) for word in words)
    raise StripeRefusal(f"Invalid {param}: must be one of {listed}", param=param)


def _texts(sent: dict[str, Any], param: str) -> dict[str, str]:
    """Metadata: at most 50 keys of 40 characters, values of 500."""
    for key, value in sent.items():
        if not isinstance(value, str):
            raise StripeRefusal("Metadata values must be strings", param=_inside(param, key))
        if len(key) > 40 or len(value) > 500:
            raise StripeRefusal("Metadata keys hold 40 and values 500 characters", param=_inside(param, key))
    if len(sent) > 50:
        raise StripeRefusal("You can have up to 50 metadata keys", param=param)
    return dict(sent)


def _items(hint: Any, sent: Any, param: str) -> list[Any]:
    if not isinstance(sent, dict) or not all(key.isdigit() for key in sent):
        raise StripeRefusal("Invalid array", param=param)
    return [_value(hint, sent[key], _inside(param, key)) for key in sorted(sent, key=int)]


def _scalar(hint: Any, sent: Any, param: str) -> Any:
    if not isinstance(sent, str):
        raise StripeRefusal(f"Invalid {getattr(hint, '__name__', 'value')}", param=param)
    if hint is str:
        if not sent:
            message = f"You passed an empty string for '{param}', which cannot be unset."
            raise StripeRefusal(message, code="parameter_invalid_empty", param=param)
        return sent
    if hint is int:
        if sent.removeprefix("-").isascii() and sent.removeprefix("-").isdigit():
            return int(sent)
        raise StripeRefusal(f"Invalid integer: {sent}", code="parameter_invalid_integer", param=param)
    if hint is bool:
        if sent in ("true", "false"):
            return sent == "true"
        raise StripeRefusal(f"Invalid boolean: {sent}", param=param)
    if hint is Decimal:
        try:
            return str(Decimal(sent))
        except InvalidOperation:
            raise StripeRefusal(f"Invalid decimal: {sent}", param=param) from None
    raise StripeRefusal("Invalid value", param=param)
