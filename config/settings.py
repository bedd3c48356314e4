"""Every knob, from the environment, with a typed default that works. `.env.example` says what each is for."""

import secrets
from decimal import Decimal
from pathlib import Path

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured
from psycopg.conninfo import make_conninfo

from config import postgres
from config.environment import directory, env
from config.unfold import UNFOLD as UNFOLD

VAR_DIR = postgres.VAR_DIR


def made_once(path: Path) -> str:
    """The secret kept in `path`, made by whoever comes first. A real installation sets SECRET_KEY instead."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x") as file:
            path.chmod(0o600)
            file.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass
    return path.read_text()


# ---------------------------------------------------------------- who we are and where
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or made_once(VAR_DIR / "secret-key")
PORT = env.int("PORT", default=8000)
HOST = env.str("HOST", default="127.0.0.1")
PUBLIC_URL = (env.str("PUBLIC_URL", default="") or f"http://localhost:{PORT}").rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["*"])
WEB_WORKERS = env.int("WEB_WORKERS", default=2)
WEB_THREADS = env.int("WEB_THREADS", default=4)

# ---------------------------------------------------------------- what it is made of
INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.inlines",
    "unfold.contrib.guardian",
    "unfold.contrib.simple_history",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "guardian",
    "simple_history",
    "pgtrigger",
    "rest_framework",
    "rest_framework_api_key",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "axes",
    "csp",
    "config",
    "governance",
    "metering",
    "catalog",
    "contracts",
    "quoting",
    "invoicing",
    "ledger",
    "insights",
    "integrations",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "config.security.readable_addresses",
    "config.security.for_holders_of_the_link",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.security.relaxed_where_needed",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],  # before Unfold's, which has a home page too
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# ---------------------------------------------------------------- the database
DATABASES = {"default": env.db_url_config(env.str("DATABASE_URL", default="") or postgres.address())}
_database = DATABASES["default"]
# A socket folder comes as ?host=, because a %2F in the host part would not be decoded.
_database["HOST"] = _database.setdefault("OPTIONS", {}).pop("host", _database["HOST"])
_database["OPTIONS"].setdefault("connect_timeout", 10)
_database |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
if _database["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must be the address of a PostgreSQL, postgres://user:password@host/name.")
DEMO = env.bool("DEMO", default=postgres.is_embedded())

# Nothing is cached: the admin's search would give what it found to somebody who may not see it any more.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}

# ---------------------------------------------------------------- background work
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="") or "pgmq://localhost/"
if CELERY_BROKER_URL.startswith("pgmq:"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        # The database is the broker. As key=value: from a URL the transport would drop ?host=.
        "conn_string": make_conninfo(
            host=_database["HOST"],
            port=_database["PORT"] or 5432,
            dbname=_database["NAME"],
            user=_database["USER"],
            password=_database["PASSWORD"],
        ),
        "init_extension": False,  # `install_broker` brings the SQL
        "use_notify": True,
        "visibility_timeout": 600,
        "pool_size": 4,
        "wait_time_seconds": 0,
    }
elif CELERY_BROKER_URL.startswith("redis"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 600}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "quoin"
CELERY_WORKER_PREFETCH_MULTIPLIER = 4
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat-schedule")
CELERY_TIMEZONE = "UTC"

# ---------------------------------------------------------------- who may come in
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "/admin/"
ANONYMOUS_USER_NAME = None  # guardian: nobody signed in has no rights at all
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_VERBOSE = False

_https = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
CSRF_FAILURE_VIEW = "config.errors.form_forged"
SECURE_REFERRER_POLICY = "same-origin"  # not stricter: without a referrer browsers send forms with an origin of null

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
# The admin's Alpine evaluates expressions, and both it and the API's browser style elements in place.
CSP_ADMIN = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}
CSP_API_DOCS = {"style-src": [SELF, UNSAFE_INLINE]}

# ---------------------------------------------------------------- language, time, files
LANGUAGE_CODE = "en-us"
FORMAT_MODULE_PATH = "config.formats"
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True
MEDIA_ROOT = directory("FILES_DIR", VAR_DIR / "files")

# ---------------------------------------------------------------- mail
if email_url := env.str("EMAIL_URL", default=""):
    vars().update(env.email_url_config(email_url))
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = VAR_DIR / "mail"
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Quoin <billing@localhost>")

# ---------------------------------------------------------------- the API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.api.ModestJSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.api.refusals",
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Quoin API",
    "DESCRIPTION": "From a published price to cash. Amounts are strings with a currency; instants are UTC.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "ProductKind": "catalog.models.Product.Kind",
        "FeatureKind": "catalog.models.Feature.Kind",
        "FeatureWindow": "catalog.models.FeatureGrant.Window",
        "DifferenceKind": "catalog.api.answers.DIFFERENCES",
        "RateCardVersionStatus": "catalog.models.RateCardVersion.Status",
        "ContractStatus": "contracts.models.Contract.Status",
        "RenewalPrices": "contracts.models.Contract.RenewalPrices",
        "LinePrices": "contracts.models.ContractLine.Prices",
        "CommitKind": "contracts.models.Commit.Kind",
        "QuoteStatus": "quoting.models.QuoteVersion.Status",
        "ApprovalStatus": "quoting.schema.APPROVAL_STATUSES",
        "InvoiceStatus": "invoicing.schema.ISSUED_STATUSES",
        "InvoiceKind": "invoicing.models.Invoice.Kind",
        "InvoiceLineKind": "invoicing.models.InvoiceLine.Kind",
        "MeterWindow": "metering.models.Meter.Window",
        "QuarantineReason": "metering.models.QuarantinedEvent.Reason",
        "OutcomeStatus": "metering.models.Outcome.Status",
        "OutcomeSource": "metering.models.Outcome.Source",
        "OutcomeEntryKind": "metering.models.OutcomeEntry.Kind",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "APPEND_COMPONENTS": {"securitySchemes": {"ApiKey": {"type": "apiKey", "in": "header", "name": "Authorization"}}},
    "SECURITY": [{"ApiKey": []}],
}

# ---------------------------------------------------------------- usage
USAGE_WINDOW_DAYS = env.int("USAGE_WINDOW_DAYS", default=34)  # what is older when it comes goes to quarantine
USAGE_RETENTION_MONTHS = env.int("USAGE_RETENTION_MONTHS", default=0)  # 0: events are kept for ever
USAGE_REQUESTS_AT_ONCE = env.int("USAGE_REQUESTS_AT_ONCE", default=6)  # of one sender, others want their turn; 0: any
USAGE_TIMEOUT_SECONDS = env.int("USAGE_TIMEOUT_SECONDS", default=20)  # then the sender is told to come again
# What is flagged for a person to look at, and what of it holds an invoice back (spike, silence, duplicates, skew).
FLAG_SPIKE_FACTOR = Decimal(env.str("FLAG_SPIKE_FACTOR", default="4"))  # of a usual day
FLAG_SPIKE_FLOOR = Decimal(env.str("FLAG_SPIKE_FLOOR", default="100"))  # units of the meter; a smaller day is no spike
FLAG_SILENCE_WAIT_HOURS = env.int("FLAG_SILENCE_WAIT_HOURS", default=2)  # after a day's end, before it is silent
FLAG_DUPLICATES = env.int("FLAG_DUPLICATES", default=100)  # a day of one customer; fewer are no burst
FLAG_DUPLICATES_SHARE = Decimal(env.str("FLAG_DUPLICATES_SHARE", default="0.5"))  # of what is counted that day
HOLD_ON_FLAGS = env.list("HOLD_ON_FLAGS", default=["spike"])
SIGN_UPS_AN_HOUR = env.int("SIGN_UPS_AN_HOUR", default=10)  # on the packages' pages, from one address
EVENT_STORE_URL = env.str("EVENT_STORE_URL", default="")  # a ClickHouse to keep usage events in; empty: PostgreSQL
EVENT_STORE_CLUSTER = env.str("EVENT_STORE_CLUSTER", default="")  # the name of its cluster; empty: it stands alone

# ---------------------------------------------------------------- other people's systems; empty is off
STRIPE_API_KEY = env.str("STRIPE_API_KEY", default="")
STRIPE_API_URL = env.str("STRIPE_API_URL", default="https://api.stripe.com")
STRIPE_WEBHOOK_SECRET = env.str("STRIPE_WEBHOOK_SECRET", default="")
SALESFORCE_INSTANCE_URL = env.str("SALESFORCE_INSTANCE_URL", default="")
SALESFORCE_ACCESS_TOKEN = env.str("SALESFORCE_ACCESS_TOKEN", default="")
SALESFORCE_CA_BUNDLE = env.str("SALESFORCE_CA_BUNDLE", default="")

# ---------------------------------------------------------------- logs: readable lines, nothing personal
LOG_LEVEL = env.str("LOG_LEVEL", default="WARNING")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname:<7} {name}: {message}", "style": "{"}},
    "filters": {"without_secrets": {"()": "config.security.WithoutSecrets"}},
    "handlers": {
        "terminal": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["without_secrets"]},
    },
    "root": {"handlers": ["terminal"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        "axes": {"level": "ERROR"},  # its warnings carry names and addresses; the table of attempts has them
    },
}
