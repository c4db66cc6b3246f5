"""The web server's way in: WSGI, because sync views lose a millisecond a request under ASGI."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty_crm.settings")
# A till gives up early and says so; jobs and commands keep the longer limits of the settings.
os.environ.setdefault("DATABASE_LOCK_TIMEOUT_MS", "2000")
os.environ.setdefault("DATABASE_STATEMENT_TIMEOUT_MS", "5000")
os.environ.setdefault("DATABASE_IDLE_TIMEOUT_MS", "10000")

application = get_wsgi_application()
