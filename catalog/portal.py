"""The public door: the price page of a public card, the same as JSON, and what quantities come to. No sign-in.

All three may be kept by caches, but never beyond the instant at which the next published prices take effect.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import conditional_page, require_safe

from catalog.estimates import estimate
from catalog.models import RateCard
from catalog.public_prices import PublicPrice, PublicPrices, as_json, public_prices
from governance import clock
from pricing.money import ZERO, parse, shown

KEEP = timedelta(minutes=5)
PREFIX = "q-"
LARGEST = Decimal(10) ** 15
THEMES = ("light", "dark")
# What may be shown inside other people's pages: this and nothing else of ours.
FRAMED = {"frame-ancestors": ["*"]}
NOT_A_QUANTITY = "Please type a number, like 1,000 or 2.5."
Asked = dict[str, Decimal]


@require_safe
@conditional_page
def prices(request: HttpRequest, key: str) -> HttpResponse:
    """The page. `?embed=1` is for frames: without head and foot; `?theme=light|dark` where the page around has one."""
    shown_prices = _public_or_404(key)
    asked, wrong = _asked(request, shown_prices)
    theme = request.GET.get("theme", "")
    is_embedded = request.GET.get("embed") == "1"
    context = {
        "shown": shown_prices,
        "card": shown_prices.card,
        "embed": is_embedded,
        "theme": theme if theme in THEMES else "",
        "estimate": _estimate(shown_prices, asked) if asked and not wrong else None,
        "rows": [
            (group, [_field(price, request.GET, wrong) for price in group.prices]) for group in shown_prices.groups
        ],
        "estimate_url": reverse("prices-estimate", args=[key]),
        "json_url": reverse("prices-json", args=[key]),
        "page_url": settings.PUBLIC_URL + reverse("prices", args=[key]),
    }
    response = render(request, "catalog/prices.html", context, status=400 if wrong else 200)
    if is_embedded:
        response._csp_replace = FRAMED  # type: ignore[attr-defined]
        response.xframe_options_exempt = True
    return _kept(response, shown_prices)


@require_safe
@conditional_page
def prices_json(request: HttpRequest, key: str) -> HttpResponse:
    """The prices in force, and what is announced, for anybody's program."""
    shown_prices = _public_or_404(key)
    return _kept(_open(as_json(shown_prices)), shown_prices)


@require_safe
def prices_estimate(request: HttpRequest, key: str) -> HttpResponse:
    """What quantities come to: `?q-input-tokens=20000000&q-seats=5`. 400 names each that is no number."""
    shown_prices = _public_or_404(key)
    asked, wrong = _asked(request, shown_prices)
    if wrong:
        return _open({name: [NOT_A_QUANTITY] for name in wrong}, status=400)
    return _kept(_open(_estimate(shown_prices, asked)), shown_prices)


def _public_or_404(key: str) -> PublicPrices:
    card = RateCard.objects.filter(key=key, is_public=True).select_related("base").first()
    found = public_prices(card, at=clock.now()) if card else None
    if found is None:
        raise Http404
    return found


def _asked(request: HttpRequest, page: PublicPrices) -> tuple[Asked, list[str]]:
    """Quantities by product key, and the names of those that are none."""
    asked: Asked = {}
    wrong = []
    for row in page.rows:
        text = request.GET.get(PREFIX + row.product.key, "").replace(",", "").replace(" ", "")
        if not text:
            continue
        try:
            quantity = parse(text)
        except ValueError:
            quantity = -Decimal(1)
        if not ZERO <= quantity <= LARGEST:
            wrong.append(PREFIX + row.product.key)
        elif quantity:
            asked[row.product.key] = quantity
    return asked, wrong


def _field(price: PublicPrice, given: Mapping[str, str], wrong: list[str]) -> dict[str, Any]:
    """A price with its field of the estimator, filled in as it was sent."""
    name = PREFIX + price.key
    is_flat_fee = price.asks == "choice" and price.row.offer.charge.basis == "none" and price.row.offer.cycle_months > 0
    text = given.get(name, "1" if is_flat_fee and not _is_sent(given) else "")
    return {"price": price, "name": name, "text": text, "is_wrong": name in wrong}


def _is_sent(given: Mapping[str, str]) -> bool:
    return "estimate" in given


def _estimate(page: PublicPrices, asked: Asked) -> dict[str, Any]:
    found = estimate(page.rows, asked, page.card.currency, at=clock.now())
    return {
        "monthly": found.monthly.as_json() | {"text": str(found.monthly)},
        "once": found.once.as_json() | {"text": str(found.once)},
        "has_once": bool(found.once.amount),
        "lines": [
            {
                "product": line.product.key,
                "name": f"{line.product.name}, once" if line.once.amount else line.product.name,
                "monthly": line.monthly.as_json(),
                "once": line.once.as_json(),
                "text": shown((line.once if line.once.amount else line.monthly).amount, line.monthly.currency),
                "workings": list(line.workings),
            }
            for line in found.lines
        ],
    }


def _open(data: Any, status: int = 200) -> HttpResponse:
    """JSON that any page on the web may read."""
    body = json.dumps(data, ensure_ascii=False)
    headers = {"Access-Control-Allow-Origin": "*"}
    return HttpResponse(body, content_type="application/json", headers=headers, status=status)


def _kept(response: HttpResponse, page: PublicPrices) -> HttpResponse:
    """A few minutes, and never beyond the next change."""
    left = page.until - clock.now() if page.until else KEEP
    seconds = max(0, int(min(KEEP, left).total_seconds()))
    response["Cache-Control"] = f"public, max-age={seconds}" if response.status_code == 200 else "no-store"
    return response


urlpatterns = [
    path("<slug:key>.json", prices_json, name="prices-json"),
    path("<slug:key>/estimate", prices_estimate, name="prices-estimate"),
    path("<slug:key>", prices, name="prices"),
]
