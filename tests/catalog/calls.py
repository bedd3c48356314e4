"""Calls of the API that the catalog's tests share."""

import json
from typing import Any

from django.test import Client

from tests import cast

CARD = "/api/v1/rate-cards/standard-usd"
WHY = {"because": "New prices"}


def key_with(*scopes: str) -> dict[str, str]:
    return cast.system_key(*scopes)


def send(client: Client, method: str, url: str, body: Any = WHY, **headers: str) -> tuple[int, Any]:
    """The status and the JSON of a call, None where there is none."""
    answer = client.generic(method, url, json.dumps(body), content_type="application/json", headers=headers)
    return answer.status_code, json.loads(answer.content) if answer.content else None
