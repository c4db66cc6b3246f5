"""The admin as an app: our site instead of Django's."""

from __future__ import annotations

from importlib import import_module

from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class AdminConfig(DjangoAdminConfig):
    default_site = "loyalty_crm.admin_site.LoyaltyAdminSite"

    def ready(self) -> None:
        super().ready()
        # After every app's own admin: it puts accounts into our dress.
        import_module("loyalty_crm.accounts_admin")
