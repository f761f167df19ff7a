"""All settings, read from the environment once. A clone runs with none of them set.

Every variable is listed in docs/settings.md; a test compares the two.
"""

from pathlib import Path
from urllib.parse import urlsplit

import environ
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from lipsyncweb.local import local_secret

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent

# --- mode ---------------------------------------------------------------------------------------
LIPSYNCWEB_MODE = env.str("LIPSYNCWEB_MODE", default="local")
if LIPSYNCWEB_MODE not in ("local", "production"):
    raise ImproperlyConfigured(f"LIPSYNCWEB_MODE is {LIPSYNCWEB_MODE!r}; it must be 'local' or 'production'.")
LOCAL = LIPSYNCWEB_MODE == "local"

DEBUG = env.bool("DEBUG", default=False)
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "data"))).expanduser().resolve()
PORT = env.int("PORT", default=8000)
SITE_URL = env.str("SITE_URL", default=f"http://localhost:{PORT}").rstrip("/")
SITE_HOST = urlsplit(SITE_URL).hostname or "localhost"

# In local mode a random key is made on the first start; production must be given one (checks.py).
SECRET_KEY = env.str("SECRET_KEY", default="") or (
    local_secret(DATA_DIR / "secret_key") if LOCAL else "unset"
)
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
# Keys that encrypt secrets at rest (webhook signing secrets); the first writes, all read. Empty: SECRET_KEY.
ENCRYPTION_KEYS = env.list("ENCRYPTION_KEYS", default=[])

ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if LOCAL else [SITE_HOST]
)
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[SITE_URL])

# --- applications -------------------------------------------------------------------------------
INSTALLED_APPS = [
    "accounts",
    "jobs",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.github",
    "allauth.socialaccount.providers.google",
    "allauth.usersessions",
    "csp",
    "ninja",  # so that the API's documentation page takes its scripts from here and not from a CDN
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "jobs.api.limits.RateLimitMiddleware",
    "jobs.api.middleware.JsonErrorsMiddleware",
    "lipsyncweb.middleware.OptionalSlashMiddleware",
    "lipsyncweb.middleware.CompressedPagesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.pending_login.PendingLoginMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "accounts.middleware.TeamMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "lipsyncweb.urls"
WSGI_APPLICATION = "lipsyncweb.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "accounts.context.team",
            ],
        },
    }
]

# --- database, cache, broker --------------------------------------------------------------------
if env.str("DATABASE_URL", default=""):
    DATABASES = {"default": env.db("DATABASE_URL")}
else:  # not by an address: a # in the folder's name would cut it
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA_DIR / "db.sqlite3"}}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["CONN_MAX_AGE"] = None
    DATABASES["default"]["OPTIONS"] = {
        # IMMEDIATE: a transaction that reads first and writes later cannot fail for want of the lock.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    # A file, since the tests' threads and processes must meet in one database.
    DATABASES["default"]["TEST"] = {"NAME": DATA_DIR / "test.sqlite3"}
else:
    DATABASES["default"]["CONN_MAX_AGE"] = env.int("DATABASE_CONN_MAX_AGE", default=600)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": env.cache("CACHE_URL", default="locmemcache://"),
    # What a process counts by itself; room for as many addresses as a flood of them has.
    "local": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "local",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
}
if CACHES["default"]["BACKEND"].endswith("LocMemCache"):
    # Who has guessed too often, and which codes were used, is kept here: strangers must not crowd it out.
    CACHES["default"].setdefault("OPTIONS", {}).setdefault("MAX_ENTRIES", 100_000)
if CACHES["default"]["BACKEND"].endswith("RedisCache"):
    # A cache that hangs must not hold the web's threads.
    CACHES["default"].setdefault("OPTIONS", {}).update(socket_timeout=1, socket_connect_timeout=1)

BROKER_DIR = DATA_DIR / "broker"
BROKER_URL = env.str("BROKER_URL", default="lipsyncfs://")

