import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

ROOT = Path(__file__).parents[2]


def test_the_example_lists_exactly_the_settings_that_are_read() -> None:
    read = set()
    for path in (ROOT / "config").glob("*.py"):
        read |= set(re.findall(r'(?:\benv\.\w+|\bdirectory)\(\s*"([A-Z_]+)"', path.read_text()))
    listed = re.findall(r"^# ([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(read)


def test_only_postgresql_will_do() -> None:
    assert settings.DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql"


@pytest.mark.django_db
def test_only_the_admin_may_evaluate_scripts(client: Client) -> None:
    admin = client.get("/admin/login/")["Content-Security-Policy"]
    health = client.get("/health")["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval'" in admin
    assert "unsafe" not in health
    assert "default-src 'self'" in health
