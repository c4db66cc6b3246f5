"""The audit trail: one row a change, in the transaction of the change."""

from __future__ import annotations

import json

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from loyalty_crm.kernel.actors import Actor

_INSERT = """
    INSERT INTO kernel_auditentry
        (actor, action, object_type, object_id, store, reason, before, after)
    VALUES (%s, %s, %s, %s, %s, %s, %s::jsonb, %s::jsonb)
"""


def record(
    *,
    action: str,
    object_type: str,
    object_id: str,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
    reason: str = "",
    actor: Actor,
    store: str = "",
) -> None:
    """Write who changed what. Call it inside the transaction of the change.

    The row can never be changed or erased, so ``before`` and ``after`` must hold
    no personal data in clear: ids, states and amounts only. That is the caller's duty.
    """
    row = [
        actor.label,
        action,
        object_type,
        object_id,
        store,
        reason,
        _json(before),
        _json(after),
    ]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, row)


def _json(value: dict[str, object] | None) -> str | None:
    return None if value is None else json.dumps(value, cls=DjangoJSONEncoder)
