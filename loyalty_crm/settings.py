"""One file of settings; every difference between machines is an environment variable.

docs/operators.md lists the variables. Values are read by ``loyalty_crm.env``,
which stops the start when one can't be read.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import django_stubs_ext
from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.utils.translation import gettext_lazy as _
from psycopg.conninfo import make_conninfo

from loyalty_crm import embedded_postgres, env
from loyalty_crm.admin_theme import UNFOLD  # noqa: F401 - the theme looks it up here
from loyalty_crm.kernel import logs

# Generic classes of Django and the REST framework take their argument at run time as well.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.folder("DATA_DIR", BASE_DIR / ".data")
DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.secret("SECRET_KEY", DATA_DIR / "secret_key")

# Applications

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "loyalty_crm.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "django_structlog",
    "import_export",
    "phonenumber_field",
    "tree_queries",
    "axes",
    "csp",
    "loyalty_crm.kernel",
    "members",
    "rewards",
    "campaigns",
    "analytics",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "loyalty_crm.kernel.logs.RequestLog",
    "loyalty_crm.kernel.api.request_id.RequestIdHeader",
    "loyalty_crm.kernel.csp.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "loyalty_crm.urls"
WSGI_APPLICATION = "loyalty_crm.wsgi.application"
ASGI_APPLICATION = "loyalty_crm.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Database: the application's role here, the owner's for ``loyalty_crm.kernel.roles``

HERE = embedded_postgres.dsns(DATA_DIR)
BEHIND_PGBOUNCER = env.flag("BEHIND_PGBOUNCER", default=False)
# wsgi.py sets shorter limits: a till must not wait, a night job may. The few statements that
# are prepared find their rows by key, whatever the values are: one plan serves them all.
DATABASE_SESSION = {
    "lock_timeout": env.number("DATABASE_LOCK_TIMEOUT_MS", 10_000),
    "statement_timeout": env.number("DATABASE_STATEMENT_TIMEOUT_MS", 0),
    "plan_cache_mode": "force_generic_plan",
    "idle_in_transaction_session_timeout": env.number("DATABASE_IDLE_TIMEOUT_MS", 600_000),
}


def connection_settings(parts: dict[str, Any]) -> dict[str, Any]:
    """Django's dictionary for one database out of what the connection string says."""
    limits = " ".join(f"-c {name}={value}" for name, value in DATABASE_SESSION.items())
    # pgbouncer refuses start-up options: there, ALTER ROLE sets the limits (docs/operators.md).
    extra = {} if BEHIND_PGBOUNCER else {"options": limits}
    return {
        **parts,
        "ENGINE": "loyalty_crm.kernel.backend",
        "OPTIONS": {**extra, **parts["OPTIONS"]},
        "CONN_MAX_AGE": env.number("DATABASE_CONNECTION_AGE", 600),
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": BEHIND_PGBOUNCER,
    }


