"""For servers that speak ASGI only; ``make run`` uses wsgi.py, which is faster for sync views."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty_crm.settings")
os.environ.setdefault("DATABASE_LOCK_TIMEOUT_MS", "2000")
os.environ.setdefault("DATABASE_STATEMENT_TIMEOUT_MS", "5000")
os.environ.setdefault("DATABASE_IDLE_TIMEOUT_MS", "10000")

application = get_asgi_application()
