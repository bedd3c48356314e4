"""Settings for the test suite: its own embedded server, cheap passwords, nothing left in anybody's folders.

pytest reads settings before any conftest, and in the parent before the workers of `-n`: so the server starts
here, and the workers inherit its address.
"""

import atexit
import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

import psycopg

# What the tests expect must not depend on what somebody has in .env. Before anything of ours is imported.
os.environ["QUOIN_IGNORE_DOT_ENV"] = "1"

from config import postgres

at_exit = contextlib.ExitStack()
atexit.register(at_exit.close)
scratch = Path(at_exit.enter_context(tempfile.TemporaryDirectory(prefix="quoin-test-")))

if not os.environ.get("DATABASE_URL"):
    os.environ["DATABASE_URL"] = at_exit.enter_context(postgres.running(postgres.VAR_DIR / "test-postgres"))
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as _connection:
        # A test database that a power cut destroys is made anew.
        _connection.execute("ALTER SYSTEM SET fsync = off")
        _connection.execute("SELECT pg_reload_conf()")

from config.settings import *  # noqa: E402, F403

TESTING: dict[str, Any] = {
    "SECRET_KEY": "only-for-tests-" * 4,
    "PUBLIC_URL": "http://testserver",
    "CSRF_TRUSTED_ORIGINS": ["http://testserver"],
    "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
    "AUTH_PASSWORD_VALIDATORS": [],
    "AXES_ENABLED": False,
    "EMAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend",
    "MEDIA_ROOT": scratch / "files",
    "CELERY_BROKER_URL": "memory://",
    "CELERY_BROKER_TRANSPORT_OPTIONS": {},
    "EVENT_STORE_URL": "",
    "EVENT_STORE_CLUSTER": "",
    "STRIPE_API_KEY": "",
    "STRIPE_WEBHOOK_SECRET": "",
    "SALESFORCE_INSTANCE_URL": "",
    "SALESFORCE_ACCESS_TOKEN": "",
    "SALESFORCE_CA_BUNDLE": "",
}
vars().update(TESTING)
