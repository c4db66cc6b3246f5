from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client

from loyalty_crm.kernel import api_keys, audit, outbox
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.admin_base import NoCountPaginator
from loyalty_crm.kernel.clock import now
from loyalty_crm.kernel.models import ApiKey, AuditEntry, Integration, OutboxEvent

pytestmark = pytest.mark.django_db
LISTS = ["integration", "auditentry", "outboxevent", "job"]


def trail(count: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO kernel_auditentry (actor, action, object_type, object_id)"
            " SELECT 'system:system', 'made', 'row', i FROM generate_series(1, %s) AS i",
            [count],
        )


class Statements:
    """What the page asked the database."""

    def __init__(self) -> None:
        self.sql: list[str] = []

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.sql.append(sql)
        return execute(sql, params, many, context)


@pytest.mark.parametrize("model", LISTS)
def test_lists_open_and_count_nothing(admin_client, model):
    with connection.execute_wrapper(statements := Statements()):
        page = admin_client.get(f"/admin/kernel/{model}/")

    assert page.status_code == 200
    assert not [sql for sql in statements.sql if "COUNT(" in sql]


def test_the_number_of_queries_does_not_depend_on_the_rows(admin_client):
    trail(1)
    admin_client.get("/admin/kernel/auditentry/")

    def queries() -> int:
        with connection.execute_wrapper(statements := Statements()):
            admin_client.get("/admin/kernel/auditentry/")
        return len(statements.sql)

    few = queries()
    trail(200)

    assert queries() == few <= 6


def test_pages_lead_on_while_there_are_rows(admin_client):
    trail(120)
    seen = []

    for number in (1, 2, 3):
        text = admin_client.get(f"/admin/kernel/auditentry/?p={number}").content.decode()
        seen.append(len(set(re.findall(r"/admin/kernel/auditentry/(\d+)/change/", text))))
        assert ('rel="next"' in text) == (number < 3)
        assert ('rel="prev"' in text) == (number > 1)

    assert seen == [50, 50, 20]


def test_an_exact_multiple_has_no_page_of_nothing(admin_client):
    trail(50)

    assert 'rel="next"' not in admin_client.get("/admin/kernel/auditentry/").content.decode()


@pytest.mark.parametrize("page", ["0", "x", "99999999999999999999", "4"])
def test_a_page_that_is_not_there_leads_back(admin_client, page):
    trail(3)

    assert admin_client.get(f"/admin/kernel/auditentry/?p={page}").status_code in (200, 302)


def test_the_paginator_by_itself():
    pages = NoCountPaginator(list(range(5)), 2)

    assert list(pages.page(1)) == [0, 1]
    assert pages.page(1).has_next()
    assert list(pages.page(3)) == [4]
    assert not pages.page(3).has_next()


@pytest.mark.parametrize("model", ["auditentry", "outboxevent", "job"])
def test_what_a_service_owns_is_shown_and_not_edited(admin_client, model):
    audit.record(action="x", object_type="x", object_id="1", actor=SYSTEM)

    assert admin_client.get(f"/admin/kernel/{model}/add/").status_code == 403
    if model == "auditentry":
        pk = AuditEntry.objects.get().pk
        assert admin_client.get(f"/admin/kernel/{model}/{pk}/change/").status_code == 200
        assert admin_client.post(f"/admin/kernel/{model}/{pk}/change/", {}).status_code == 403
        assert admin_client.post(f"/admin/kernel/{model}/{pk}/delete/", {}).status_code == 403


def test_an_integration_is_made_and_its_key_shown_once(admin_client):
    form = {
        "name": "shop",
        "scopes": ["sales:write", "sales:read"],
        "stores": "S1,S2",
        "is_active": "on",
        **{f"keys-{name}_FORMS": "0" for name in ("TOTAL", "INITIAL")},
    }
    made = admin_client.post("/admin/kernel/integration/add/", form)
    assert made.status_code == 302, made.context["errors"]
    shop = Integration.objects.get()
    assert (shop.scopes, shop.stores) == (["sales:write", "sales:read"], ["S1", "S2"])

    page = admin_client.post(f"/admin/kernel/integration/{shop.pk}/rotate/")
    token = re.search(r"crm_live_[0-9a-f]{12}_[0-9a-f]{64}", page.content.decode())

    assert token
    assert "no-store" in page.headers["Cache-Control"]
    caller = api_keys.authenticate(token[0])
    assert caller is not None
    assert caller.actor.stores == {"S1", "S2"}
    again = admin_client.get(f"/admin/kernel/integration/{shop.pk}/change/").content.decode()
    assert token[0].rpartition("_")[2] not in again
    assert set(AuditEntry.objects.values_list("action", flat=True)) == {
        "integration.created",
        "api_key.issued",
    }


def test_a_link_that_is_only_followed_issues_no_key(admin_client):
    shop = Integration.objects.create(name="shop", scopes=["sales:read"])

    page = admin_client.get(f"/admin/kernel/integration/{shop.pk}/rotate/")

    assert "csrfmiddlewaretoken" in page.content.decode()
    assert not ApiKey.objects.exists()


def test_every_key_is_revoked_at_once(admin_client):
    shop = Integration.objects.create(name="shop", scopes=["sales:read"])
    tokens = [api_keys.issue_key(integration=shop, actor=SYSTEM) for _ in range(2)]

    admin_client.post(f"/admin/kernel/integration/{shop.pk}/revoke_all/")

    assert [api_keys.authenticate(token) for token in tokens] == [None, None]


def dead_letter() -> OutboxEvent:
    outbox.emit("x", object_type="x", object_id="1")
    OutboxEvent.objects.update(dead_at=now(), attempts=10, last_error="ValueError: broken")
    return OutboxEvent.objects.get()


def test_dead_letters_are_found_with_their_reason_and_tried_again(admin_client):
    event = dead_letter()
    address = "/admin/kernel/outboxevent/?state=dead"
    assert "ValueError: broken" in admin_client.get(address).content.decode()

    admin_client.post(address, {"action": "retry", "_selected_action": [event.pk]})

    event.refresh_from_db()
    assert (event.dead_at, event.attempts) == (None, 0)


@pytest.mark.parametrize("address", ["rotate", "revoke_all"])
def test_keys_are_for_those_who_may_change_integrations(client: Client, django_user_model, address):
    shop = Integration.objects.create(name="shop", scopes=["sales:read"])
    user = django_user_model.objects.create_user("ann", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_integration"))
    client.force_login(user)

    assert client.post(f"/admin/kernel/integration/{shop.pk}/{address}/").status_code == 403
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("may", [True, False])
def test_trying_again_needs_its_permission(client: Client, django_user_model, may):
    codes = ["view_outboxevent", *(["change_outboxevent"] if may else [])]
    user = django_user_model.objects.create_user("ann", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codes))
    client.force_login(user)
    event = dead_letter()

    client.post(
        "/admin/kernel/outboxevent/?state=dead",
        {"action": "retry", "_selected_action": [event.pk]},
    )

    event.refresh_from_db()
    assert (event.dead_at is None) == may
