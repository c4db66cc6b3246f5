"""API keys from the command line: create, rotate, revoke, list."""

from __future__ import annotations

import argparse
from datetime import datetime, time, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from loyalty_crm.kernel import api_keys
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.clock import now
from loyalty_crm.kernel.models import ApiKey, Integration
from loyalty_crm.kernel.scopes import SCOPES


class Command(BaseCommand):
    help = "Create, rotate, revoke and list API keys. A key is printed once and kept as a hash."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)

        create = actions.add_parser("create", help="a new integration and its first key")
        create.add_argument("name")
        create.add_argument("--scopes", required=True, type=_names, help=", ".join(SCOPES))
        create.add_argument("--stores", default=[], type=_names, help="codes; default: every store")
        create.add_argument("--expires", type=_moment, help="2027-01-31 or 2027-01-31T10:00+03:00")

        rotate = actions.add_parser(
            "rotate", help="a second live key; older ones end after a while"
        )
        rotate.add_argument("name")
        rotate.add_argument("--overlap-hours", type=int, default=24)

        revoke = actions.add_parser("revoke", help="end one key at once")
        revoke.add_argument("key", help="the part between crm_live_ and the secret")

        actions.add_parser("list", help="integrations with their keys")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, options["action"])(options)

    def create(self, options: dict[str, Any]) -> None:
        name = options["name"]
        if Integration.objects.filter(name=name).exists():
            raise CommandError(f"{name} exists already: use `apikey rotate {name}` for another key")
        try:
            integration = api_keys.create_integration(
                name=name, scopes=options["scopes"], stores=options["stores"], actor=SYSTEM
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        self._show(
            api_keys.issue_key(integration=integration, expires_at=options["expires"], actor=SYSTEM)
        )

    def rotate(self, options: dict[str, Any]) -> None:
        integration = Integration.objects.filter(name=options["name"]).first()
        if integration is None:
            raise CommandError(f"no integration {options['name']}; see `apikey list`")
        overlap = timedelta(hours=options["overlap_hours"])
        self._show(
            api_keys.rotate_key(integration=integration, overlap=overlap, now=now(), actor=SYSTEM)
        )

    def revoke(self, options: dict[str, Any]) -> None:
        key = ApiKey.objects.filter(public_id=options["key"]).first()
        if key is None:
            raise CommandError(f"no key {options['key']}; see `apikey list`")
        api_keys.revoke_key(key=key, now=now(), actor=SYSTEM)
        self.stdout.write(f"{key} revoked")

    def list(self, options: dict[str, Any]) -> None:
        moment = now()
        for integration in Integration.objects.prefetch_related("keys").order_by("name"):
            stores = ",".join(integration.stores) or "every store"
            self.stdout.write(f"{integration.name}: {','.join(integration.scopes)} ({stores})")
            for key in integration.keys.all():
                used = key.last_used_at or "never"
                self.stdout.write(f"  {key.public_id} {key.state(moment)}, last used: {used}")

    def _show(self, token: str) -> None:
        self.stderr.write("This key is shown once:")
        self.stdout.write(token)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _moment(text: str) -> datetime:
    try:
        if moment := parse_datetime(text):
            return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
        if day := parse_date(text):
            return timezone.make_aware(datetime.combine(day, time.min))
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"not a date or a time: {text}")
