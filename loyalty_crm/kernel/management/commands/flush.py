"""``flush`` as the owner: the application is never given TRUNCATE."""

from __future__ import annotations

from typing import Any

from django.core.management.commands.flush import Command as DjangoFlush

from loyalty_crm.kernel.roles import as_owner


class Command(DjangoFlush):
    def handle(self, **options: Any) -> None:
        with as_owner():
            super().handle(**options)