# --- people -------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "history"
LOGOUT_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
MFA_ADAPTER = "accounts.adapter.MFAAdapter"
SOCIALACCOUNT_ADAPTER = "accounts.adapter.SocialAccountAdapter"
ACCOUNT_FORMS = {"signup": "accounts.forms.entrance.SignupForm"}
ACCOUNT_SIGNUP_FORM_CLASS = "accounts.forms.invited.InvitedForm"
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "accounts.reset_tokens.ResetTokens"  # noqa: S105 - a class
# Who may make an account: anybody, whoever was invited to a team, or nobody.
ACCOUNT_SIGNUP = env.str("ACCOUNT_SIGNUP", default="open")
if ACCOUNT_SIGNUP not in ("open", "invited", "closed"):
    raise ImproperlyConfigured(f"ACCOUNT_SIGNUP must be open, invited or closed, not {ACCOUNT_SIGNUP}.")
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_EMAIL_VERIFICATION = env.str(
    "ACCOUNT_EMAIL_VERIFICATION", default="optional" if LOCAL else "mandatory"
)
if ACCOUNT_EMAIL_VERIFICATION not in ("mandatory", "optional"):
    raise ImproperlyConfigured(
        f"ACCOUNT_EMAIL_VERIFICATION must be mandatory or optional, not {ACCOUNT_EMAIL_VERIFICATION}."
    )
# A code, where nobody gets in without: the browser that signs up stays signed in, and may use a passkey.
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = ACCOUNT_EMAIL_VERIFICATION == "mandatory"
# Complete only with mandatory verification: letting somebody in at once tells that the address was free.
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_CHANGE_EMAIL = True  # one address, replaced when the new one is confirmed
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 10 * 60
ACCOUNT_LOGIN_BY_CODE_MAX_ATTEMPTS = 3
ACCOUNT_REAUTHENTICATION_REQUIRED = True  # before e-mail, second factors and connected accounts change
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_DEFAULT_HTTP_PROTOCOL = urlsplit(SITE_URL).scheme
# Without a trusted proxy the peer's address is the client's; X-Forwarded-For is anyone's to write.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_TOTP_ISSUER = f"lipsyncweb {SITE_HOST}"
MFA_TOTP_TOLERANCE = 1  # steps of 30 s that a phone's clock may be off
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_FORMS = {
    "add_webauthn": "accounts.forms.passkeys.AddPasskeyForm",
    "edit_webauthn": "accounts.forms.passkeys.EditPasskeyForm",
    "signup_webauthn": "accounts.forms.passkeys.SignupPasskeyForm",
}
MFA_PASSKEY_SIGNUP_ENABLED = ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = LOCAL
USERSESSIONS_TRACK_ACTIVITY = False

# Login by other sites; each is offered when it is given both its values.
GOOGLE_CLIENT_ID = env.str("GOOGLE_CLIENT_ID", default="")
GOOGLE_CLIENT_SECRET = env.str("GOOGLE_CLIENT_SECRET", default="")
GITHUB_CLIENT_ID = env.str("GITHUB_CLIENT_ID", default="")
GITHUB_CLIENT_SECRET = env.str("GITHUB_CLIENT_SECRET", default="")
if bool(GOOGLE_CLIENT_ID) != bool(GOOGLE_CLIENT_SECRET) or bool(GITHUB_CLIENT_ID) != bool(
    GITHUB_CLIENT_SECRET
):
    raise ImproperlyConfigured(
        "Login by Google or GitHub needs both a client id and its secret; one is not set."
    )
SOCIALACCOUNT_PROVIDERS = {
    "google": {
        "APPS": [{"client_id": GOOGLE_CLIENT_ID, "secret": GOOGLE_CLIENT_SECRET}] if GOOGLE_CLIENT_ID else [],
        "SCOPE": ["profile", "email"],
        "OAUTH_PKCE_ENABLED": True,
    },
    "github": {
        "APPS": [{"client_id": GITHUB_CLIENT_ID, "secret": GITHUB_CLIENT_SECRET}] if GITHUB_CLIENT_ID else [],
        "SCOPE": ["user:email"],
        "OAUTH_PKCE_ENABLED": True,
    },
}

