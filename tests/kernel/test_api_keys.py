from __future__ import annotations

import hashlib
import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from loyalty_crm.kernel import api_keys, stamps
from loyalty_crm.kernel.actors import SYSTEM, Actor, user_actor
from loyalty_crm.kernel.clock import now
from loyalty_crm.kernel.models import ApiKey, AuditEntry, Integration
from loyalty_crm.kernel.scopes import SCOPES, UnknownScopesError
from tests.api import new_key

pytestmark = pytest.mark.django_db


def integration(*scopes: str, stores: tuple[str, ...] = ()) -> Integration:
    return api_keys.create_integration(name="shop", scopes=scopes, stores=stores, actor=SYSTEM)


def test_a_token_speaks_for_its_integration_with_scopes_and_stores():
    shop = integration("sales:write", "members:read", stores=("S2", "S1"))

    caller = api_keys.authenticate(api_keys.issue_key(integration=shop, actor=SYSTEM))

    assert caller is not None
    actor = caller.actor
    assert actor.label == f"api_key:{shop.public_id}"
    assert actor.scopes == {"sales:write", "members:read"}
    assert actor.may_use_store("S1")
    assert not actor.may_use_store("S3")


def test_no_stores_means_every_store():
    caller = api_keys.authenticate(new_key("sales:write"))

    assert caller is not None
    assert caller.actor.stores is None
    assert caller.actor.may_use_store("anything")


def test_only_the_hash_of_the_secret_is_kept():
    token = api_keys.issue_key(integration=integration("sales:write"), actor=SYSTEM)
    prefix, live, public_id, secret = token.split("_")

    key = ApiKey.objects.get()

    assert (prefix, live, public_id) == ("crm", "live", key.public_id)
    assert bytes(key.secret_hash) == hashlib.sha256(secret.encode()).digest()
    assert len(secret) == 64
    assert secret not in str(list(ApiKey.objects.values()))
    assert secret not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize(
    "token", ["", "x", "crm_live_", "crm_live_a_b", "crm_live_a_\udc80", "crm_live_\0_x"]
)
def test_what_is_no_key_opens_nothing(token):
    assert api_keys.authenticate(token) is None


def test_a_right_id_with_a_wrong_secret_opens_nothing():
    token = new_key("sales:write")

    assert api_keys.authenticate(token[:-1] + ("0" if token[-1] != "0" else "1")) is None
    assert api_keys.authenticate(token + "0") is None


@pytest.mark.parametrize(
    "change",
    [
        lambda: ApiKey.objects.update(revoked_at=now()),
        lambda: ApiKey.objects.update(expires_at=now() - timedelta(seconds=1)),
        lambda: Integration.objects.update(is_active=False),
    ],
    ids=["revoked", "expired", "switched off"],
)
def test_a_key_ends_at_once(change):
    token = new_key("sales:write")
    assert api_keys.authenticate(token)

    change()

    assert api_keys.authenticate(token) is None


def test_rotation_keeps_two_keys_alive_for_the_overlap():
    shop = integration("sales:write")
    old = api_keys.issue_key(integration=shop, actor=SYSTEM)

    new = api_keys.rotate_key(integration=shop, overlap=timedelta(hours=1), now=now(), actor=SYSTEM)

    assert api_keys.authenticate(old)
    assert api_keys.authenticate(new)
    ApiKey.objects.exclude(expires_at=None).update(expires_at=now() - timedelta(hours=1))
    assert api_keys.authenticate(old) is None
    assert api_keys.authenticate(new)


def test_rotation_never_lengthens_a_life():
    shop = integration("sales:write")
    soon = now() + timedelta(minutes=1)
    api_keys.issue_key(integration=shop, expires_at=soon, actor=SYSTEM)

    api_keys.rotate_key(integration=shop, overlap=timedelta(days=1), now=now(), actor=SYSTEM)

    assert ApiKey.objects.exclude(expires_at=None).get().expires_at == soon


def test_a_revoked_key_is_revoked_once():
    shop = integration("sales:write")
    api_keys.issue_key(integration=shop, actor=SYSTEM)
    key = ApiKey.objects.get()

    for _ in range(2):
        api_keys.revoke_key(key=key, now=now(), actor=SYSTEM)

    assert AuditEntry.objects.filter(action="api_key.revoked").count() == 1


def test_an_unknown_scope_is_refused_with_the_known_ones():
    with pytest.raises(UnknownScopesError, match=r"sales:fly.*sales:write"):
        integration("sales:fly")


