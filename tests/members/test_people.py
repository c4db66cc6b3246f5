"""Who joins, and what changes about them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction

from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.errors import ConflictVersion
from loyalty_crm.kernel.models import AuditEntry, OutboxEvent
from loyalty_crm.kernel.roles import as_owner
from members.errors import (
    BirthDateInvalid,
    CardNumberTaken,
    ConsentTextRequired,
    IdentityInvalid,
    IdentityTaken,
    NameInvalid,
)
from members.models import Card, Consent, Identity, Member
from members.models.consents import Purpose
from members.services.people import (
    Statement,
    add_identity,
    enrol_member,
    remove_identity,
    update_member,
    verify_identity,
)
from tests.concurrency import in_own_session, wait_until_a_session_is_blocked
from tests.factories.members import (
    CardFactory,
    ConsentTextFactory,
    IdentityFactory,
    MemberFactory,
    StoreFactory,
)

pytestmark = pytest.mark.django_db
PHONE = "+79991234567"


@pytest.fixture
def enrol(noon):
    return partial(enrol_member, language="ru", source="till", occurred_at=noon, actor=SYSTEM)


def test_a_person_joins_with_contacts_consent_and_an_active_card(enrol):
    text = ConsentTextFactory(purpose=Purpose.PERSONAL_DATA)
    agreed = Statement(Purpose.PERSONAL_DATA, granted=True, text=text)

    member = enrol(
        name="Анна Петрова",
        phone="8 (999) 123-45-67",
        email="Anna@Example.org",
        external_ids=[("shop", "A-1")],
        home_store=StoreFactory(),
        consents=[agreed],
    )

    known = set(member.identities.values_list("kind", "system", "value"))
    assert known == {
        ("phone", "", PHONE),
        ("email", "", "anna@example.org"),
        ("external", "shop", "A-1"),
    }
    assert member.cards.get().status == Card.Status.ACTIVE
    assert member.consents.get().granted


def test_a_card_without_phone_or_consent_is_issued_and_cannot_pay_yet(enrol):
    assert enrol(phone=PHONE).cards.get().status == Card.Status.ISSUED


def test_joining_tells_the_outbox_and_the_trail_without_personal_data(enrol):
    member = enrol(name="Анна Петрова", phone=PHONE, email="anna@example.org")

    event = OutboxEvent.objects.get(kind="member.created")
    entry = AuditEntry.objects.get(action="member.created")
    assert event.object_id == entry.object_id == str(member.public_id)
    for trace in (event.data, entry.after):
        assert "Анна" not in str(trace)
        assert "999" not in str(trace)
        assert "@" not in str(trace)


@pytest.mark.parametrize(
    "typed",
    ["+7 999 123-45-67", "8 (999) 123-45-67", "89991234567", "79991234567", "+7(999)1234567"],
)
def test_one_phone_in_any_writing_is_one_member(enrol, typed):
    MemberFactory(phone=PHONE)

    with pytest.raises(IdentityTaken) as refusal:
        enrol(phone=typed)

    assert refusal.value.detail == {"pointer": "/phone", "kind": "phone"}
    assert Member.objects.count() == 1


def test_a_refused_joining_leaves_nothing_behind(enrol):
    MemberFactory(email="anna@example.org")

    with pytest.raises(IdentityTaken):
        enrol(phone=PHONE, email="ANNA@example.org")

    assert Member.objects.count() == 1
    assert not Identity.objects.filter(value=PHONE).exists()
    assert not Card.objects.exists()
    assert not OutboxEvent.objects.exists()


def test_a_taken_card_number_is_refused(enrol):
    card = CardFactory()

    with pytest.raises(CardNumberTaken):
        enrol(card_number=card.number)


def test_a_consent_without_words_is_refused(enrol):
    with pytest.raises(ConsentTextRequired):
        enrol(consents=[Statement(Purpose.ADVERTISING, granted=True)])

    assert not Member.objects.exists()


@pytest.mark.parametrize("phone", ["12", "abc", "+7", "+7999123456789012", "1-800-FLOWERS", "’"])
def test_what_is_no_phone_is_refused(enrol, phone):
    with pytest.raises(IdentityInvalid):
        enrol(phone=phone)


@pytest.mark.parametrize(
    "email", ["a", "a@b", "a b@example.org", "a@b@example.org", "@example.org"]
)
def test_what_is_no_address_is_refused(enrol, email):
    with pytest.raises(IdentityInvalid):
        enrol(email=email)


@pytest.mark.parametrize("born", [date(1899, 12, 31), date(2999, 1, 1)])
def test_a_birth_date_lies_between_1900_and_today(enrol, born):
    with pytest.raises(BirthDateInvalid):
        enrol(birth_date=born)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Йосиф".encode().decode(), "Йосиф"),
        ("И\u0306осиф", "Йосиф"),  # NFD
        ("Zoe\u0308", "Zoë"),
        ("An\u200bna", "Anna"),  # zero width
        ("\u202eAnna\u202c", "Anna"),  # written backwards
        ("  Anna \t\n Lee ", "Anna Lee"),
        ("İbrahim Işık", "İbrahim Işık"),
        ("Ann 🍯", "Ann 🍯"),
        ("Я", "Я"),
        ("ж" * 200, "ж" * 200),
        ("a\0b", "ab"),
    ],
)
def test_names_are_kept_in_one_visible_writing(enrol, typed, kept):
    member = enrol(name=typed)

    member.refresh_from_db()
    assert member.name == kept


def test_a_name_of_201_letters_is_refused(enrol):
    with pytest.raises(NameInvalid):
        enrol(name="ж" * 201)


def test_a_change_counts_a_version(enrol):
    member = enrol(name="Anna")
    before = member.version

    changed = update_member(
        member=member, changes={"name": "Anna Lee"}, expected_version=before, actor=SYSTEM
    )

    assert (changed.name, changed.version) == ("Anna Lee", before + 1)
    assert changed.updated_at > member.recorded_at if member.recorded_at else True


def test_a_change_of_an_older_version_is_refused(enrol):
    member = enrol(name="Anna")
    update_member(member=member, changes={"name": "Ann"}, expected_version=None, actor=SYSTEM)

    with pytest.raises(ConflictVersion):
        update_member(
            member=member, changes={"name": "X"}, expected_version=member.version, actor=SYSTEM
        )

    member.refresh_from_db()
    assert member.name == "Ann"


def test_a_repeated_change_is_no_change(enrol):
    member = enrol(name="Anna")

    same = update_member(member=member, changes={"name": "Anna"}, actor=SYSTEM)

    assert same.version == member.version
    assert not OutboxEvent.objects.filter(kind="member.updated").exists()


def test_identities_come_are_proved_and_go(noon):
    member = MemberFactory()

    phone = add_identity(member=member, kind="phone", value="8 999 1234567", actor=SYSTEM)
    again = add_identity(member=member, kind="phone", value=PHONE, actor=SYSTEM)
    verify_identity(identity=phone, verified_at=noon, actor=SYSTEM)
    remove_identity(identity=phone, actor=SYSTEM)

    assert again == phone
    assert phone.verified_at == noon
    assert not member.identities.exists()
    member.refresh_from_db()
    assert member.version == 4


def test_an_identity_of_another_member_is_refused():
    IdentityFactory(value=PHONE)

    with pytest.raises(IdentityTaken):
        add_identity(member=MemberFactory(), kind="phone", value=PHONE, actor=SYSTEM)


@pytest.mark.django_db(transaction=True)
def test_two_tills_that_enrol_one_phone_make_one_member(enrol):
    """The second till waits for the unique key of the first one's identity, nothing else."""
    waited, outcome = two_tills_enrol(enrol)

    assert waited
    assert isinstance(outcome, IdentityTaken)
    assert Member.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_unique_key_two_tills_make_two_members(enrol):
    """Negative control: the key is what the race above waits for."""
    key = "identity_names_one_member"
    by_owner(f"ALTER TABLE members_identity DROP CONSTRAINT {key}")
    try:
        waited, _ = two_tills_enrol(enrol)

        assert not waited
        assert Identity.objects.filter(value=PHONE).count() == 2
    finally:
        by_owner("TRUNCATE members_identity")
        by_owner(f"ALTER TABLE members_identity ADD CONSTRAINT {key} UNIQUE (kind, system, value)")


