"""Accepting the public rules is a part of joining, over the API and at the till."""

from __future__ import annotations

import pytest

from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import AuditEntry
from members.models import Consent, Member
from members.models.consents import Purpose
from rewards.models import RulesAcceptance
from rewards.services.rules_page import publish_rules
from tests.factories.members import ConsentTextFactory
from tests.factories.promotions import make_programme
from tests.rewards.till_client import Till
from tests.till import Till as WebTill
from tests.till import form_of, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def rules():
    programme = make_programme()
    publish_rules(programme=programme, text={"en": {"terms": ["old"]}}, actor=SYSTEM)
    return publish_rules(programme=programme, text={"en": {"terms": ["new"]}}, actor=SYSTEM)


def join(**said):
    return Till("members:write", "members:read").post("members", {"name": "Anna", **said})


@pytest.mark.parametrize(
    ("source", "channel"), [("app", "app"), ("paper", "paper"), ("kiosk", "api"), ("api", "api")]
)
def test_a_member_who_joins_over_the_api_accepts_a_version(rules, source, channel):
    joined = join(accepted_rules=1, source=source)

    assert joined.status_code == 201
    accepted = RulesAcceptance.objects.get()
    assert (accepted.rules.number, accepted.channel) == (1, channel)
    assert str(accepted.member.public_id) == joined.json()["id"]
    assert accepted.accepted_at == accepted.member.enrolled_at
    assert AuditEntry.objects.filter(action="rules.accepted").count() == 1


def test_who_says_nothing_has_accepted_nothing(rules):
    assert join().status_code == 201
    assert not RulesAcceptance.objects.exists()


@pytest.mark.parametrize("version", [3, 10**9])
def test_a_version_that_never_was_lets_nobody_join(rules, version):
    refused = join(accepted_rules=version)

    assert refused.status_code == 400
    assert refused.json()["errors"][0]["pointer"] == "/accepted_rules"
    assert not Member.objects.exists()


@pytest.mark.parametrize("version", [0, -1, "1", 1.0, True, 10**9 + 1, None])
def test_a_version_is_a_whole_number(rules, version):
    assert join(accepted_rules=version).status_code == 400


def test_without_published_rules_there_is_none_to_accept():
    assert join(accepted_rules=1).status_code == 400
    make_programme()
    assert join(accepted_rules=1).status_code == 400
    assert "Rules of the programme" not in text_of(WebTill().get("enrol"))


@pytest.fixture
def web(rules):
    for purpose in Purpose:
        ConsentTextFactory(purpose=purpose)
    return WebTill()


def filled(web, **said):
    page = form_of(web.get("enrol"))
    for box in ("personal_data", "advertising", "accepted_rules"):
        page.pop(box, None)
    return page | {"card": "", "phone": "+79991234567", "language": "en", **said}


def test_the_till_shows_the_version_and_records_it_with_the_consent(web):
    page = web.get("enrol")
    assert "Rules of the programme, version 2" in text_of(page)
    assert 'href="/rules/2/"' in page.content.decode()
    assert "checked" not in page.content.decode()
    text = Purpose.PERSONAL_DATA.label and form_of(page)["personal_data"]

    done = web.post("enrol", **filled(web, personal_data=text, accepted_rules="2"))

    assert done.status_code == 302
    accepted = RulesAcceptance.objects.get()
    assert (accepted.rules.number, accepted.channel) == (2, "till")
    assert Consent.objects.get().member == accepted.member


def test_the_box_is_free(web):
    text = form_of(web.get("enrol"))["personal_data"]

    assert web.post("enrol", **filled(web, personal_data=text)).status_code == 302
    assert not RulesAcceptance.objects.exists()


def test_what_was_shown_is_recorded_though_a_newer_version_came(web, rules):
    text = form_of(web.get("enrol"))["personal_data"]
    publish_rules(programme=rules.programme, text={"en": {"terms": ["newer"]}}, actor=SYSTEM)

    web.post("enrol", **filled(web, personal_data=text, accepted_rules="2"))

    assert RulesAcceptance.objects.get().rules.number == 2


@pytest.mark.parametrize("version", ["9", "x", "0", "99999999999999999999"])
def test_a_tampered_version_enrols_nobody(web, version):
    text = form_of(web.get("enrol"))["personal_data"]

    refused = web.post("enrol", **filled(web, personal_data=text, accepted_rules=version))

    assert refused.status_code == 422
    assert not Member.objects.exists()
