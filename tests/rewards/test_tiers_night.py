"""The night of a ladder: who is looked at, ladders of periods, of purchases, of own figures."""

from __future__ import annotations

import itertools
import random
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from loyalty_crm.kernel import outbox
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import OutboxEvent
from members.models import Receipt
from rewards.models import TierEvaluation, TierFigure, TierMembership, TierStructure
from rewards.services import tiers
from rewards.services.ledger import Earn, Event, post_many
from rewards.services.tiers.ladders import Step, ladder_of
from rewards.services.tiers.night import who_may_rise
from tests.factories.members import MemberFactory, StoreFactory
from tests.factories.rewards import ProgrammeFactory, WalletFactory

pytestmark = pytest.mark.django_db

UTC = ZoneInfo("UTC")
NOW = datetime(2030, 6, 15, 3, tzinfo=UTC)
_numbers = itertools.count(1)


@pytest.fixture
def programme():
    return ProgrammeFactory(is_default=True, currency="USD", time_zone="UTC", points_scale=0)


@pytest.fixture
def store(programme):
    return StoreFactory(code="S")


def save(programme, *steps, **fields):
    structure = TierStructure(programme=programme, code="club", name="Club", **fields)
    return tiers.save_structure(structure=structure, steps=steps, actor=SYSTEM)


def bought(store, member, at, minor, state="closed"):
    return Receipt(
        store=store, number=f"n{next(_numbers)}", member=member, currency="USD", gross_minor=minor,
        total_minor=minor, state=state, content_digest=b"0" * 32, occurred_at=at,
        business_date=at.date(),
    )  # fmt: skip


def standings(structure):
    held = TierMembership.objects.filter(structure=structure).select_related("tier")
    return {one.member_id: (one.tier.code, one.valid_until) for one in held}


def settled(structure, work):
    """What ``work`` makes of the members, and then as if it had not been."""
    spot = transaction.savepoint()
    work()
    found = standings(structure)
    transaction.savepoint_rollback(spot)
    return found


@pytest.mark.parametrize("rises", ["at_once", "next_period"])
@pytest.mark.parametrize("needs", ["all", "any"])
@pytest.mark.parametrize("window", ["rolling", "calendar_year", "anniversary"])
@pytest.mark.parametrize("metric", ["spend", "visits", "custom", "points"])
def test_the_night_lifts_just_those_whom_a_look_at_each_would(
    programme, store, metric, window, needs, rises
):
    rng = random.Random(f"{metric}{window}{needs}{rises}")
    steps = [Step("a", "A", 2), Step("b", "B", 6, 4), Step("c", "C", 9)]
    structure = save(
        programme, *steps, metric=metric, window=window, needs=needs, rises=rises, window_days=200
    )
    members = [
        MemberFactory(enrolled_at=NOW - timedelta(days=rng.randint(0, 900))) for _ in range(14)
    ]
    for member in members:
        moments = [NOW - timedelta(days=rng.randint(0, 800)) for _ in range(rng.randint(0, 9))]
        Receipt.objects.bulk_create(
            bought(store, member, at, rng.randint(0, 4), rng.choice(["closed", "voided"]))
            for at in moments
        )
        own_figures(structure, member, moments, rng)
        earnings(programme, member, moments, rng)
    # Half of them stand somewhere already.
    half = [member.pk for member in members[::2]]
    tiers.rise_members(structure=structure, member_ids=half, now=NOW - timedelta(days=150))
    everybody = [member.pk for member in members]

    singly = settled(
        structure,
        lambda: tiers.rise_members(structure=structure, member_ids=everybody, now=NOW),
    )
    by_night = settled(structure, lambda: tiers.rise_all(structure=structure, now=NOW))

    assert by_night == singly


def own_figures(structure, member, moments, rng):
    TierFigure.objects.bulk_create(
        TierFigure(
            structure=structure, member=member, amount=rng.choice([-2, 1, 2, 3, 4]),
            occurred_at=at, source_ref=f"f{next(_numbers)}", actor="test",
        )
        for at in moments
    )  # fmt: skip


def earnings(programme, member, moments, rng):
    wallet = WalletFactory(programme=programme, member=member)
    post_many(
        [
            Earn(
                wallet.pk,
                Event("purchase", "test", f"e{next(_numbers)}", at, "test"),
                rng.randint(1, 4),
                NOW + timedelta(days=999),
            )
            for at in moments
        ],
        announce=False,
    )


def test_only_those_who_may_rise_are_looked_at(programme, store):
    """Members who stand where they belong cost no look of their own."""
    structure = save(programme, Step("base", "Base", 0), Step("gold", "Gold", 100))
    members = [MemberFactory() for _ in range(6)]
    tiers.rise_all(structure=structure, now=NOW)
    Receipt.objects.bulk_create(
        bought(store, member, NOW - timedelta(days=3), minor)
        for member, minor in zip(members, (99, 100, 100, 5, 0, 300), strict=True)
    )

    found = who_may_rise(structure, ladder_of(structure), NOW)

    assert list(found) == [members[at].pk for at in (1, 2, 5)]
    with CaptureQueriesContext(connection) as first:
        assert tiers.rise_all(structure=structure, now=NOW) == 3
    assert len(first) <= 14
    with CaptureQueriesContext(connection) as second:
        assert tiers.rise_all(structure=structure, now=NOW) == 0
    assert len(second) == 2


