"""API keys: ``crm_live_<id>_<secret>``, shown once, kept as a hash, two live while rotating."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from loyalty_crm.kernel import audit, stamps
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.database import planned_cursor
from loyalty_crm.kernel.models import ApiKey, Integration
from loyalty_crm.kernel.scopes import checked as checked_scopes

PREFIX = "crm_live"

_LOOK_UP = """
    SELECT k.id, k.secret_hash, i.public_id::text, i.name, i.scopes, i.stores,
           current_setting('transaction_read_only') = 'off'
               AND (k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute'),
           (SELECT coalesce(jsonb_object_agg(name, version), '{}')::text FROM kernel_stamp)
    FROM kernel_apikey k JOIN kernel_integration i ON i.id = k.integration_id
    WHERE k.public_id = %s AND k.revoked_at IS NULL AND i.is_active
      AND (k.expires_at IS NULL OR k.expires_at > now())
"""
# The condition is asked again: of many first requests of a minute one writes.
_TOUCH = """
    UPDATE kernel_apikey SET last_used_at = now()
    WHERE id = %s AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
"""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a token speaks for, and the version stamps seen by the same query."""

    actor: Actor
    stamps: dict[str, int]


def authenticate(token: str) -> Caller | None:
    """The caller behind a token, by exactly one query; None for anything that is not live.

    Once a minute and key a second statement marks the key as used.
    """
    public_id, _, secret = token.removeprefix(f"{PREFIX}_").partition("_")
    # A NUL or a lone surrogate would make the database driver fail, not the look-up.
    if not (token.isascii() and token.startswith(f"{PREFIX}_") and public_id.isalnum() and secret):
        return None
    with planned_cursor() as cursor:
        cursor.execute(_LOOK_UP, [public_id])
        row = cursor.fetchone()
        if row is None or not hmac.compare_digest(bytes(row[1]), _digest(secret)):
            return None
        if row[6]:
            cursor.execute(_TOUCH, [row[0]])
    _, _, integration, name, granted, stores, _, seen = row
    actor = Actor("api_key", integration, frozenset(granted), frozenset(stores) or None, name)
    return Caller(actor, stamps.parse(seen))


def create_integration(
    *, name: str, scopes: Iterable[str], stores: Iterable[str] = (), actor: Actor
) -> Integration:
    """A new integration without a key. Unknown scopes are refused with the list of known ones."""
    integration = Integration.objects.create(
        name=name, scopes=checked_scopes(scopes), stores=sorted(set(stores))
    )
    _record("integration.created", integration, actor, scopes=integration.scopes)
    return integration


@transaction.atomic
def issue_key(*, integration: Integration, expires_at: datetime | None = None, actor: Actor) -> str:
    """Make one more live key and return its token: the only moment it can be seen."""
    public_id, secret = secrets.token_hex(6), secrets.token_hex(32)
    ApiKey.objects.create(
        integration=integration,
        public_id=public_id,
        secret_hash=_digest(secret),
        expires_at=expires_at,
    )
    _record("api_key.issued", integration, actor, key=public_id)
    return f"{PREFIX}_{public_id}_{secret}"


@transaction.atomic
def rotate_key(*, integration: Integration, overlap: timedelta, now: datetime, actor: Actor) -> str:
    """Issue a new key and let every older one live on for the overlap, no longer."""
    older = integration.keys.live(now).filter(Q(expires_at=None) | Q(expires_at__gt=now + overlap))
    older.update(expires_at=now + overlap)
    return issue_key(integration=integration, actor=actor)


@transaction.atomic
def revoke_key(*, key: ApiKey, now: datetime, actor: Actor) -> None:
    """End a key at once. A repeat changes nothing."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        _record("api_key.revoked", key.integration, actor, key=key.public_id)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _record(action: str, integration: Integration, actor: Actor, **after: object) -> None:
    audit.record(
        action=action,
        object_type="integration",
        object_id=str(integration.public_id),
        after=after,
        actor=actor,
    )
