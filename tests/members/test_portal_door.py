"""The door of the member's page: codes, guesses, sessions, and no word about who is a member."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from loyalty_crm.kernel import clock, outbox
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.errors import DomainError
from loyalty_crm.kernel.models import AuditEntry, Message, OutboxEvent
from members.models import Consent, ContactChange, LoginCode, Member, PortalSession
from members.models.consents import Purpose
from members.rules.devices import device_name
from members.services.portal import codes, sessions
from rewards.services.rules_page import publish_rules
from tests.concurrency import in_own_session
from tests.factories.members import CardFactory, ConsentTextFactory, MemberFactory
from tests.factories.promotions import make_programme
from tests.portal import Phone, last_code, other_than
from tests.staff import at_desk

pytestmark = pytest.mark.django_db

ANNA, STRANGER = "+79991234567", "+79990000000"


@pytest.fixture
def anna():
    return CardFactory(member=MemberFactory(name="Anna Petrova", phone=ANNA)).member


@pytest.fixture
def phone():
    return Phone()


def test_a_code_from_the_sink_opens_the_page(phone, anna):
    asked = phone.ask("8 (999) 123-45-67")
    opened = phone.post("code", code=last_code(ANNA))

    assert (asked.url, opened.url) == ("/my/code/", "/my/")
    assert "Anna Petrova" in phone.get("home").content.decode()
    assert anna.identities.get().verified_at is not None
    assert AuditEntry.objects.filter(
        action="portal.signed_in", actor__startswith="member:"
    ).exists()


def test_nothing_is_shown_without_a_session(phone, anna):
    for name in ("home", "card", "card-code", "history", "offers", "settings", "contact"):
        assert phone.get(name).url == "/my/sign-in/"
    for name in ("profile", "consents", "language", "data", "sign-out", "sign-out-everywhere"):
        assert phone.post(name).url == "/my/sign-in/"


@pytest.mark.parametrize("may_join", [True, False])
def test_a_stranger_gets_the_same_answer_after_the_same_work(phone, anna, settings, may_join):
    settings.SELF_REGISTRATION = may_join
    known, unknown = asked_by(ANNA), asked_by(STRANGER)

    assert known == unknown
    assert LoginCode.objects.count() == Message.objects.count() == 2


def asked_by(contact):
    """Everything that can be seen from outside, and the statements behind it."""
    phone = Phone()
    phone.get("sign-in")
    with CaptureQueriesContext(connection) as queries:
        first = phone.ask(contact)
    second = phone.get("code")
    shapes = [re.sub(r"'[^']*'|\d+|NULL", "?", one["sql"]) for one in queries]
    said = second.content.decode()
    for secret in (r'value="\w{64}"', re.escape(contact[-4:])):
        said = re.sub(secret, "", said)
    cookies = {name: len(one.value) for name, one in first.cookies.items()}
    return first.status_code, first.url, sorted(cookies), said, [s[:40] for s in shapes]


def test_where_nobody_may_join_a_stranger_is_sent_nothing(phone, anna, settings):
    settings.SELF_REGISTRATION = False
    phone.ask(STRANGER)
    phone.ask(ANNA)

    states = dict(Message.objects.values_list("address", "state"))
    assert states == {STRANGER: "suppressed", ANNA: "sent"}


def test_a_blocked_member_is_sent_nothing_and_let_in_nowhere(phone, anna):
    phone.sign_in(ANNA)
    Member.objects.update(status="blocked")

    assert phone.get("home").url == "/my/sign-in/"
    Phone().ask(ANNA)
    assert Message.objects.latest("id").state == "suppressed"


def test_a_wrong_code_is_refused_in_the_same_words_for_everybody(anna):
    answers = []
    for contact in (ANNA, STRANGER):
        phone = Phone()
        phone.ask(contact)
        answers.append(phone.post("code", code=other_than(last_code(contact))))

    assert [one.status_code for one in answers] == [422, 422]
    assert all("does not hold" in one.content.decode() for one in answers)


def test_a_code_holds_once(phone, anna):
    phone.ask(ANNA)
    challenge, code = phone.client.cookies["my_challenge"].value, last_code(ANNA)
    phone.post("code", code=code)

    thief = Phone()
    thief.client.cookies["my_challenge"] = challenge
    assert thief.post("code", code=code).status_code == 422


def test_a_code_holds_for_ten_minutes(phone, anna):
    with time_machine.travel(clock.now(), tick=True) as hand:
        phone.ask(ANNA)
        LoginCode.objects.update(expires_at=clock.now() - timedelta(seconds=1))
        assert phone.post("code", code=last_code(ANNA)).status_code == 422
        hand.shift(timedelta(minutes=11))
        assert phone.get("code").url == "/my/sign-in/"


def test_a_code_of_one_contact_opens_nothing_for_another(phone, anna):
    CardFactory(member=MemberFactory(phone=STRANGER))
    phone.ask(ANNA)
    other = Phone()
    other.ask(STRANGER)

    assert phone.post("code", code=last_code(STRANGER)).status_code in (422, 302)
    if last_code(STRANGER) != last_code(ANNA):
        assert phone.get("home").url == "/my/sign-in/"


def test_after_five_wrong_codes_the_right_one_is_refused_too(phone, anna):
    phone.ask(ANNA)
    right = last_code(ANNA)
    wrong = [phone.post("code", code=other_than(right)).status_code for _ in range(5)]
    locked = phone.post("code", code=right)

    assert wrong == [422] * 5
    assert (locked.status_code, "Retry-After" in locked.headers) == (429, True)
    assert OutboxEvent.objects.filter(kind="security.guessing").exists()


def test_a_new_code_gives_no_new_guesses(phone, anna):
    phone.ask(ANNA)
    for _ in range(5):
        phone.post("code", code=other_than(last_code(ANNA)))
    again = Phone()

    again.ask(ANNA)

    assert again.post("code", code=last_code(ANNA)).status_code == 429


def test_guesses_of_one_code_are_bounded_by_the_row_itself(phone, anna, settings):
    settings.GUESSES_PER_MINUTE = 100
    phone.ask(ANNA)
    right = last_code(ANNA)
    for _ in range(5):
        phone.post("code", code=other_than(right))

    assert phone.post("code", code=right).status_code == 422
    assert LoginCode.objects.get().failures == 5


def test_codes_are_sent_to_one_contact_only_so_often(phone, anna):
    answers = [phone.ask(ANNA).status_code for _ in range(codes.PER_CONTACT + 1)]

    assert answers == [302] * codes.PER_CONTACT + [429]
    assert phone.ask(STRANGER).status_code == 302


def test_codes_are_asked_for_from_one_address_only_so_often(phone, monkeypatch):
    monkeypatch.setattr(codes, "PER_ADDRESS", 3)
    answers = [phone.ask(f"+7999000000{n}").status_code for n in range(4)]

    assert answers == [302, 302, 302, 429]


@pytest.mark.parametrize("typed", ["", "anna", "12", "@", "<script>", "\0", "9" * 300])
def test_what_is_no_contact_is_said(phone, typed):
    assert phone.ask(typed).status_code in (200, 422)
    assert not LoginCode.objects.exists()


@pytest.mark.parametrize("typed", ["", "12", "abcdef", "1234567", "１２３４５６"])
def test_what_is_no_code_is_said_and_costs_no_try(phone, anna, typed):
    phone.ask(ANNA)

    assert phone.post("code", code=typed).status_code in (200, 422)
    assert phone.post("code", code=last_code(ANNA)).url == "/my/"


def test_a_note_that_was_changed_is_worth_nothing(phone, anna):
    phone.ask(ANNA)
    phone.client.cookies["my_challenge"] = phone.client.cookies["my_challenge"].value + "x"

    assert phone.post("code", code=last_code(ANNA)).url == "/my/sign-in/"


# Sessions


def test_the_cookie_is_for_these_pages_alone(phone, anna):
    response = phone.sign_in(ANNA)

    cookie = response.cookies["my_session"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/my/", True, "Lax")
    assert "sessionid" not in response.cookies
    assert cookie.value not in str(PortalSession.objects.values())
    assert response.headers["Cache-Control"] == "no-store, private"


def test_the_session_of_a_member_opens_nothing_for_the_staff(phone, anna):
    phone.sign_in(ANNA)

    assert "/admin/login/" in phone.client.get("/admin/").url
    assert "/till/login/" in phone.client.get("/till/").url


def test_the_session_of_the_staff_opens_nothing_of_a_member(anna):
    assert at_desk("admin").get("/my/").url == "/my/sign-in/"


def test_signing_out_ends_the_session_and_not_only_the_cookie(phone, anna):
    phone.sign_in(ANNA)
    kept = phone.client.cookies["my_session"].value
    phone.post("sign-out")

    phone.client.cookies["my_session"] = kept
    assert phone.get("home").url == "/my/sign-in/"


def test_signing_out_everywhere_ends_the_other_phone_too(anna):
    one, other = Phone(), Phone()
    one.sign_in(ANNA)
    other.sign_in(ANNA)

    one.post("sign-out-everywhere")

    assert other.get("home").url == "/my/sign-in/"


def test_a_session_ends_by_itself(phone, anna):
    phone.sign_in(ANNA)
    PortalSession.objects.update(expires_at=clock.now() - timedelta(seconds=1))

    assert phone.get("home").url == "/my/sign-in/"


def test_what_is_over_is_forgotten(phone, anna):
    phone.sign_in(ANNA)
    later = clock.now() + timedelta(days=60)

    assert (codes.forget_old(later), sessions.forget_old(later)) == (1, 1)


def test_forms_want_their_token(anna):
    phone = Phone(client=Client(enforce_csrf_checks=True))

    assert phone.ask(ANNA).status_code == 403
    assert not LoginCode.objects.exists()


# Joining


@pytest.fixture
def texts():
    return {
        one: ConsentTextFactory(purpose=one) for one in (Purpose.PERSONAL_DATA, Purpose.ADVERTISING)
    }


def test_a_stranger_joins_by_a_code_and_gets_a_card(phone, texts):
    led = phone.sign_in(STRANGER)
    joined = phone.post("join", name="Боря", personal_data=texts[Purpose.PERSONAL_DATA].pk)

    member = Member.objects.get()
    assert (led.url, joined.url) == ("/my/join/", "/my/")
    assert (member.name, member.source) == ("Боря", "portal")
    assert member.identities.get().verified_at is not None
    assert [(one.purpose, one.granted) for one in Consent.objects.all()] == [
        ("personal_data", True)
    ]
    assert member.cards.get().is_virtual
    assert "Боря" in phone.get("home").content.decode()


def test_nobody_joins_without_the_first_consent(phone, texts):
    phone.sign_in(STRANGER)
    refused = phone.post("join", name="Boris")

    assert refused.status_code == 422
    assert not Member.objects.exists()


def test_nobody_joins_without_a_code(phone, texts):
    phone.ask(STRANGER)

    assert phone.post("join", personal_data=texts[Purpose.PERSONAL_DATA].pk).url == "/my/sign-in/"
    assert not Member.objects.exists()


def test_a_form_that_is_sent_twice_makes_one_member(phone, texts):
    phone.sign_in(STRANGER)
    proof = phone.client.cookies["my_proof"].value
    said = {"name": "B", "personal_data": texts[Purpose.PERSONAL_DATA].pk}
    phone.post("join", **said)
    phone.client.cookies["my_proof"] = proof

    assert phone.post("join", **said).status_code == 409
    assert Member.objects.count() == 1


# Contacts


def test_a_new_contact_is_proved_and_both_are_told(phone, anna):
    phone.sign_in(ANNA)
    phone.post("contact", contact=STRANGER)
    done = phone.post("contact-code", code=last_code(STRANGER))

    told = Message.objects.filter(kind="portal.contact_changed").values_list("address", flat=True)
    assert done.url == "/my/settings/"
    assert list(anna.identities.values_list("value", flat=True)) == [STRANGER]
    assert sorted(told) == sorted([ANNA, STRANGER])
    assert ContactChange.objects.get().member == anna


def test_the_contact_of_another_member_is_sent_nothing_and_answers_alike(phone, anna):
    MemberFactory(phone=STRANGER)
    phone.sign_in(ANNA)

    taken = phone.post("contact", contact=STRANGER)
    free = phone.post("contact", contact="+79990000001")

    states = dict(Message.objects.filter(kind="portal.code").values_list("address", "state"))
    assert (taken.url, taken.status_code) == (free.url, free.status_code)
    assert states[STRANGER] == "suppressed"


def test_the_code_of_another_members_change_changes_nothing(anna):
    boris = MemberFactory(phone=STRANGER)
    mine, theirs = Phone(), Phone()
    mine.sign_in(ANNA)
    theirs.sign_in(STRANGER)
    theirs.post("contact", contact="+79990000001")
    mine.client.cookies["my_change"] = theirs.client.cookies["my_change"].value

    refused = mine.post("contact-code", code=last_code("+79990000001"))

    assert refused.status_code == 422
    assert anna.identities.get().value == ANNA
    assert boris.identities.get().value == STRANGER


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (Linux; Android 14) Chrome/120.0 Mobile Safari/537.36", "Chrome, Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Safari/604.1", "Safari, iPhone"),
        ("curl/8.0", "curl/8.0"),
        ("", ""),
    ],
)
def test_a_browser_has_the_name_that_people_give_it(agent, name):
    assert device_name(agent) == name


def test_who_joins_accepts_the_rules_that_are_published(phone, texts):
    rules = publish_rules(programme=make_programme(), text={"en": {}}, actor=SYSTEM)
    phone.sign_in(STRANGER)
    phone.post("join", personal_data=texts[Purpose.PERSONAL_DATA].pk)
    outbox.drain()

    assert Member.objects.get().rules_acceptances.get().rules == rules


@pytest.mark.django_db(transaction=True)
def test_a_code_is_used_once_by_many_at_once(settings):
    """Without the condition "used_at IS NULL" of both statements more than one gets in."""
    settings.GUESSES_PER_MINUTE = 100
    CardFactory(member=MemberFactory(phone=ANNA))
    contact = codes.read_contact(ANNA)
    row = codes.send_code(contact=contact, purpose="sign_in", may_join=True, now=clock.now())
    code, ways = last_code(ANNA), 5

    def use():
        try:
            codes.use_code(challenge=row.public_id, contact=contact, purpose="sign_in", code=code)
        except DomainError:
            return 0
        return 1

    with ThreadPoolExecutor(ways) as pool:
        used = [pool.submit(in_own_session, use) for _way in range(ways)]
        assert sum(one.result(timeout=20) for one in used) == 1
