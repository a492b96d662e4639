"""Django's settings, all derived from kit.config: nothing is configured twice."""

from typing import Any
from urllib.parse import unquote, urlsplit

from stadtmail.kit import config

_config = config.load()


def _sqlite(name: str) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": _config.data / f"{name}.sqlite3",
        "TEST": {"NAME": str(_config.data / f"{name}.sqlite3")},
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            # secure_delete and the truncated log are hygiene; the epoch of the vault is the guarantee (house.md 3)
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;"
            " PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF;",
        },
        "CONN_MAX_AGE": 600,  # opening anew for each request would checkpoint the log each time
    }


def _postgres(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "TEST": {"NAME": unquote(parts.path.lstrip("/"))},
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            # values travel apart from the statement, so that no statement in the server's log has one in it; what an
            # ordinary role may not set for its session (log_statement and the like) is in docs/operate.md
            "server_side_binding": True,
            "options": "-c log_parameter_max_length_on_error=0 -c idle_in_transaction_session_timeout=60s -c TimeZone=UTC",
            "application_name": "stadtmail",
        },
    }


DATABASES = {
    "default": _postgres(_config.database_url) if _config.database_url else _sqlite("default"),
    "keys": _postgres(_config.keys_url) if _config.keys_url else _sqlite("keys"),
    "evidence": _sqlite("evidence"),
}
DATABASE_ROUTERS = ["stadtmail.kit.router.Router"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "stadtmail.tenants",
    "stadtmail.vault",
    "stadtmail.privacy",
    "stadtmail.people",
    "stadtmail.usage",
    "stadtmail.mail",
    "stadtmail.doors.web",
]
MIDDLEWARE = [
    "stadtmail.doors.web.middleware.Portal",
    "whitenoise.middleware.WhiteNoiseMiddleware",
]
ROOT_URLCONF = "stadtmail.urls"
SECRET_KEY = "not used: every token is keyed by the city's own keys in the vault"  # noqa: S105
ALLOWED_HOSTS = ["*"]  # doors/web finds the city by host name and answers 421 to a stranger
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "de"
LANGUAGES = [("de", "Deutsch"), ("en", "English")]
STATIC_URL = "/static/"
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.AppDirectoriesFinder"]
WHITENOISE_USE_FINDERS = True  # files are read where they lie: there is no step that collects them
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 31_536_000  # addresses carry the file's digest (templatetags/portal.py)
WHITENOISE_ALLOW_ALL_ORIGINS = False
LOGGING_CONFIG = None
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": ["stadtmail.doors.web.context.portal"],
            # every template's tags for addresses and for what is the same each time
            "builtins": ["stadtmail.doors.web.templatetags.addresses", "stadtmail.doors.web.templatetags.fragments"],
        },
    }
]
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 100
FILE_UPLOAD_HANDLERS: list[str] = []  # no upload exists yet, so none can reach a temporary file
