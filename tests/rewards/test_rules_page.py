"""The public page of the programme's rules, its versions, and who accepted them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from loyalty_crm.kernel.actors import SYSTEM
from rewards.admin import rules_page
from rewards.models import ProgrammeRules, RulesAcceptance
from rewards.services import rules_page as publishing
from rewards.services.rules_page import publish_rules
from tests.concurrency import in_own_session, wait_until_a_session_is_blocked
from tests.factories.members import MemberFactory, ProductFactory
from tests.factories.promotions import make_programme, make_promotion
from tests.rewards.till_client import Till
from tests.staff import at_desk

pytestmark = pytest.mark.django_db
OFF = {"kind": "percent_off", "basis_points": 1_000}
SCOPES = ("rules:read", "rules:write", "members:read", "members:write")


@pytest.fixture(autouse=True)
def _nothing_kept():
    rules_page.forget()


@pytest.fixture
def programme():
    return make_programme(expiry_days=90)


def read(address="/rules/", **query):
    page = Client().get(address, query)
    assert page.status_code == 200
    return page.content.decode().replace("\N{NO-BREAK SPACE}", " ").replace("&nbsp;", " ")


def publish(role="marketer"):
    return at_desk(role).post(reverse("admin:rewards_programmerules_publish"))


def test_everybody_reads_the_live_rules(programme):
    make_promotion(programme, "Tea week", OFF, goods={"include": {"skus": ["tea"]}})

    page = read()

    assert "SKU tea: 10 % off" in page
    assert "1 point for every $1.00" in page
    assert "Points expire 90 days after they were earned." in page
    assert "One point is worth $0.01." in page


@pytest.mark.parametrize(
    "hidden",
    [
        {"pilot": {"stores": ["S1"]}},
        {"coupon": {"required": True}},
        {"public": False},
        {"when": {"kind": "tags", "codes": ["vip"]}},
        {"when": {"all": [{"any": [{"kind": "segments", "codes": ["loyal"]}]}]}},
    ],
)
def test_what_is_not_for_everybody_is_not_on_it(programme, hidden):
    make_promotion(programme, "secret", OFF, **hidden)

    assert "10 % off" not in read()


def test_who_is_left_out_by_a_tag_may_still_read_of_the_offer(programme):
    make_promotion(
        programme, "all but staff", OFF, when={"none": [{"kind": "tags", "codes": ["x"]}]}
    )

    assert "10 % off, but not for members with the tag x" in read()


def test_it_speaks_the_language_that_the_address_asks_for(programme):
    page = read(language="ru")

    assert '<html lang="ru"' in page
    assert "1 балл за каждые" in page


def test_a_pause_changes_the_page_at_once(programme):
    version = make_promotion(programme, "p", OFF)
    assert "10 % off" in read()

    till = Till(*SCOPES)
    assert till.post(f"promotions/{version.promotion.public_id}/pause", {}).status_code == 200

    assert "10 % off" not in read()


def test_the_page_asks_little_of_the_database(programme, django_assert_max_num_queries):
    for number in range(30):
        make_promotion(programme, f"p{number}", OFF)
    with django_assert_max_num_queries(12):
        read()
    with django_assert_max_num_queries(2):
        read()


def test_without_a_programme_there_is_no_page():
    assert Client().get("/rules/").status_code == 404
    assert Client().get("/rules/1/").status_code == 404
    assert Client().post("/rules/").status_code in (403, 405)


def test_it_brings_no_code_of_its_own(programme):
    response = Client().get("/rules/")

    assert "unsafe-inline" not in response.headers["Content-Security-Policy"]
    assert "<style" not in response.content.decode()
    assert " style=" not in response.content.decode()


# Versions


def test_a_version_keeps_its_words(programme):
    version = make_promotion(programme, "Tea", OFF)
    assert publish().status_code == 302
    at = reverse("rules-version", args=[1])
    assert "unchanged since" in read()

    Till(*SCOPES).post(f"promotions/{version.promotion.public_id}/pause", {})

    assert "Changed since version 1" in read()
    assert "10 % off" in read(at)
    assert "скидка 10 %" in read(at, language="ru")
    publish()
    assert "10 % off" not in read(reverse("rules-version", args=[2]))


def test_publishing_the_same_twice_makes_one_version(programme):
    publish()
    publish()

    assert [rules.number for rules in ProgrammeRules.objects.all()] == [1]


def test_who_may_not_publish_promotions_may_not_publish_the_rules(programme):
    assert publish("analyst").status_code == 403
    assert (
        at_desk("marketer").get(reverse("admin:rewards_programmerules_publish")).status_code == 405
    )
    assert not ProgrammeRules.objects.exists()


def test_the_list_says_that_the_live_rules_are_ahead(programme):
    address = reverse("admin:rewards_programmerules_changelist")
    assert "not published yet" in at_desk("marketer").get(address).content.decode()
    publish()

    page = at_desk("marketer").get(address).content.decode()

    assert "not published yet" not in page
    assert "Publish the current rules" not in page


def test_the_database_refuses_to_change_a_version_or_an_acceptance(programme):
    rules = publish_rules(programme=programme, text={"en": {}}, actor=SYSTEM)
    accepted = RulesAcceptance.objects.create(
        member=MemberFactory(),
        rules=rules,
        channel="web",
        accepted_at=rules.published_at,
        actor="x",
    )
    for statement, key in (
        ("UPDATE rewards_programmerules SET text = '{}' WHERE id = %s", rules.pk),
        ("DELETE FROM rewards_programmerules WHERE id = %s", rules.pk),
        ("UPDATE rewards_rulesacceptance SET channel = 'till' WHERE id = %s", accepted.pk),
    ):
        with pytest.raises(Exception, match="permission denied"), transaction.atomic():
            connection.cursor().execute(statement, [key])
    with pytest.raises(IntegrityError), transaction.atomic():
        ProgrammeRules.objects.create(
            programme=programme, number=1, digest="", text={}, published_by="x"
        )


def publish_beside_another(programme):
    """Two sessions publish different words: the second comes while the first is not committed."""

    def second():
        return publish_rules(programme=programme, text={"en": {"terms": ["b"]}}, actor=SYSTEM)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            publish_rules(programme=programme, text={"en": {"terms": ["a"]}}, actor=SYSTEM)
            coming = pool.submit(in_own_session, second)
            wait_until_a_session_is_blocked()
        return coming.result().number


@pytest.mark.django_db(transaction=True)
def test_two_who_publish_at_once_get_two_numbers():
    assert publish_beside_another(make_programme()) == 2


@pytest.mark.django_db(transaction=True)
def test_control_without_the_lock_the_second_is_refused_by_the_table(monkeypatch):
    monkeypatch.setattr(publishing, "_lock", lambda programme: None)

    with pytest.raises(IntegrityError, match="rules_numbered"):
        publish_beside_another(make_programme())


# Acceptances


def test_a_member_accepts_the_newest_version(programme):
    publish()
    member, till = MemberFactory(), Till(*SCOPES)
    at = f"members/{member.public_id}/rules-acceptances"
    assert till.get(at).json() == {"data": [], "is_current": False}

    done = till.post(at, {"channel": "app"})
    again = till.post(at, {"version": 1, "channel": "till"})

    assert (done.status_code, again.status_code) == (201, 201)
    known = till.get(at).json()
    assert [(one["version"], one["channel"]) for one in known["data"]] == [(1, "app")]
    assert known["is_current"] is True
    assert known["data"][0]["digest"] == till.get("programme/rules").json()["digest"]


def test_a_new_version_is_not_accepted_by_the_old_yes(programme):
    publish()
    member, till = MemberFactory(), Till(*SCOPES)
    at = f"members/{member.public_id}/rules-acceptances"
    till.post(at, {})
    make_promotion(programme, "p", OFF)
    publish()

    assert till.get(at).json()["is_current"] is False
    assert till.get("programme/rules").json()["version"] == 2


def test_nobody_accepts_what_was_never_published(programme):
    member, till = MemberFactory(), Till(*SCOPES)
    at = f"members/{member.public_id}/rules-acceptances"

    assert till.post(at, {}).status_code == 404
    assert till.post(at, {"version": 7}).status_code == 404
    assert till.post(at, {"channel": "smoke"}).status_code == 400
    assert till.get("programme/rules").status_code == 404
    assert not RulesAcceptance.objects.exists()


def test_a_key_without_the_scope_accepts_nothing(programme):
    publish()
    member = MemberFactory()
    at = f"members/{member.public_id}/rules-acceptances"

    assert Till("members:read").post(at, {}).status_code == 403
    assert Till("rules:read").get(at).status_code == 403


def test_the_member_page_shows_what_was_accepted(programme):
    publish()
    member = MemberFactory()
    Till(*SCOPES).post(f"members/{member.public_id}/rules-acceptances", {"channel": "paper"})

    panel = at_desk("admin").get(reverse("admin:rewards_member_wallets", args=[member.pk]))

    assert "Accepted version 1 of the rules" in panel.content.decode()


def test_products_are_called_by_their_names(programme):
    ProductFactory(sku="4607", name="Oolong tea")
    make_promotion(programme, "Tea week", OFF, goods={"include": {"skus": ["4607"]}})
    make_promotion(programme, "Gift", {"kind": "gift", "skus": ["4607", "unknown"]})

    page = read()

    assert "Oolong tea: 10 % off" in page
    assert "A gift to choose: Oolong tea or SKU unknown" in page
