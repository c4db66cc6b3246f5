"""Finding and enrolling members at the till."""

from __future__ import annotations

import pytest
from django.urls import reverse

from members.models import Card, Consent, Identity, Member
from members.models.consents import Purpose
from members.rules.cards import random_number
from tests.factories.members import CardFactory, ConsentTextFactory, MemberFactory
from tests.factories.promotions import make_programme
from tests.till import Till, form_of, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def till():
    make_programme()
    return Till()


@pytest.fixture
def anna():
    member = MemberFactory(name="Анна Петрова", phone="+79991234567", email="anna@example.org")
    CardFactory(member=member)
    return member


@pytest.fixture
def texts():
    return {purpose: ConsentTextFactory(purpose=purpose) for purpose in Purpose}


@pytest.mark.parametrize(
    "text", ["8 (999) 123-45-67", "+7 999 1234567", "ANNA@example.org", "петров", "анна пет"]
)
def test_one_field_finds_by_phone_email_and_part_of_a_name(till, anna, text):
    panel = till.ask("find", text=text)

    assert panel.status_code == 200
    assert str(anna.public_id) in panel.content.decode()


def test_a_scanned_card_is_taken_without_a_question(till, anna):
    card = anna.cards.get()

    sure = till.ask("find", text=card.number).content.decode()
    named = till.ask("find", text="Петрова").content.decode()

    assert 'hx-trigger="load' in sure
    assert 'hx-trigger="load' not in named


def test_names_and_contacts_are_masked(till, anna):
    page = text_of(till.ask("find", text="Петрова"))

    assert "Анна П." in page
    assert "4567" in page
    assert "Петрова" not in page.replace("“Петрова”", "")
    assert "9991234567" not in page
    assert "anna@example.org" not in page


@pytest.mark.parametrize("text", ["", "а", "an"])
def test_a_letter_or_two_is_browsing_and_refused(till, anna, text):
    panel = till.ask("find", text=text)

    assert panel.status_code == 422
    assert str(anna.public_id) not in panel.content.decode()


def test_a_common_name_shows_few_and_says_so(till):
    for number in range(10):
        MemberFactory(name=f"Ivan Number{number}")

    panel = till.ask("find", text="Ivan")

    assert panel.content.decode().count('name="member"') == 8
    assert "More people fit" in text_of(panel)


def test_nobody_found_offers_to_join_and_to_go_on_without_a_card(till):
    page = text_of(till.ask("find", text="+79990000000"))

    assert "Nobody found" in page
    assert "Continue without card" in page
    assert "New member" in page


def test_a_blocked_card_serves_nobody(till, anna):
    anna.cards.update(status=Card.Status.BLOCKED, reason="lost")

    panel = till.ask("find", text=anna.cards.get().number).content.decode()

    assert "disabled" in panel
    assert "blocked" in panel
    assert 'hx-trigger="load' not in panel


def test_finding_asks_the_same_few_questions_for_any_number(till, django_assert_num_queries):
    for number in range(6):
        MemberFactory(name=f"Ivan Number{number}", phone=f"+7999000000{number}")

    # Session, user, shift with roles; members, their identities, their cards.
    with django_assert_num_queries(6):
        till.ask("find", text="Ivan")


def test_the_search_is_carried_into_the_form(till):
    assert (
        'value="+7 999 000-00-01"' in till.post("enrol", text="+7 999 000-00-01").content.decode()
    )
    assert 'value="Мария"' in till.post("enrol", text="Мария").content.decode()


def test_no_box_is_ticked_in_advance(till, texts):
    page = till.get("enrol").content.decode()

    assert page.count('type="checkbox"') == 2
    assert "checked" not in page
    for purpose in (Purpose.PERSONAL_DATA, Purpose.ADVERTISING):
        assert texts[purpose].body in page


def join(till, texts, **said):
    shown = form_of(till.get("enrol"))
    shown = {name: value for name, value in shown.items() if name not in Purpose.values}
    agreed = {"phone": "8 999 000-00-01", "personal_data": texts[Purpose.PERSONAL_DATA].pk}
    return till.post("enrol", **{**shown, "language": "en", **agreed, **said})


