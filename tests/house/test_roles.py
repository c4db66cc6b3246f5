"""Tests, and the shop, run as a role that can't change tables and can't rewrite what is fenced."""

from __future__ import annotations

import contextlib

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import ProgrammingError, connection, transaction

from loyalty_crm.kernel import privileges, roles

FENCED = "kernel_auditentry"


def run(sql):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else None


@pytest.mark.django_db
def test_tests_run_as_the_application():
    assert run("SELECT current_user") == [(settings.DATABASES["default"]["USER"],)]
    assert settings.DATABASE_OWNER["USER"] != settings.DATABASES["default"]["USER"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE mine (id int)",
        "ALTER TABLE auth_group ADD COLUMN mine int",
        "DROP TABLE auth_group",
        "TRUNCATE auth_group CASCADE",
        f"ALTER TABLE {FENCED} DISABLE TRIGGER ALL",
        f"UPDATE {FENCED} SET id = id",
        f"DELETE FROM {FENCED}",
        f"TRUNCATE {FENCED}",
    ],
)
def test_the_application_is_refused(sql):
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
        run(sql)


@pytest.mark.django_db
def test_every_fence_stands_around_a_table_that_exists():
    assert privileges.fenced().keys() <= set(connection.introspection.table_names())


@pytest.mark.django_db
def test_of_a_fenced_table_exactly_the_named_columns_may_be_updated():
    for table, columns in privileges.fenced().items():
        granted = run(
            "SELECT column_name FROM information_schema.column_privileges"
            f" WHERE table_name = '{table}' AND privilege_type = 'UPDATE'"
            " AND grantee = current_user"
        )
        assert {name for (name,) in granted} == set(columns), table


@pytest.mark.django_db(transaction=True)
def test_a_fence_that_was_opened_by_hand_stands_again_after_migrate():
    """Negative control of the refusals above as well: open, the same statement goes through."""
    with roles.as_owner():
        run(f"GRANT UPDATE ON {FENCED} TO {roles.app_role()}")
    run(f"UPDATE {FENCED} SET id = id")

    call_command("migrate", verbosity=0)

    with pytest.raises(ProgrammingError, match="permission denied"):
        run(f"UPDATE {FENCED} SET id = id")


@pytest.mark.django_db(transaction=True)
def test_the_owner_is_borrowed_and_given_back_even_after_an_error():
    before = run("SELECT current_user")

    with contextlib.suppress(ZeroDivisionError), roles.as_owner(), roles.as_owner():
        assert run("SELECT current_user") == [(settings.DATABASE_OWNER["USER"],)]
        _ = 1 / 0

    assert run("SELECT current_user") == before


@pytest.mark.django_db
def test_nobody_becomes_owner_inside_a_transaction():
    with pytest.raises(RuntimeError, match="inside a transaction"), roles.as_owner():
        pass


@pytest.mark.django_db(transaction=True)
def test_flush_empties_as_owner_and_what_must_exist_is_there_again():
    Group.objects.create(name="of yesterday")
    roles_before = set(Group.objects.exclude(name="of yesterday").values_list("name", flat=True))

    call_command("flush", interactive=False, verbosity=0)

    assert set(Group.objects.values_list("name", flat=True)) == roles_before


def test_one_role_for_everything_is_told(settings):
    assert roles.fence_is_up(None, databases=["default"]) == []

    settings.DATABASE_OWNER = settings.DATABASES["default"]

    told = roles.fence_is_up(None, databases=["default"])
    assert [warning.id for warning in told] == ["kernel.W001"]
    assert roles.fence_is_up(None) == []
