"""The WSGI entry point: `lipsyncweb.wsgi:application`."""

import os

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lipsyncweb.settings")
application = get_wsgi_application()

# Whatever server loads this: an unsafe site does not start (lipsyncweb/checks.py).
call_command("check", verbosity=0)
