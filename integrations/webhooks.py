"""The door for messages from other systems: check the signature, keep the message, say 200. Nothing else."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from governance import clock
from integrations import inbox, payments


@csrf_exempt
@require_POST
def stripe(request: HttpRequest) -> HttpResponse:
    """Stripe's events. A bad signature, an old one or a message that is no event: 400, and nothing is written."""
    try:
        event = payments.verify_webhook(request.body, request.headers.get("Stripe-Signature", ""))
        message_id, type_ = str(event["id"]), str(event["type"])
    except (ValueError, KeyError):
        return HttpResponse("bad signature or message\n", status=400, content_type="text/plain")
    inbox.receive(sender="stripe", message_id=message_id, type=type_, body=event, at=clock.now())
    return HttpResponse(status=200)


urlpatterns = [path("stripe", stripe, name="hook-stripe")]
