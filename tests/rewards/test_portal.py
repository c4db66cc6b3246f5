"""What members see of their points and offers: exact figures, nobody else's, at a fixed price."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from members.models import CardDesign, CardType, ContactChange, Identity
from members.services.consents import has_consent
from rewards.models import LedgerEntry, Redemption, Wallet
from rewards.portal.history import PAGE
from rewards.services import gift_cards, ledger, rule_sets
from rewards.services.checkout.committing import commit_purchase
from rewards.services.coupons.issuing import issue_coupon
from tests.factories.catalogue import make_reward
from tests.factories.members import CardFactory, ConsentTextFactory, MemberFactory, TerminalFactory
from tests.factories.promotions import TILL, ask_for, asked, make_programme, sale_of
from tests.factories.rewards import WalletFactory
from tests.portal import Phone
from tests.till import text_of

pytestmark = pytest.mark.django_db
ANNA, BORIS = "+79991234567", "+79990000000"
PAGES = ("home", "card", "card-code", "history", "offers", "settings")


@pytest.fixture
def programme():
    rule_sets.forget()
    yield make_programme()
    rule_sets.forget()


@pytest.fixture
def anna(programme):
    card = CardFactory(member=MemberFactory(name="Anna Petrova", phone=ANNA))
    WalletFactory(member=card.member, programme=programme, points=500)
    return card.member


@pytest.fixture
def phone(anna):
    phone = Phone()
    phone.sign_in(ANNA)
    return phone


def buy(member, number, gross=10_000):
    ask = ask_for(
        TerminalFactory().store,
        asked(1, "milk", gross),
        card=member.cards.get(),
        occurred_at=clock.now(),
    )
    commit_purchase(
        sale=sale_of(ask, number, gross), compiled=rule_sets.current(), now=clock.now(), actor=TILL
    )


def test_the_first_page_says_how_many_points_there_are(phone):
    said = text_of(phone.get("home"))

    assert "Hello, Anna Petrova" in said
    assert "500 points" in said


def test_every_entry_says_its_reason(phone, anna):
    buy(anna, "R-77")
    wallet = Wallet.objects.get(member=anna)
    ledger.adjust(wallet=wallet, points=25, reason="Sorry: late", reference="r", actor=SYSTEM)

    said = text_of(phone.get("history"))

    assert "receipt R-77" in said
    assert "Base earning rule" in said or "base" in said.lower()
    assert "Sorry: late" in said
    assert LedgerEntry.objects.filter(wallet=wallet).count() >= 2


def test_the_history_is_paged_without_gap_or_repeat(phone, anna):
    wallet = Wallet.objects.get(member=anna)
    for n in range(PAGE + 7):
        ledger.adjust(wallet=wallet, points=1, reason=f"no {n}.", reference=str(n), actor=SYSTEM)

    first = phone.get("history").content.decode()
    following = re.search(r"before=(\d+)", first)[1]
    second = phone.get("history", before=following).content.decode()

    seen = re.findall(r"no \d+\.", first) + re.findall(r"no \d+\.", second)
    assert len(seen) == len(set(seen)) == PAGE + 7
    assert phone.get("history", before="9" * 40).status_code == 200
    assert phone.get("history", before="x';--").status_code == 200


def test_a_member_sees_nothing_of_another(phone, anna, programme):
    other = CardFactory(member=MemberFactory(name="Boris Secret", phone=BORIS))
    WalletFactory(member=other.member, programme=programme, points=98_765)
    buy(other.member, "R-SECRET")

    pages = "".join(phone.get(name).content.decode() for name in PAGES)

    for secret in ("Boris", "98,765", "R-SECRET", other.number, other.number[-4:] + "<"):
        assert secret not in pages


def test_no_address_of_the_page_names_a_member(phone):
    """Whose data is shown follows from the session: there is nothing to count up."""
    for name in PAGES:
        assert re.fullmatch(r"/my/[a-z/-]*", reverse(f"my:{name}"))


def test_coupons_and_gift_cards_are_shown_to_their_owner(phone, anna, programme):
    issue_coupon(promotion="base", member_id=anna.pk, source="t", source_ref="1", actor=SYSTEM)
    (gift,) = gift_cards.issue(programme=programme, actor=SYSTEM)
    gift_cards.activate(card=gift, amount=500, source_ref="sold", actor=SYSTEM)
    type(gift).objects.filter(pk=gift.pk).update(holder=anna)

    said = text_of(phone.get("offers"))

    assert "My coupons" in said
    assert f"•••• {gift.last4}" in said


def test_a_reward_is_taken_once_by_two_taps(phone, anna, programme):
    reward = make_reward(programme, price_points=100)
    page = phone.get("offers").content.decode()
    key = re.search(r'name="key" value="([^"]+)"', page)[1]

    for _twice in range(2):
        phone.post("take", reward=reward.public_id, key=key)

    assert Redemption.objects.get().member == anna
    assert Wallet.objects.get(member=anna).posted == 400


def test_a_reward_that_is_too_dear_says_what_is_missing(phone, programme):
    reward = make_reward(programme, price_points=900)
    said = text_of(phone.get("offers"))
    phone.post("take", reward=reward.public_id, key="0199aa00-0000-7000-8000-000000000000")

    assert "400" in said
    assert not Redemption.objects.exists()


def test_for_a_day_after_a_change_of_contacts_nothing_is_taken(phone, anna, programme):
    reward = make_reward(programme, price_points=100)
    ContactChange.objects.create(member=anna, kind=Identity.Kind.PHONE)
    key = "0199aa00-0000-7000-8000-000000000001"

    phone.post("take", reward=reward.public_id, key=key)
    refused = Redemption.objects.count()
    ContactChange.objects.update(at=clock.now() - timedelta(hours=25))
    phone.post("take", reward=reward.public_id, key=key)

    assert (refused, Redemption.objects.count()) == (0, 1)


@pytest.mark.parametrize(
    "said", [{}, {"reward": "x", "key": "y"}, {"reward": "0199aa00-0000-7000-8000-00000000000a"}]
)
def test_a_broken_form_takes_nothing(phone, said):
    assert phone.post("take", **said).status_code == 302
    assert not Redemption.objects.exists()


EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'


def test_names_and_texts_are_inert(phone, anna, programme):
    anna.name = EVIL
    anna.save()
    design = CardDesign.objects.create(
        name="d", title=EVIL[:40], note=EVIL, rules_url=EVIL, hotline=EVIL[:60], legal_entity=EVIL
    )
    club = CardType.objects.create(code="c", name="c", number_prefix="9", design=design)
    anna.cards.update(type=club)
    programme.name = EVIL
    programme.save()
    wallet = Wallet.objects.get(member=anna)
    ledger.adjust(wallet=wallet, points=1, reason=EVIL, reference="r", actor=SYSTEM)
    make_reward(programme, price_points=1, name=EVIL, description=EVIL)

    for name in PAGES:
        page = phone.get(name)
        assert b"<script>alert" not in page.content
        assert b"<img src=x" not in page.content


def test_no_page_has_a_script_or_a_style_of_its_own(phone, programme):
    """The policy would refuse them, and the page would be broken."""
    make_reward(programme, price_points=1)
    for name in PAGES:
        page = phone.get(name)
        text = page.content.decode()
        policy = page.headers["Content-Security-Policy"]
        assert "unsafe-inline" not in policy
        assert not re.search(r"<script(?![^>]*src=)", text)
        assert not re.search(r"""\s(style|on[a-z]+)=["']""", text)
        assert "<style" not in text


