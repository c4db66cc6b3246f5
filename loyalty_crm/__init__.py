"""The project. Tasks find their broker because the Celery application is made here."""

from loyalty_crm.celery import app as celery_app

__all__ = ["celery_app"]
