"""The demo shop's log-ins, one for each role of the staff."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils.translation import gettext as _

from loyalty_crm import env
from loyalty_crm.kernel.staff import give_role

LOGINS = {
    "admin": "admin",
    "marketer": "marketer",
    "manager": "store_manager",
    "cashier": "cashier",
    "analyst": "analyst",
}


class Command(BaseCommand):
    help = "Create the demo log-ins, or set their password again. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        password = env.text("DEMO_PASSWORD") or env.kept(
            settings.DATA_DIR / "demo_password", size=9
        )
        for name, role in LOGINS.items():
            ensure_login(name, role, password)
        self.stdout.write(_("Demo log-ins: %(names)s") % {"names": ", ".join(LOGINS)})


@transaction.atomic
def ensure_login(name: str, role: str, password: str) -> None:
    user, _created = get_user_model().objects.get_or_create(username=name)
    give_role(user=user, role=role)
    # Somebody has to reach what no role names, or a new page could be opened by nobody.
    user.is_superuser = role == "admin"
    if not user.check_password(password):
        user.set_password(password)
    user.save()
