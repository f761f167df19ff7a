"""The product's own settings, with the views that it is compared with in the URL map."""

from lipsyncweb.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.urls"
API_REQUESTS_PER_MINUTE = 10**9  # counted as ever, and never reached