def two_tills_enrol(enrol):
    """The first holds its transaction open until the second waits, or came through."""
    join = partial(enrol, phone=PHONE, with_card=False)
    with ThreadPoolExecutor(1) as other_till:
        with transaction.atomic():
            join()
            second = other_till.submit(in_own_session, join)
            waited = is_blocked()
        return waited, second.exception(timeout=5) or second.result()


def is_blocked():
    try:
        wait_until_a_session_is_blocked(seconds=1.5)
    except AssertionError:
        return False
    return True


def by_owner(sql):
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize(
    ("kind", "system", "value"),
    [
        ("phone", "", "89991234567"),
        ("phone", "shop", PHONE),
        ("email", "", "Anna@example.org"),
        ("email", "", "anna"),
        ("external", "", "A-1"),
        ("external", "shop", ""),
        ("fax", "shop", "1"),
    ],
)
def test_the_database_refuses_an_identity_that_is_not_normal(kind, system, value):
    member = MemberFactory()

    with pytest.raises(IntegrityError), transaction.atomic():
        Identity.objects.create(member=member, kind=kind, system=system, value=value)


def test_the_database_keeps_a_member_who_said_something(noon):
    member = MemberFactory()
    Consent.objects.create(
        member=member, purpose="advertising", granted=False, source="t", actor="s", occurred_at=noon
    )

    with pytest.raises(IntegrityError), transaction.atomic():
        member.delete()
