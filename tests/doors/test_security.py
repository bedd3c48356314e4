"""What every door has in common: headers, cookies, locks, error pages, and logs that give nothing away."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import path
from pytest_django.fixtures import Settings

from config.security import WithoutSecrets
from config.urls import urlpatterns as ours
from governance.documents import pdf
from integrations.models import InboundMessage
from quoting.links import token_of
from tests import cast
from tests.doors.test_matrix import signed_in

pytestmark = pytest.mark.django_db


def broken(request: object) -> None:
    raise RuntimeError("the secret of the house")


urlpatterns = [*ours, path("broken", broken), path("api/v1/broken", broken), path("admin-broken", broken)]
handler400, handler403 = "config.errors.bad_request", "config.errors.permission_denied"
handler404, handler500 = "config.errors.not_found", "config.errors.server_error"


# ---------------------------------------------------------------- headers and cookies
@pytest.mark.parametrize(
    "page", ["/admin/login/", "/q/nonsense/", "/i/nonsense/", "/a/nonsense/", "/api/docs/", "/api/v1/products"]
)
def test_every_answer_is_guarded(client: Client, page: str) -> None:
    headers = client.get(page).headers
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] in ("same-origin", "no-referrer")
    policy = headers["Content-Security-Policy"]
    for directive in ("default-src 'self'", "object-src 'none'", "frame-ancestors 'none'", "form-action 'self'"):
        assert directive in policy
    assert "'unsafe-inline'" not in policy.split("style-src")[0]


@pytest.mark.parametrize("page", ["/q/{}/", "/q/{}/pdf"])
def test_what_is_behind_a_link_is_not_kept_or_indexed(client: Client, page: str) -> None:
    headers = client.get(page.format(token_of(cast.sent()))).headers
    assert headers["X-Robots-Tag"] == "noindex"
    assert "no-store" in headers["Cache-Control"]


def test_cookies_are_out_of_reach_of_scripts_and_other_sites() -> None:
    client = Client()
    cast.person("ben")
    client.post("/admin/login/", {"username": "ben", "password": "quoin", "next": "/admin/"})
    session = client.cookies["sessionid"]
    assert (session["httponly"], session["samesite"]) == (True, "Lax")


def test_over_https_cookies_are_secure_and_browsers_stay_there() -> None:
    ask = (
        "from django.conf import settings as s;"
        "print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS > 0, s.CSRF_TRUSTED_ORIGINS)"
    )
    environment = {**os.environ, "PUBLIC_URL": "https://quoin.example", "DJANGO_SETTINGS_MODULE": "config.settings"}
    said = subprocess.run([sys.executable, "-c", ask], env=environment, cwd=Path(__file__).parents[2],
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert said.stdout == "True True True ['https://quoin.example']\n"


def test_a_form_without_its_token_is_told_kindly() -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.person("ben"), backend="django.contrib.auth.backends.ModelBackend")
    answer = strict.post("/admin/quoting/quote/add/", {})
    assert (answer.status_code, b"Please open the page again" in answer.content) == (403, True)


def test_guessing_a_password_is_locked_out(settings: Settings) -> None:
    settings.AXES_ENABLED = True
    cast.person("ben")
    client = Client()

    def tried(password: str) -> int:
        return client.post("/admin/login/", {"username": "ben", "password": password}).status_code

    assert [tried("wrong") for _ in range(settings.AXES_FAILURE_LIMIT)][:-1] == [200] * 9
    assert tried("quoin") == 429


# ---------------------------------------------------------------- when something is missing or broken
@override_settings(ROOT_URLCONF="tests.doors.test_security")
@pytest.mark.parametrize(("page", "status"), [("/broken", 500), ("/nowhere", 404), ("/q/nonsense/", 404)])
def test_people_read_a_page_and_nothing_of_how_it_broke(page: str, status: int) -> None:
    answer = Client(raise_request_exception=False).get(page)
    text = answer.content.decode()
    assert answer.status_code == status
    assert '<section class="panel message">' in text
    assert "secret of the house" not in text
    assert "Traceback" not in text


@override_settings(ROOT_URLCONF="tests.doors.test_security")
@pytest.mark.parametrize(("page", "status"), [("/api/v1/broken", 500), ("/api/v1/nowhere", 404), ("/hooks/x", 404)])
def test_systems_read_json(page: str, status: int) -> None:
    answer = Client(raise_request_exception=False).get(page)
    assert (answer.status_code, list(answer.json())) == (status, ["detail"])


def test_what_a_role_may_not_is_told_with_a_way_back() -> None:
    answer = signed_in("ben").get("/admin/auth/user/")
    assert answer.status_code == 403
    assert b"This is not open to you" in answer.content
    assert b'href="/admin/"' in answer.content


# ---------------------------------------------------------------- secrets
def test_logs_hold_neither_links_nor_keys() -> None:
    lines = {
        ("Not Found: %s", "/q/eyJhIjox:1abc/pdf"): "Not Found: /q/…/pdf",
        ("Conflict: %s", "/i/token:x:y/"): "Conflict: /i/…/",
        ("Not Found: %s", "/a/token:x:y/"): "Not Found: /a/…/",
        ("Authorization: Api-Key abc.def", None): "Authorization: Api-Key …",
        ("Not Found: %s", "/admin/quoting/quote/"): "Not Found: /admin/quoting/quote/",
    }
    for (text, argument), written in lines.items():
        record = logging.LogRecord("x", logging.WARNING, "", 1, text, (argument,) if argument else (), None)
        assert WithoutSecrets().filter(record)
        assert record.getMessage() == written


def test_what_was_declined_leaves_no_traceback() -> None:
    try:
        raise PermissionError
    except PermissionError:
        record = logging.LogRecord("django.request", logging.WARNING, "", 1, "Forbidden", (), sys.exc_info())
    WithoutSecrets().filter(record)
    assert record.exc_info is None


@pytest.mark.parametrize("address", ["file:///etc/passwd", "http://127.0.0.1/x.png", "data:image/png;base64,AA=="])
def test_documents_fetch_nothing(address: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "weasyprint"):
        pdf(f'<img src="{address}"><p style="background: url({address})">x</p>')
    assert "documents fetch nothing" in caplog.text


# ---------------------------------------------------------------- messages of others
@pytest.mark.parametrize("signature", ["", "t=1,v1=abc", "nonsense", "t=9999999999,v1=" + "0" * 64])
@pytest.mark.parametrize("secret", ["", "whsec_x"])
def test_a_message_nobody_signed_is_not_kept(settings: Settings, signature: str, secret: str) -> None:
    settings.STRIPE_WEBHOOK_SECRET = secret
    body = json.dumps({"id": "evt_1", "object": "event", "type": "invoice.paid"})
    headers = {"Stripe-Signature": signature}
    answer = Client().post("/hooks/stripe", body, content_type="application/json", headers=headers)
    assert (answer.status_code, InboundMessage.objects.count()) == (400, 0)


def test_a_message_beyond_all_size_is_not_read(settings: Settings) -> None:
    body = b"x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    assert Client().post("/hooks/stripe", body, content_type="application/json").status_code == 400
    assert Client().get("/hooks/stripe").status_code == 405


def test_the_schema_of_the_api_is_without_a_warning(tmp_path: Path) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))
