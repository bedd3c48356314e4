"""The official Stripe client, set up once, and its errors put into our two words: `Transient`, `Permanent`."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import stripe
from django.conf import settings

from integrations.errors import Permanent, Transient

_TIMEOUT = 30
T = TypeVar("T")


def client() -> stripe.StripeClient:
    """The client for the present settings; no retries inside, the outbox has them."""
    return _client(settings.STRIPE_API_KEY, settings.STRIPE_API_URL)


@cache
def _client(api_key: str, url: str) -> stripe.StripeClient:
    return stripe.StripeClient(
        api_key,
        base_addresses={"api": url} if url else {},
        http_client=stripe.RequestsClient(timeout=_TIMEOUT),
        max_network_retries=0,
    )


def once(call: Callable[[stripe.RequestOptions], T], key: str) -> T:
    """Make a creating call under its idempotency key.

    Stripe replays a refusal, too, for a day, even when its cause has been put right. A replayed refusal proves
    that nothing was made, so the call is made again under a key of its own.
    """
    try:
        return call({"idempotency_key": key})
    except (stripe.InvalidRequestError, stripe.CardError) as refusal:
        if _header(refusal, "idempotent-replayed") != "true":
            raise
        return call({"idempotency_key": f"{key}:{uuid.uuid4()}"})


@contextmanager
def translated() -> Iterator[None]:
    """Raise `Transient` for what may pass (network, overload, a key being replaced), `Permanent` for a refusal."""
    try:
        yield
    except stripe.APIConnectionError as error:
        raise Transient("Stripe could not be reached.") from error
    except stripe.RateLimitError as error:
        seconds = _header(error, "retry-after")
        raise Transient(
            "Stripe asks us to slow down.", retry_after=float(seconds) if seconds.isdigit() else None
        ) from error
    except stripe.AuthenticationError as error:
        raise Transient("Stripe does not accept our key: check STRIPE_API_KEY.") from error
    except stripe.IdempotencyError as error:
        raise Permanent("Stripe knows this idempotency key from another request.") from error
    except (stripe.InvalidRequestError, stripe.CardError, stripe.PermissionError) as error:
        if error.http_status == 409:
            raise Transient("Stripe is still busy with an earlier attempt.") from error
        raise Permanent(f"Stripe refused: {error.user_message}") from error
    except stripe.StripeError as error:
        raise Transient(f"Stripe had a failure of its own (HTTP {error.http_status}).") from error


def metadata_of(thing: stripe.StripeObject) -> dict[str, str]:
    return thing.to_dict().get("metadata") or {}


def _header(error: stripe.StripeError, name: str) -> str:
    headers = {key.lower(): text for key, text in (error.headers or {}).items()}
    return headers.get(name, "")
