from __future__ import annotations

import pytest
from django.db import Error, connection, transaction

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.models import AuditEntry
from loyalty_crm.kernel.roles import as_owner

ANN = Actor("user", "5", name="ann")


def record() -> None:
    audit.record(
        action="wallet.adjusted",
        object_type="wallet",
        object_id="7",
        before={"balance": 1},
        after={"balance": 2},
        reason="goodwill",
        actor=ANN,
        store="S1",
    )


@pytest.mark.django_db
def test_a_change_leaves_a_trace():
    record()

    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.object_id) == ("user:5", "wallet.adjusted", "7")
    assert (entry.before, entry.after) == ({"balance": 1}, {"balance": 2})
    assert (entry.reason, entry.store) == ("goodwill", "S1")
    assert entry.recorded_at


FORBIDDEN = [
    "UPDATE kernel_auditentry SET reason = 'other'",
    "DELETE FROM kernel_auditentry",
    "TRUNCATE kernel_auditentry",
    "UPDATE kernel_auditentry SET recorded_at = now() - interval '1 day'",
]


@pytest.mark.django_db
@pytest.mark.parametrize("sql", FORBIDDEN)
def test_the_application_cannot_change_the_trail(sql):
    record()

    with pytest.raises(Error), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)

    assert AuditEntry.objects.get().reason == "goodwill"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("sql", FORBIDDEN[:2])
def test_not_even_the_owner_changes_it_by_mistake(sql):
    record()

    with as_owner(), connection.cursor() as cursor, pytest.raises(Error, match="never changed"):
        cursor.execute(sql)

    assert AuditEntry.objects.get().reason == "goodwill"


@pytest.mark.django_db(transaction=True)
def test_negative_control_with_the_trigger_off_the_owner_can():
    record()

    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE kernel_auditentry DISABLE TRIGGER audit_is_append_only")
        cursor.execute(FORBIDDEN[0])
        cursor.execute("ALTER TABLE kernel_auditentry ENABLE TRIGGER audit_is_append_only")

    assert AuditEntry.objects.get().reason == "other"
