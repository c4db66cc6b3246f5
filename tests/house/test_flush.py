"""After a test that committed, the database is as it was; the twins prove it to each other."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.models import Session
from django.utils import timezone

from loyalty_crm.kernel import staff
from tests import flush

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("turn", ["one", "the other"])
def test_rows_are_gone_and_seeds_are_there(turn):
    assert not Session.objects.exists()
    assert set(staff.roles()) <= set(Group.objects.values_list("name", flat=True))

    Session.objects.create(session_key=turn, session_data="", expire_date=timezone.now())


@pytest.mark.parametrize("turn", ["one", "the other"])
def test_a_changed_seed_is_put_right(turn):
    assert not Permission.objects.filter(name="changed").exists()

    Permission.objects.update(name="changed")


def test_it_knows_when_it_has_not_emptied(monkeypatch):
    """Negative control: rows among the seeds are noticed, and the work goes to Django."""
    seeds = flush.digests(flush.filled_tables())

    assert flush.emptied(seeds)

    Group.objects.create(name="not a seed")
    assert not flush.emptied(seeds)
