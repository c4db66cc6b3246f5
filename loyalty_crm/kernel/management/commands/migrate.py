"""``migrate`` as the owner, and the application's privileges afterwards."""

from __future__ import annotations

from typing import Any

from django.core.management.commands.migrate import Command as DjangoMigrate

from loyalty_crm.kernel import broker_tables, privileges
from loyalty_crm.kernel.roles import as_owner


class Command(DjangoMigrate):
    def handle(self, *args: Any, **options: Any) -> None:
        with as_owner():
            super().handle(*args, **options)
            if not (options["plan"] or options["check_unapplied"]):
                broker_tables.install()
                privileges.grant()
