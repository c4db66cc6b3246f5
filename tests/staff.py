"""Staff at their desks: browsers that are logged in as one role."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from loyalty_crm.kernel.staff import give_role


def at_desk(role: str) -> Client:
    """A browser of somebody who works as this role."""
    user, _ = User.objects.get_or_create(username=f"{role}-desk")
    give_role(user=user, role=role)
    client = Client()
    client.force_login(user)
    return client


def cost_of(client: Client, address: str) -> list[str]:
    """The SQL of one page, once it is warm: the first request fills caches of content types."""
    client.get(address)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return [query["sql"] for query in queries]