def cost(phone, name):
    phone.get(name)
    with CaptureQueriesContext(connection) as queries:
        assert phone.get(name).status_code == 200
    return len(queries)


def test_every_page_costs_the_same_however_much_there_is(phone, anna, programme):
    make_reward(programme, price_points=1, code="first")
    buy(anna, "R-0")
    ConsentTextFactory(purpose="advertising")
    before = {name: cost(phone, name) for name in PAGES}
    wallet = Wallet.objects.get(member=anna)
    for n in range(8):
        buy(anna, f"R-{n + 1}")
        ledger.adjust(wallet=wallet, points=1, reason="x", reference=str(n), actor=SYSTEM)
        make_reward(programme, price_points=n + 2, code=f"r{n}")

    assert {name: cost(phone, name) for name in PAGES} == before
    assert max(before.values()) <= 30


def test_consents_are_given_and_withdrawn_by_channel(phone, anna):
    ConsentTextFactory(purpose="advertising")
    phone.post("consents", granted=["advertising:email", "advertising:sms"])
    given = [has_consent(anna, "advertising", one) for one in ("email", "sms", "call")]
    phone.post("consents", granted=["advertising:email"])
    phone.post("consents", granted=["advertising:email"])
    after = [has_consent(anna, "advertising", one) for one in ("email", "sms", "call")]

    assert (given, after) == ([True, True, False], [True, False, False])
    assert anna.consents.count() == 3


def test_a_consent_that_nobody_asked_for_is_not_recorded(phone, anna):
    phone.post("consents", granted=["personal_data:any", "advertising:email", "x"])

    assert not anna.consents.exists()


def test_the_birth_date_is_set_once(phone, anna):
    phone.post("profile", name="Anna P", birth_date="1990-05-01")
    phone.post("profile", name="Anna P", birth_date="1991-05-01")
    anna.refresh_from_db()

    assert (anna.name, str(anna.birth_date)) == ("Anna P", "1990-05-01")
    assert phone.post("profile", name="x", birth_date="soon").status_code == 422
    assert phone.post("profile", name="x" * 201).status_code == 422


def test_the_language_is_the_members_too(phone, anna):
    phone.post("language", language="ru")
    anna.refresh_from_db()

    assert anna.language == "ru"
    assert phone.post("language", language="xx").status_code == 302


def test_a_wish_about_data_is_noted_once(phone, anna):
    for kind in ("export", "export", "erase", "x"):
        phone.post("data", kind=kind)

    assert sorted(anna.data_requests.values_list("kind", flat=True)) == ["erase", "export"]


def test_somebody_without_points_and_card_sees_what_to_do(programme):
    MemberFactory(phone=BORIS)
    phone = Phone()
    phone.sign_in(BORIS)

    assert "first points" in text_of(phone.get("home"))
    assert "no card" in text_of(phone.get("card"))
    assert "Nothing has happened" in text_of(phone.get("history"))
    assert phone.get("offers").status_code == phone.get("card-code").status_code == 200