DATABASES = {"default": connection_settings(env.database("DATABASE_URL", HERE.app))}
DATABASE_OWNER = env.database(
    "DATABASE_OWNER_URL", env.text("DATABASE_URL", HERE.owner) or HERE.owner
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Background work: a message only says "look now", the work itself stands in tables

BROKER_IN_OUR_DATABASE = env.text("CELERY_BROKER_URL", "pgmq://") == "pgmq://"
CELERY_BROKER_URL = "pgmq://here" if BROKER_IN_OUR_DATABASE else env.text("CELERY_BROKER_URL")


def broker_options(url: str) -> dict[str, Any]:
    if not url.startswith("pgmq://"):
        return {"socket_timeout": 5, "socket_connect_timeout": 5} if "redis" in url else {}
    there = url.replace("pgmq://", "postgresql://", 1)
    own = DATABASES["default"] if BROKER_IN_OUR_DATABASE else env.split("CELERY_BROKER_URL", there)
    return {
        "init_extension": False,  # ``migrate`` installs its tables, as owner
        "conn_string": make_conninfo(
            dbname=own["NAME"],
            user=own["USER"],
            password=own["PASSWORD"],
            host=own["HOST"],
            port=own["PORT"] or "5432",
        ),
        "pool_size": 3,
        "use_notify": True,
        "wait_time_seconds": 0,
        "polling_interval": 5,
        "visibility_timeout": 600,
    }


CELERY_BROKER_TRANSPORT_OPTIONS = broker_options(CELERY_BROKER_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_TIMEOUT = 5
CELERY_TASK_DEFAULT_QUEUE = "loyalty"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
# Publishing happens after a till's commit: the scheduler says it again, the till does not wait.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 2
CELERY_WORKER_CONCURRENCY = env.number("WORKER_PROCESSES", 2, least=1)
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")
CELERY_TIMEZONE = "UTC"

# Who may come in, and over what

PUBLIC_BASE_URL = env.text("PUBLIC_BASE_URL")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", f"localhost,127.0.0.1,[::1],{socket.gethostname()}")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
HTTPS = env.flag("HTTPS", default=False)
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_SECURE = HTTPS
X_FRAME_OPTIONS = "DENY"

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "locked_out.html"
# A lock-out ends by itself after a quarter of an hour, or by `manage.py axes_reset`.
AXES_ENABLE_ADMIN = False

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:", "blob:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
# The admin theme evaluates expressions in the browser; nothing else here may.
ADMIN_CONTENT_SECURITY_POLICY = {
    "script-src": [SELF, UNSAFE_EVAL, UNSAFE_INLINE],
    "style-src": [SELF, UNSAFE_INLINE],
}

# Languages, times, files

LANGUAGE_CODE = env.text("LANGUAGE_CODE", "en")
LANGUAGES = [("en", _("English")), ("ru", _("Russian"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.text("TIME_ZONE", "UTC")
USE_TZ = True
USE_I18N = True
# How many days after a sale its receipt is still taken in, from a till that was offline.
SALE_ACCEPTED_DAYS = env.number("SALE_ACCEPTED_DAYS", 366)
# Processes that replay receipts of one back-test; 1: the worker does it alone.
BACKTEST_PROCESSES = env.number("BACKTEST_PROCESSES", 2, least=1)
# Wrong codes, cards and phones of one key in one store (kernel/throttle.py).
GUESSES_PER_MINUTE = env.number("GUESSES_PER_MINUTE", 5, least=1)
GUESSES_PER_DAY = env.number("GUESSES_PER_DAY", 30, least=1)
# A cashier who asks everybody for a phone number finds nobody many times a day.
TILL_MISSES_PER_MINUTE = env.number("TILL_MISSES_PER_MINUTE", 20, least=1)
TILL_MISSES_PER_DAY = env.number("TILL_MISSES_PER_DAY", 400, least=1)
# Calls a second of one integration; 0 is no limit and no statement.
RATE_LIMITS = {
    "quotes": env.number("RATE_QUOTES", 0),
    "commits": env.number("RATE_COMMITS", 0),
    "lookups": env.number("RATE_LOOKUPS", 10),
}
# Who takes service messages over, by channel: "local" keeps them in the back office.
MESSAGE_PROVIDERS = {
    "sms": env.text("SMS_PROVIDER", "local"),
    "email": env.text("EMAIL_PROVIDER", "local"),
}
EMAIL_HOST = env.text("EMAIL_HOST", "localhost")
EMAIL_PORT = env.number("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.text("EMAIL_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_PASSWORD")
EMAIL_USE_TLS = env.flag("EMAIL_TLS")
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "loyalty@localhost")
# The header in which a trusted proxy in front names the caller, such as HTTP_X_REAL_IP.
CLIENT_ADDRESS_HEADER = env.text("CLIENT_ADDRESS_HEADER", "REMOTE_ADDR")
# Whether people may join by themselves on /my/.
SELF_REGISTRATION = env.flag("SELF_REGISTRATION", default=True)
# Short-lived codes of cards are sealed with it; a new one ends those that are shown now.
CARD_CODE_KEY = env.secret("CARD_CODE_KEY", DATA_DIR / "card_code_key")
# Cards in the wallets of phones: files in PEM form, and what Apple and Google call this shop.
APPLE_PASS_TYPE_ID = env.text("APPLE_PASS_TYPE_ID")
APPLE_TEAM_ID = env.text("APPLE_TEAM_ID")
APPLE_PASS_CERTIFICATE = env.text("APPLE_PASS_CERTIFICATE")
APPLE_PASS_KEY = env.text("APPLE_PASS_KEY")
APPLE_WWDR_CERTIFICATE = env.text("APPLE_WWDR_CERTIFICATE")
GOOGLE_WALLET_ISSUER = env.text("GOOGLE_WALLET_ISSUER")
GOOGLE_WALLET_CLASS = env.text("GOOGLE_WALLET_CLASS", "loyalty")
GOOGLE_WALLET_KEY = env.text("GOOGLE_WALLET_KEY")
PHONE_REGION = env.text("PHONE_REGION", "RU")  # where a phone without a country code belongs
PHONENUMBER_DEFAULT_REGION = PHONE_REGION
# The most money that a cashier gives back at once without the store manager, in minor units.
CASHIER_REFUND_LIMIT_MINOR = env.number("CASHIER_REFUND_LIMIT_MINOR", 50_000)
# Numbers and PINs of gift cards follow from it: without it they can't be found again.
GIFT_CARD_KEY = env.secret("GIFT_CARD_KEY", DATA_DIR / "gift_card_key")
CARD_PREFIX = env.text("CARD_PREFIX", "9")  # the first digits of our own card numbers
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Served straight out of the packages: no collecting step that could be forgotten.
WHITENOISE_USE_FINDERS = True
MEDIA_ROOT = DATA_DIR / "media"

# API

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "loyalty_crm.kernel.api.authentication.ApiKeyAuthentication"
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "loyalty_crm.kernel.api.permissions.HasScope",
        "loyalty_crm.kernel.api.permissions.NothingIgnored",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["loyalty_crm.kernel.api.rates.Pace"],
    "DEFAULT_PARSER_CLASSES": ["loyalty_crm.kernel.api.strict_json.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "loyalty_crm.kernel.api.negotiation.AlwaysJSON",
    "DEFAULT_FILTER_BACKENDS": ["loyalty_crm.kernel.api.filters.StrictFilterBackend"],
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_PAGINATION_CLASS": "loyalty_crm.kernel.api.pagination.KeysetPagination",
    "DEFAULT_SCHEMA_CLASS": "loyalty_crm.kernel.api.openapi.KernelAutoSchema",
    "EXCEPTION_HANDLER": "loyalty_crm.kernel.api.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Loyalty CRM",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "MemberStatus": "members.models.people.Member.Status",
        "CardStatus": "members.models.cards.Card.Status",
        "BatchRowStatus": "members.api.serializers.ROW_STATUSES",
        "IdentityKind": "members.models.people.Identity.Kind",
        "WalletStatus": "rewards.models.ledger.Wallet.Status",
        "WalletKind": "rewards.models.ledger.Wallet.Kind",
        "HoldStatus": ["held", "captured", "voided", "expired"],
    },
    # Without the hook that names enums: inlined ones never collide.
    "POSTPROCESSING_HOOKS": ["loyalty_crm.kernel.api.openapi.add_problems"],
}

# Logs: one JSON object a line on standard output

LOGGING_CONFIG = None
logs.configure(env.text("LOG_LEVEL", "INFO"))
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = 10  # one line a request, when it is done
DJANGO_STRUCTLOG_STATUS_4XX_LOG_LEVEL = 20
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
