"""Settings for the test suite: its own embedded server, cheap passwords, nothing left in anybody's folders.

pytest reads settings before any conftest, and in the parent before the workers of `-n`: so the server starts
here.
"""

import atexit
import contextlib
import os
import tempfile
from pathlib import Path

_leave = contextlib.ExitStack()
atexit.register(_leave.close)

# What the tests expect must not depend on what somebody has in .env or in the shell; the server they use may.
os.environ["QUOIN_IGNORE_DOT_ENV"] = "1"
_scratch = _leave.enter_context(tempfile.TemporaryDirectory(prefix="quoin-test-"))

from config import postgres  # noqa: E402

if not os.environ.get("DATABASE_URL"):
    os.environ["DATABASE_URL"] = _leave.enter_context(postgres.running(postgres.VAR_DIR / "test-postgres"))

from config.settings import *  # noqa: E402, F403

SECRET_KEY = "only-for-tests-" * 4
PUBLIC_URL = "http://testserver"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AUTH_PASSWORD_VALIDATORS: list[dict[str, str]] = []
AXES_ENABLED = False
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
MEDIA_ROOT = Path(_scratch) / "files"
CELERY_BROKER_URL = "memory://"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {}
STRIPE_API_KEY = STRIPE_WEBHOOK_SECRET = ""
SALESFORCE_INSTANCE_URL = SALESFORCE_ACCESS_TOKEN = SALESFORCE_CA_BUNDLE = ""
LOG_LEVEL = "ERROR"