# What a person's first team is given, once per person.
STARTING_API_CREDITS = env.int("STARTING_API_CREDITS", default=1000)
STARTING_USER_CREDITS = env.int("STARTING_USER_CREDITS", default=1000)
# Bounds against floods of teams and of mail to strangers.
TEAMS_PER_PERSON = env.int("TEAMS_PER_PERSON", default=20)
INVITATION_DAYS = env.int("INVITATION_DAYS", default=7)
INVITATIONS_OPEN_PER_TEAM = env.int("INVITATIONS_OPEN_PER_TEAM", default=100)
INVITATIONS_PER_HOUR = env.int("INVITATIONS_PER_HOUR", default=50)

# --- mail ---------------------------------------------------------------------------------------
EMAIL_FILE_PATH = DATA_DIR / "outbox"
vars().update(env.email_url("EMAIL_URL", default="filemail://" if LOCAL else "smtp://localhost:25"))
EMAIL_FILE_PATH = DATA_DIR / "outbox"  # the line above sets an empty one for filemail://
EMAIL_TIMEOUT = 10  # seconds: a mail server that hangs must not hold the web's threads
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default=f"lipsyncweb <noreply@{SITE_HOST}>")
OPERATOR_EMAILS = env.list("OPERATOR_EMAILS", default=[])  # empty: everybody who is an operator here

# --- language and time --------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ru", _("Russian"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- files --------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = env.path("STATIC_ROOT", default=str(DATA_DIR / "static"))()
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_MANIFEST_STRICT = True
MEDIA_ROOT = DATA_DIR / "media"
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": MEDIA_ROOT},
    },
    "staticfiles": {"BACKEND": "lipsyncweb.storage.ModulesStorage"},
}
FILE_UPLOAD_TEMP_DIR = env.str("FILE_UPLOAD_TEMP_DIR", default="") or None
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000  # a request body without files: forms and the API's JSON
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
FILE_UPLOAD_PERMISSIONS = 0o640

# --- limits of media (printed in the docs) ------------------------------------------------------
MEDIA_MAX_IMAGE_BYTES = env.int("MEDIA_MAX_IMAGE_BYTES", default=30_000_000)
MEDIA_MAX_AUDIO_BYTES = env.int("MEDIA_MAX_AUDIO_BYTES", default=100_000_000)
MEDIA_MAX_VIDEO_BYTES = env.int("MEDIA_MAX_VIDEO_BYTES", default=500_000_000)
MEDIA_FETCH_SECONDS = env.int("MEDIA_FETCH_SECONDS", default=120)
# Bytes a second, in the mean: who sends an input slower holds up the line for everybody. 0 for any.
MEDIA_FETCH_LEAST_RATE = env.int("MEDIA_FETCH_LEAST_RATE", default=50_000)
OUTPUT_MAX_SECONDS = env.int("OUTPUT_MAX_SECONDS", default=600)
RESULT_DAYS = env.int("RESULT_DAYS", default=30)
UPLOAD_DAYS = env.int("UPLOAD_DAYS", default=30)
KEPT_MAX_PER_TEAM = env.int("KEPT_MAX_PER_TEAM", default=200)  # results beyond their days; 0 for any number
# What a team may keep of uploads at a time; 0 for any amount.
UPLOAD_MAX_BYTES_PER_TEAM = env.int("UPLOAD_MAX_BYTES_PER_TEAM", default=5_000_000_000)
UPLOAD_MAX_FILES_PER_TEAM = env.int("UPLOAD_MAX_FILES_PER_TEAM", default=5000)

# --- speech -------------------------------------------------------------------------------------
# The class whose voices speak typed words (docs/operators.md); empty for a site without voices.
SPEECH_BACKEND = env.str("SPEECH_BACKEND", default="jobs.speech.espeak.Espeak")
SPEECH_MAX_CHARACTERS = env.int("SPEECH_MAX_CHARACTERS", default=10_000)

