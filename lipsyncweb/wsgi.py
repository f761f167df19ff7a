"""The WSGI entry point: `lipsyncweb.wsgi:application`."""

import io
import os
from collections.abc import Iterable
from typing import Any

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lipsyncweb.settings")


def without_head_bodies(application: Any) -> Any:
    """Answer HEAD with headers alone. waitress sends what it is given, and the next answer would be read from it."""

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = application(environ, start_response)
        if environ["REQUEST_METHOD"] != "HEAD":
            return body
        if hasattr(body, "close"):
            body.close()
        return []

    return answer


application = without_head_bodies(get_wsgi_application())

# Whatever server loads this: an unsafe site does not start (lipsyncweb/checks.py).
call_command("check", stdout=io.StringIO())