def test_a_member_joins_with_a_phone_and_one_consent(till, texts):
    done = join(till, texts, name="  Мария   Ёлкина ", birth_date="1990-02-03")

    member = Member.objects.get()
    assert (member.name, str(member.birth_date)) == ("Мария Ёлкина", "1990-02-03")
    assert (member.home_store, member.source) == (till.terminal.store, "till")
    assert Identity.objects.get().value == "+79990000001"
    assert [said.purpose for said in Consent.objects.all()] == [Purpose.PERSONAL_DATA]
    assert "till" in Consent.objects.get().evidence
    assert member.cards.get().status == Card.Status.ACTIVE
    assert member.cards.get().number in text_of(till.client.get(done.url))


def test_refusing_advertising_does_not_stop_anybody(till, texts):
    assert join(till, texts).status_code == 302


def test_each_consent_is_recorded_with_the_text_that_was_shown(till, texts):
    ad = texts[Purpose.ADVERTISING]

    join(till, texts, advertising=ad.pk)

    said = {one.purpose: one.text for one in Consent.objects.select_related("text")}
    assert said == {p: texts[p] for p in (Purpose.PERSONAL_DATA, Purpose.ADVERTISING)}


def test_the_same_form_twice_enrols_once(till, texts):
    shown = form_of(till.get("enrol")) | {"phone": "8 999 000-00-01", "language": "en"}
    shown = {name: value for name, value in shown.items() if name not in Purpose.values}
    shown["personal_data"] = texts[Purpose.PERSONAL_DATA].pk

    first, second = till.post("enrol", **shown), till.post("enrol", **shown)

    assert first.url == second.url
    assert Member.objects.count() == 1


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"phone": "12"}, "not a phone number"),
        ({"phone": ""}, "Type a phone or scan a card"),
        ({"personal_data": ""}, "Without this consent"),
        ({"email": "nowhere"}, "not a phone number or e-mail"),
        ({"birth_date": "2999-01-01"}, "birth date lies in the past"),
        ({"birth_date": "yesterday"}, "valid date"),
        ({"card": "!!"}, "not a card number"),
        ({"personal_data": "999999"}, "valid choice"),
        ({"language": "xx"}, "valid choice"),
        ({"key": "no"}, "broken on its way"),
    ],
)
def test_what_is_wrong_is_said_and_nobody_joins(till, texts, said, words):
    page = join(till, texts, **said)

    assert page.status_code == 422
    assert words in text_of(page)
    assert not Member.objects.exists()
    assert not Consent.objects.exists()


def test_a_taken_phone_is_refused_without_telling_whose_it_is(till, texts, anna):
    page = join(till, texts, phone="8 999 123-45-67")

    assert page.status_code == 422
    assert "belongs to another member" in text_of(page)
    assert "Петрова" not in text_of(page)
    # The form may be put right and sent again: its key is a new one.
    again = form_of(page) | {"phone": "8 999 123-45-68", "language": "en"}
    assert till.post("enrol", **again).status_code == 302


def test_a_text_of_another_purpose_is_not_accepted(till, texts):
    page = join(till, texts, personal_data=texts[Purpose.ADVERTISING].pk)

    assert page.status_code == 422
    assert not Member.objects.exists()


def test_a_card_alone_needs_no_consent_and_cannot_pay_yet(till, texts):
    number = random_number("9")

    done = join(till, texts, phone="", personal_data="", card=number)

    assert done.status_code == 302
    assert Card.objects.get().status == Card.Status.ISSUED
    assert not Identity.objects.exists()


def test_without_a_published_text_no_consent_can_be_given(till):
    page = till.get("enrol")

    assert "No text is published for this consent" in text_of(page)


def test_the_number_of_a_card_is_shown_only_right_after_joining(till, anna):
    Member.objects.update(home_store=till.terminal.store, recorded_at="2024-01-01T00:00Z")

    assert till.get("enrolled", anna.public_id).status_code == 404


def test_the_new_member_goes_into_the_sale(till, texts):
    join(till, texts, name="Maria Elkina")
    member = Member.objects.get()

    back = till.post("sale-member", member=member.public_id)

    assert back.url == reverse("till:sale")
    assert "Maria E." in text_of(till.get("sale"))
