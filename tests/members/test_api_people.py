"""Members over the API: shape, scopes, masks, versions, pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from members.models import Card, Consent, Identity, Member
from tests.factories.members import (
    CardFactory,
    ConsentFactory,
    ConsentTextFactory,
    IdentityFactory,
    MemberFactory,
    StoreFactory,
)

pytestmark = pytest.mark.django_db
URL = "/api/v1/members"
PHONE = "+79991234567"


@pytest.fixture
def app(api):
    """An integrator that may do everything with members."""
    return api("members:read", "members:write", "members:pii")


def test_a_person_is_enrolled_with_everything(app):
    text = ConsentTextFactory(purpose="personal_data", language="ru")
    StoreFactory(code="spb")
    body = {
        "name": "Анна Петрова",
        "phone": "8 (999) 123-45-67",
        "email": "Anna@Example.org",
        "external_ids": [{"system": "shop", "id": "A-1"}],
        "birth_date": "1990-02-28",
        "language": "ru",
        "home_store": "spb",
        "consents": [
            {"purpose": "personal_data", "granted": True, "text_version": text.version},
            {"purpose": "advertising", "granted": False},
        ],
        "occurred_at": "2025-03-08T15:00:00+03:00",
    }

    response = app.post(URL, body, key="k1")

    shown = response.json()
    member = Member.objects.get()
    assert response.status_code == 201
    assert response["ETag"] == f'"{member.version}"'
    assert (shown["id"], shown["home_store"]) == (str(member.public_id), "spb")
    assert shown["enrolled_at"] == "2025-03-08T12:00:00Z"
    assert [one["value"] for one in shown["identities"]] == [PHONE, "anna@example.org", "A-1"]
    assert shown["cards"][0]["number"] == Card.objects.get().number
    assert shown["cards"][0]["status"] == "active"
    assert Consent.objects.count() == 2


def test_a_repeat_with_the_same_key_enrols_once(app):
    first, again = (app.post(URL, {"phone": PHONE}, key="k1") for _ in range(2))

    assert again.content == first.content
    assert again["Idempotent-Replayed"] == "true"
    assert Member.objects.count() == 1


def test_a_key_is_needed_to_write(app):
    assert app.post(URL, {"phone": PHONE}).json()["code"] == "idempotency_key_missing"
    assert not Member.objects.exists()


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"phone": "12"}, "identity_invalid", "/phone"),
        ({"email": "nobody"}, "identity_invalid", "/email"),
        ({"name": "x" * 201}, "name_invalid", "/name"),
        ({"birth_date": "1850-01-01"}, "birth_date_invalid", "/birth_date"),
        ({"card_number": "12"}, "card_number_invalid", "/number"),
        ({"home_store": "nowhere"}, "validation_failed", "/home_store"),
        ({"phone": 79991234567}, "validation_failed", "/phone"),
        ({"language": "русский"}, "validation_failed", "/language"),
        ({"with_card": "yes"}, "validation_failed", "/with_card"),
        ({"balance": 100}, "unknown_field", "/balance"),
        ({"public_id": "1"}, "unknown_field", "/public_id"),
        ({"external_ids": [{"system": "s"}]}, "validation_failed", "/external_ids/0/id"),
        (
            {"external_ids": [{"system": "s", "id": "1", "x": 1}]},
            "unknown_field",
            "/external_ids/0/x",
        ),
        (
            {"consents": [{"purpose": ["personal_data", "advertising"], "granted": True}]},
            "validation_failed",
            "/consents/0/purpose",
        ),
        (
            {"consents": [{"purpose": "advertising", "granted": True, "text_version": "9"}]},
            "validation_failed",
            "/consents/0/text_version",
        ),
        (
            {"consents": [{"purpose": "advertising", "granted": True}]},
            "consent_text_required",
            "/text_version",
        ),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_written(app, body, code, pointer):
    problem = app.post(URL, body, key="k1").json()

    assert problem["code"] == code
    assert problem["errors"][0]["pointer"] == pointer
    assert not Member.objects.exists()


def test_a_taken_phone_is_refused_without_saying_whose(app):
    other = MemberFactory(phone=PHONE)

    response = app.post(URL, {"phone": PHONE}, key="k1")

    assert response.status_code == 409
    assert response.json()["code"] == "identity_taken"
    assert PHONE not in response.content.decode()
    assert str(other.public_id) not in response.content.decode()


@pytest.mark.parametrize(
    ("scopes", "method", "path", "status"),
    [
        ((), "GET", URL, 403),
        (("members:write",), "GET", URL, 403),
        (("members:read",), "GET", URL, 200),
        (("members:read",), "POST", URL, 403),
        (("members:write",), "POST", URL, 201),
        (("members:write",), "POST", f"{URL}/lookup", 403),
        (("sales:write",), "POST", f"{URL}/lookup", 403),
        (("members:read",), "POST", f"{URL}/lookup", 404),
        (("members:read",), "DELETE", URL, 405),
        (("members:read",), "PUT", URL, 405),
    ],
)
def test_each_action_opens_to_its_scope_alone(api, scopes, method, path, status):
    body = {"phone": PHONE} if method == "POST" else None

    response = api(*scopes).request(method, path, body, key="k1")

    assert response.status_code == status
    assert Member.objects.count() == (status == 201)


def test_nobody_enters_without_a_key(stranger):
    assert stranger.get(URL).status_code == 401


def test_personal_data_is_masked_for_keys_without_the_scope(api):
    card = CardFactory(
        member__name="Анна Петрова",
        member__phone=PHONE,
        member__email="anna@example.org",
        member__birth_date="1990-02-28",
    )
    reader = api("members:read")

    for shown in (
        reader.get(f"{URL}/{card.member.public_id}").json(),
        reader.get(URL).json()["data"][0],
        reader.post(f"{URL}/lookup", {"phone": PHONE}).json(),
    ):
        assert shown["name"] == "Анна П."
        assert shown["birth_date"] is None
        assert {one["value"] for one in shown["identities"]} == {"+7••••••4567", "a•••@example.org"}
        assert shown["cards"][0]["number"] == f"•••• {card.number[-4:]}"


@pytest.mark.parametrize("kind", ["card", "phone", "email", "external_id"])
def test_lookup_by_what_a_member_shows(app, kind):
    card = CardFactory(member__phone=PHONE, member__email="anna@example.org")
    IdentityFactory(member=card.member, kind="external", system="shop", value="A-1")
    body = {
        "card": {"card": card.number},
        "phone": {"phone": "8 999 123 45 67"},
        "email": {"email": "ANNA@example.org"},
        "external_id": {"external_id": "A-1", "system": "shop"},
    }[kind]

    assert app.post(f"{URL}/lookup", body).json()["id"] == str(card.member.public_id)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"phone": PHONE, "card": "1"},
        {"external_id": "A-1"},
        {"phone": PHONE, "system": "s"},
        {"system": "s"},
    ],
)
def test_lookup_takes_exactly_one_way(app, body):
    assert app.post(f"{URL}/lookup", body).json()["code"] == "validation_failed"


def test_a_change_needs_the_version_it_was_based_on(app):
    member = MemberFactory(name="Anna")
    url = f"{URL}/{member.public_id}"
    etag = app.get(url)["ETag"]

    first = app.patch(url, {"name": "Anna Lee"}, key="k1", If_Match=etag)
    second = app.patch(url, {"name": "Ann"}, key="k2", If_Match=etag)

    assert (first.status_code, first.json()["name"]) == (200, "Anna Lee")
    assert first["ETag"] == '"2"'
    assert second.json()["code"] == "conflict_version"
    assert app.patch(url, {"name": "Ann"}, key="k2", If_Match='"2"').status_code == 200


@pytest.mark.parametrize(
    ("body", "etag", "code"),
    [
        ({"name": "x"}, "five", "validation_failed"),
        ({"phone": PHONE}, "*", "unknown_field"),
        ({"version": 3}, "*", "unknown_field"),
        ({"status": "gone"}, "*", "validation_failed"),
        ({"home_store": "nowhere"}, "*", "validation_failed"),
    ],
)
def test_a_change_that_makes_no_sense_changes_nothing(app, body, etag, code):
    member = MemberFactory(name="Anna")

    response = app.patch(f"{URL}/{member.public_id}", body, key="k1", If_Match=etag)

    assert response.json()["code"] == code
    member.refresh_from_db()
    assert (member.name, member.version) == ("Anna", 1)


def test_a_store_bound_key_can_not_name_another_store(api):
    StoreFactory(code="mine")
    StoreFactory(code="theirs")
    bound = api("members:write", stores=("mine",))

    assert bound.post(URL, {"home_store": "mine"}, key="k1").status_code == 201
    refused = bound.post(URL, {"home_store": "theirs"}, key="k2").json()
    missing = bound.post(URL, {"home_store": "nowhere"}, key="k3").json()

    for problem in (refused, missing):
        assert problem["errors"][0]["code"] == "unknown_store"


@pytest.mark.parametrize("path", ["", "/consents", "/cards", "/identities", "/cards/block"])
def test_a_member_that_is_not_there_is_not_found(app, path):
    url = f"{URL}/01900000-0000-7000-8000-000000000000{path}"
    body = {
        "/consents": {"purpose": "advertising", "granted": False},
        "/cards": {},
        "/identities": {"kind": "phone", "value": PHONE},
        "/cards/block": {"number": "123"},
    }.get(path)

    response = app.post(url, body, key="k1") if body is not None else app.get(url)

    assert response.json()["code"] == "not_found"


def test_a_list_is_walked_by_pages_and_narrowed_by_filters(app):
    members = MemberFactory.create_batch(5)
    Member.objects.filter(pk=members[2].pk).update(status="blocked")
    Member.objects.filter(pk=members[3].pk).update(
        updated_at=datetime.now(UTC) + timedelta(hours=1)
    )
    soon = (datetime.now(UTC) + timedelta(minutes=1)).isoformat().replace("+", "%2B")

    seen, after = [], ""
    while after is not None:
        page = app.get(f"{URL}?limit=2{after and '&after='}{after}").json()
        seen += [one["id"] for one in page["data"]]
        after = page["next"]

    assert seen == [str(one.public_id) for one in members]
    assert len(app.get(f"{URL}?status=blocked").json()["data"]) == 1
    assert len(app.get(f"{URL}?updated_since={soon}").json()["data"]) == 1


@pytest.mark.parametrize(
    "query", ["name__regex=.", "phone=1", "status=gone", "updated_since=now", "limit=0", "after=x"]
)
def test_unknown_and_wrong_parameters_are_refused(app, query):
    assert app.get(f"{URL}?{query}").json()["code"] == "validation_failed"


def test_a_list_costs_the_same_for_one_member_and_for_many(app):
    """The key, the page with its stores, identities, cards."""
    CardFactory(member__phone=PHONE, member__home_store=StoreFactory())
    app.get(URL)

    def cost():
        with CaptureQueriesContext(
            connection,
        ) as queries:
            app.get(URL)
        return len(queries)

    alone = cost()
    for _ in range(3):
        CardFactory(member__home_store=StoreFactory(), member__email=None)
        IdentityFactory()
    assert cost() == alone == 4


def test_an_identity_is_added_once(app):
    member = MemberFactory()
    url = f"{URL}/{member.public_id}/identities"

    added = app.post(url, {"kind": "phone", "value": "8 999 123-45-67"}, key="k1")
    again = app.post(url, {"kind": "phone", "value": PHONE}, key="k2")

    assert (added.status_code, added.json()["value"]) == (201, PHONE)
    assert again.json()["value"] == PHONE
    assert Identity.objects.count() == 1


def test_cards_are_issued_replaced_and_closed(app):
    member = MemberFactory()
    url = f"{URL}/{member.public_id}/cards"

    issued = app.post(url, {}, key="k1").json()
    number = {"number": issued["number"]}
    active = app.post(f"{url}/activate", number, key="k2").json()
    new = app.post(f"{url}/replace", {**number, "reason": "lost"}, key="k3")
    late = app.post(f"{url}/unblock", number, key="k4")
    app.post(f"{url}/block", {"number": new.json()["number"], "reason": "x"}, key="k5")
    app.post(f"{url}/unblock", {"number": new.json()["number"]}, key="k6")
    silent = app.post(f"{url}/close", {"number": new.json()["number"]}, key="k7").json()
    why = {"number": new.json()["number"], "reason": "moved away"}
    closed = app.post(f"{url}/close", why, key="k8").json()

    assert silent["code"] == "card_reason_missing"
    assert (issued["status"], active["status"], closed["status"]) == ("issued", "active", "closed")
    assert (new.status_code, new.json()["status"]) == (201, "active")
    assert late.json()["code"] == "card_state"
    assert [card["status"] for card in app.get(url).json()["data"]] == ["replaced", "closed"]


def test_a_till_without_the_scope_sees_a_whole_number_only_when_it_hands_the_card_out(api):
    member = MemberFactory()
    till = api("members:read", "members:write")
    url = f"{URL}/{member.public_id}/cards"

    issued = till.post(url, {}, key="k1").json()

    assert issued["number"] == member.cards.get().number
    assert till.get(url).json()["data"][0]["number"] == f"•••• {issued['number'][-4:]}"


def test_a_card_of_another_member_is_not_found_and_not_taken(app):
    mine, other = MemberFactory(), CardFactory()
    url = f"{URL}/{mine.public_id}/cards"

    blocked = app.post(f"{url}/block", {"number": other.number}, key="k1")
    taken = app.post(url, {"number": other.number}, key="k2")

    other.refresh_from_db()
    assert (blocked.json()["code"], other.status) == ("not_found", "active")
    assert taken.json()["code"] == "card_number_taken"


def test_a_blocked_member_gets_no_card(app):
    member = MemberFactory(status="blocked")

    problem = app.post(f"{URL}/{member.public_id}/cards", {}, key="k1").json()

    assert problem["code"] == "member_not_active"


def test_consents_are_given_withdrawn_and_listed(app):
    member, text = (
        MemberFactory(language="ru"),
        ConsentTextFactory(purpose="advertising", language="ru"),
    )
    url = f"{URL}/{member.public_id}/consents"

    given = app.post(
        url,
        {
            "purpose": "advertising",
            "granted": True,
            "text_version": text.version,
            "evidence": "form 5",
        },
        key="k1",
    )
    app.post(url, {"purpose": "advertising", "granted": False}, key="k2")

    log, now = app.get(url).json()["data"], app.get(f"{url}?current=true").json()["data"]
    assert (given.status_code, given.json()["evidence"]) == (201, "form 5")
    assert [one["granted"] for one in log] == [True, False]
    assert [one["granted"] for one in now] == [False]


def test_the_consent_log_costs_the_same_at_any_length(app):
    member = MemberFactory()
    url = f"{URL}/{member.public_id}/consents"
    costs = set()

    for _ in range(2):
        ConsentFactory(member=member, store=StoreFactory())
        ConsentFactory(member=member, store=StoreFactory())
        app.get(url)
        with CaptureQueriesContext(connection) as queries:
            app.get(url)
        costs.add(len(queries))

    assert costs == {3}