def test_with_the_next_period_a_purchase_lifts_on_the_first_of_january(programme, store):
    structure = save(
        programme, Step("base", "Base", 0), Step("gold", "Gold", 100),
        window="calendar_year", rises="next_period", landing="by_result",
    )  # fmt: skip
    member = MemberFactory(enrolled_at=NOW - timedelta(days=900))
    bought(store, member, NOW, 100).save()

    def tier_on(day):
        tiers.review_due(structure=structure, now=day)
        tiers.rise_all(structure=structure, now=day)
        return standings(structure)[member.pk]

    new_year = datetime(2031, 1, 1, tzinfo=UTC)
    assert tier_on(NOW + timedelta(days=1))[0] == "base"
    assert tier_on(new_year - timedelta(seconds=1))[0] == "base"
    assert tier_on(new_year) == ("gold", new_year.replace(year=2032))
    # Three nights were skipped at the end of the next year, with nothing bought in it.
    assert tier_on(new_year.replace(year=2032, day=4)) == ("base", new_year.replace(year=2033))


def test_holders_keep_a_tier_that_became_dearer_or_are_reviewed_at_once(programme, store):
    structure = save(programme, Step("base", "Base", 0), Step("gold", "Gold", 100))
    earned, given = MemberFactory(), MemberFactory()
    with time_machine.travel(NOW, tick=False):
        bought(store, earned, NOW, 150).save()
        tiers.rise_all(structure=structure, now=NOW)
        tiers.grant_tier(
            structure=structure, member=given, code="gold", until=NOW + timedelta(days=90),
            reason="a guest", actor=SYSTEM,
        )  # fmt: skip
    dearer = [Step("base", "Base", 0), Step("gold", "Gold", 200)]
    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        tiers.save_structure(structure=structure, steps=dearer, actor=SYSTEM)
        assert tiers.review_due(structure=structure) == 0
        dearer[1] = Step("gold", "Gold", 300)
        tiers.save_structure(structure=structure, steps=dearer, actor=SYSTEM, review_now=True)
        assert tiers.review_due(structure=structure) == 1
    held = standings(structure)
    assert (held[earned.pk][0], held[given.pk][0]) == ("base", "gold")


# A figure of the shop's own


@pytest.fixture
def nights(programme):
    return save(programme, Step("base", "Base", 0), Step("gold", "Gold", 10), metric="custom")


@pytest.fixture
def hotel(api, programme):
    return api("members:read", "members:write", "rules:read", "rules:write")


def stay(hotel, structure, member, amount, reference="s1", **more):
    body = {"member": str(member.public_id), "amount": amount, "reference": reference}
    body |= {"occurred_at": "2026-01-05T10:00:00Z", **more}
    path = f"/api/v1/tier-structures/{structure.public_id}/figures"
    return hotel.post(path, body, key=f"k{next(_numbers)}")


def hear():
    OutboxEvent.objects.filter(published_at=None).update(
        next_attempt_at=datetime(2020, 1, 1, tzinfo=UTC)
    )
    while outbox.drain():
        pass


def test_nights_stayed_lift_once_and_a_correction_shows(hotel, nights):
    member = MemberFactory()
    with time_machine.travel("2026-02-01", tick=False):
        assert stay(hotel, nights, member, 10).status_code == 201
        assert stay(hotel, nights, member, 10).status_code == 201
        hear()
        assert standings(nights)[member.pk][0] == "gold"
        assert TierFigure.objects.count() == 1
        assert stay(hotel, nights, member, -4, "s2").status_code == 201
        told = hotel.get(f"/api/v1/members/{member.public_id}/tier").json()["data"][0]
    # What was stayed today lies before the year of the review: all ten are to be stayed again.
    assert (told["tier"], told["value"], told["missing_to_keep"]) == ("gold", 6, 10)
    assert TierEvaluation.objects.get(member=member).value == 10


def test_a_figure_that_can_not_be_counted_is_refused(hotel, nights, programme):
    member = MemberFactory()
    stay(hotel, nights, member, 10)
    assert stay(hotel, nights, member, 11).json()["code"] == "tier_figure_reused"
    assert stay(hotel, nights, member, 0, "s3").status_code == 400
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert stay(hotel, nights, member, 1, "s4", occurred_at=tomorrow).status_code == 400
    TierStructure.objects.filter(pk=nights.pk).update(metric="spend")
    assert stay(hotel, nights, member, 1, "s5").json()["code"] == "tier_figure_not_counted"
    assert TierFigure.objects.count() == 1


def test_a_figure_is_never_changed(hotel, nights):
    stay(hotel, nights, MemberFactory(), 10)
    with pytest.raises(IntegrityError), transaction.atomic():
        TierFigure.objects.update(amount=11)