# --- providers ----------------------------------------------------------------------------------
# Whether this machine's own engine makes videos, and how it ranks among connections (smallest first).
EMBEDDED_ENGINE = env.bool("EMBEDDED_ENGINE", default=True)
EMBEDDED_PREFERENCE = env.int("EMBEDDED_PREFERENCE", default=100)
PROVIDER_TIMEOUT_SECONDS = env.int("PROVIDER_TIMEOUT_SECONDS", default=30)
# What is waited after a server's first failure; doubled with each, up to ten minutes.
PROVIDER_RETRY_SECONDS = env.float("PROVIDER_RETRY_SECONDS", default=5.0)
RESULT_MAX_BYTES = env.int("RESULT_MAX_BYTES", default=2_000_000_000)
# How long a finished result that cannot be fetched is tried for.
RESULT_FETCH_GIVE_UP_SECONDS = env.int("RESULT_FETCH_GIVE_UP_SECONDS", default=900)

# --- jobs ---------------------------------------------------------------------------------------
LEASE_SECONDS = env.int("LEASE_SECONDS", default=45)
LEASE_RENEW_SECONDS = env.int("LEASE_RENEW_SECONDS", default=10)
SWEEP_SECONDS = env.int("SWEEP_SECONDS", default=15)
# A job that has not ended this long after it was submitted fails, and its credits return.
JOB_DEADLINE_SECONDS = env.int("JOB_DEADLINE_SECONDS", default=6 * 3600)
# How many of a team's jobs the engine makes at once, and each connection; the operator may give a team its own.
TEAM_CONCURRENCY = env.int("TEAM_CONCURRENCY", default=10)
WEBHOOK_TIMEOUT_SECONDS = env.int("WEBHOOK_TIMEOUT_SECONDS", default=15)
# How long a delivery's attempts are kept, and so how long it can be sent again.
WEBHOOK_LOG_DAYS = env.int("WEBHOOK_LOG_DAYS", default=30)
# Admit media and webhook addresses on loopback, with plain HTTP and any port. Refused in production.
OUTBOUND_ALLOW_LOOPBACK = env.bool("OUTBOUND_ALLOW_LOOPBACK", default=LOCAL)
OUTBOUND_ALLOW_HTTP = env.bool("OUTBOUND_ALLOW_HTTP", default=False)

# --- the API's limits; 0 for none -----------------------------------------------------------------
API_REQUESTS_PER_MINUTE = env.int("API_REQUESTS_PER_MINUTE", default=1200)  # of one key
API_WRONG_KEYS_PER_MINUTE = env.int("API_WRONG_KEYS_PER_MINUTE", default=30)  # from one address

# --- prices -------------------------------------------------------------------------------------
# What is paid for when a video plays on because the speech is longer: the output's length, or the source's.
BILL_EXTENDED_VIDEO_BY = env.str("BILL_EXTENDED_VIDEO_BY", default="output")
if BILL_EXTENDED_VIDEO_BY not in ("output", "source"):
    raise ImproperlyConfigured(
        f"BILL_EXTENDED_VIDEO_BY must be output or source, not {BILL_EXTENDED_VIDEO_BY}."
    )

# --- payments -----------------------------------------------------------------------------------
# Without both, packs are shown but not sold. A second webhook secret is believed while the first is replaced.
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", default="")
STRIPE_WEBHOOK_SECRETS = env.list("STRIPE_WEBHOOK_SECRET", default=[])
STRIPE_API_BASE = "https://api.stripe.com"
STRIPE_CHECKOUT = "https://checkout.stripe.com"  # where buyers are sent

# --- security -----------------------------------------------------------------------------------
SECURE = urlsplit(SITE_URL).scheme == "https"
SESSION_COOKIE_SECURE = SECURE
SESSION_COOKIE_NAME = "lipsyncweb_session" if not LOCAL else f"lipsyncweb_session_{PORT}"
CSRF_COOKIE_SECURE = SECURE
CSRF_COOKIE_NAME = "csrftoken" if not LOCAL else f"csrftoken_{PORT}"
LANGUAGE_COOKIE_NAME = "lipsyncweb_language"
LANGUAGE_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=3600 if SECURE else 0)
# TLS ends at the proxy; it is believed only where the operator says that there is one.
if env.int("TRUSTED_PROXY_COUNT", default=0):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "blob:", "data:"],
        "media-src": [SELF, "blob:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}
# auth.W004 sees no unique=True on the address; a constraint on its lower case is stricter.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]

# --- log ----------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"},
        # Anybody can send a wrong Host; a traceback for each would bury the rest.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
    },
}
