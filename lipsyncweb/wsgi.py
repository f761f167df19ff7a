"""The WSGI entry point: `lipsyncweb.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lipsyncweb.settings")
application = get_wsgi_application()
