"""The consent log: separate, provable, never rewritten."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.roles import as_owner
from members.errors import (
    ConsentBundled,
    ConsentTextExists,
    ConsentTextMismatch,
    ConsentTextRequired,
)
from members.models import Consent, ConsentText
from members.models.consents import Purpose
from members.services.consents import (
    current_consents,
    has_consent,
    newest_text,
    publish_text,
    record_consent,
)
from tests.factories.members import ConsentFactory, ConsentTextFactory, MemberFactory

pytestmark = pytest.mark.django_db
ADS = Purpose.ADVERTISING


@pytest.fixture
def say(noon):
    return partial(record_consent, purpose=ADS, source="till", occurred_at=noon, actor=SYSTEM)


@pytest.fixture
def words():
    return ConsentTextFactory(purpose=ADS)


def test_the_newest_statement_counts(say, words, noon):
    member = MemberFactory()
    say(member=member, granted=True, text=words)
    say(member=member, granted=False, occurred_at=noon + timedelta(hours=1))

    [current] = current_consents(member)

    assert not current.granted
    assert member.consents.count() == 2


def test_an_old_form_typed_in_later_does_not_undo_a_withdrawal(say, words, noon):
    member = MemberFactory()
    say(member=member, granted=False)
    say(member=member, granted=True, text=words, occurred_at=noon - timedelta(days=3))

    assert not has_consent(member, ADS)


def test_each_purpose_stands_alone(say, words):
    member = MemberFactory()

    say(member=member, granted=True, text=words)

    assert has_consent(member, ADS, "sms")
    assert not has_consent(member, Purpose.PERSONAL_DATA)
    assert not has_consent(member, Purpose.PARTNERS)


def test_a_word_about_one_channel_outweighs_a_word_about_all(say, words):
    member = MemberFactory()
    say(member=member, granted=True, text=words)
    say(member=member, granted=False, channel="sms")

    assert has_consent(member, ADS, "email")
    assert not has_consent(member, ADS, "sms")


def test_a_consent_needs_a_text_and_a_withdrawal_does_not(say):
    member = MemberFactory()

    say(member=member, granted=False)
    with pytest.raises(ConsentTextRequired):
        say(member=member, granted=True)


def test_a_text_of_another_purpose_is_refused(say):
    text = ConsentTextFactory(purpose=Purpose.PERSONAL_DATA)

    with pytest.raises(ConsentTextMismatch):
        say(member=MemberFactory(), granted=True, text=text)


def test_one_text_for_two_purposes_is_refused():
    publish = partial(publish_text, version="1", language="en", body="Yes to all.", actor=SYSTEM)
    publish(purpose=Purpose.PERSONAL_DATA)

    with pytest.raises(ConsentBundled):
        publish(purpose=ADS)


def test_a_version_is_published_once():
    publish = partial(publish_text, purpose=ADS, version="1", language="en", actor=SYSTEM)

    assert publish(body="I agree.") == publish(body="I agree.")
    with pytest.raises(ConsentTextExists):
        publish(body="I agree to more.")


def test_a_form_shows_the_newest_words_in_the_members_language():
    ConsentTextFactory(purpose=ADS, language="ru", version="1")
    newest = ConsentTextFactory(purpose=ADS, language="ru", version="2")
    english = ConsentTextFactory(purpose=ADS, language="en", version="2")

    assert newest_text(ADS, "ru") == newest
    assert newest_text(ADS, "de") in (newest, english)
    assert newest_text(Purpose.PARTNERS, "ru") is None


@pytest.mark.parametrize(
    "sql", ["UPDATE members_consent SET granted = false", "DELETE FROM members_consent"]
)
def test_the_application_may_not_touch_the_log(sql):
    ConsentFactory()

    with pytest.raises((ProgrammingError, IntegrityError)), transaction.atomic():
        connection.cursor().execute(sql)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "sql", ["UPDATE members_consent SET granted = false", "DELETE FROM members_consent"]
)
def test_not_even_the_owner_may_touch_the_log(sql):
    ConsentFactory()

    with as_owner(), pytest.raises(IntegrityError), transaction.atomic():
        connection.cursor().execute(sql)

    assert Consent.objects.get().granted


def test_words_that_somebody_agreed_to_are_never_changed():
    used, unused = ConsentFactory().text, ConsentTextFactory()

    ConsentText.objects.filter(pk=unused.pk).update(body="Better words.")
    for change in (
        partial(ConsentText.objects.filter(pk=used.pk).update, body="Others"),
        used.delete,
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()