def test_a_request_costs_one_query_and_the_mark_of_use_one_more_a_minute(
    api, value_endpoint, django_assert_num_queries
):
    stamps.bump("rule_set")
    till = api("sales:read")
    with django_assert_num_queries(2):
        till.get(value_endpoint)

    with django_assert_num_queries(1):
        response = till.get(value_endpoint)

    assert response.json()["stamps"] == {"rule_set": 1}
    used = ApiKey.objects.get().last_used_at
    assert used is not None
    ApiKey.objects.update(last_used_at=used - timedelta(seconds=61))
    with django_assert_num_queries(2):
        till.get(value_endpoint)


def test_a_get_writes_nothing_when_it_may_not(api, value_endpoint):
    till = api("sales:read")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET TRANSACTION READ ONLY")

    assert till.get(value_endpoint).status_code == 200


def test_stamps_count():
    assert [stamps.bump("a"), stamps.bump("a"), stamps.bump("b")] == [1, 2, 1]
    assert stamps.current() == {"a": 2, "b": 1}


# Over HTTP.


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", "Basic abc", "Bearer crm_live_a_b", "Token x y"]
)
def test_without_a_key_the_answer_is_401_with_a_challenge(stranger, value_endpoint, header):
    response = stranger.get(value_endpoint, Authorization=header)

    assert response.json()["code"] == "unauthenticated"
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_key_in_the_address_is_not_looked_at(stranger, value_endpoint):
    token = new_key("sales:read")

    assert stranger.get(f"{value_endpoint}?api_key={token}").status_code == 401


@pytest.mark.parametrize(
    ("scopes", "method", "status"),
    [
        ([], "GET", 403),
        (["sales:write"], "GET", 403),
        (["sales:read"], "GET", 200),
        (["sales:read"], "HEAD", 200),
        (["sales:read"], "PATCH", 405),
        (["sales:read"], "OPTIONS", 405),
        (["sales:read"], "PUT", 405),
        (["sales:read"], "TRACE", 405),
    ],
)
def test_the_door_opens_to_the_named_scope_alone(api, value_endpoint, scopes, method, status):
    caller = api(*scopes)
    if method == "HEAD":
        response: Any = caller.client.head(
            value_endpoint, headers={"Authorization": f"Bearer {caller.token}"}
        )
    else:
        response = caller.request(method, value_endpoint)

    assert response.status_code == status
    if status == 403:
        assert response.json()["params"] == {"required": "sales:read"}


def test_an_action_with_no_scope_stays_closed_to_every_scope(api, value_endpoint):
    assert api(*SCOPES).get("/api/v1/trail/1").json()["code"] == "forbidden_scope"


# The command.


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("apikey", *words, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_the_command_prints_a_working_key_once():
    token = run("create", "shop", "--scopes", "sales:write,sales:read", "--stores", "S1,S2").strip()

    caller = api_keys.authenticate(token)
    assert caller is not None
    assert caller.actor.scopes == {"sales:write", "sales:read"}
    assert caller.actor.stores == {"S1", "S2"}
    assert token.rpartition("_")[2] not in run("list")
    assert "shop: sales:read,sales:write (S1,S2)" in run("list")


def test_the_command_rotates_and_revokes():
    old = run("create", "shop", "--scopes", "sales:write", "--expires", "2099-01-31").strip()
    new = run("rotate", "shop", "--overlap-hours", "1").strip()
    run("revoke", old.split("_")[2])

    assert api_keys.authenticate(old) is None
    assert api_keys.authenticate(new)
    assert "revoked" in run("list")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["create", "shop", "--scopes", "sales:fly"], "unknown scope: sales:fly"),
        (["create", "shop", "--scopes", "sales:read", "--expires", "soon"], "not a date"),
        (["create", "taken", "--scopes", "sales:read"], "exists already"),
        (["rotate", "nobody"], "no integration nobody"),
        (["revoke", "nothing"], "no key nothing"),
    ],
)
def test_the_command_says_what_is_wrong(words, says):
    api_keys.create_integration(name="taken", scopes=["sales:read"], actor=SYSTEM)

    with pytest.raises(CommandError, match=says):
        run(*words)

    assert not Integration.objects.filter(name="shop").exists()


def test_actors_have_labels(django_user_model):
    user = django_user_model.objects.create_user("ann")

    assert user_actor(user) == Actor("user", str(user.pk), name="ann")
    assert user_actor(user).label == f"user:{user.pk}"
    assert SYSTEM.label == "system:system"
