"""Tiers on real receipts: rising after a sale, reviews, hands, late receipts, and races."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext

from loyalty_crm.kernel import outbox
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import OutboxEvent
from members.models import Receipt
from rewards.errors import TiersInvalid
from rewards.models import TierEvaluation, TierMembership, TierStructure
from rewards.services import tiers
from rewards.services.tiers import deciding
from rewards.services.tiers.ladders import Step
from tests.concurrency import race
from tests.factories.members import MemberFactory, ProductFactory, StoreFactory
from tests.factories.rewards import ProgrammeFactory

pytestmark = pytest.mark.django_db

UTC = ZoneInfo("UTC")
STEPS = [Step("base", "Base", 0), Step("silver", "Silver", 10_000), Step("gold", "Gold", 50_000)]
_numbers = itertools.count(1)


def on(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


@pytest.fixture
def programme():
    return ProgrammeFactory(is_default=True, currency="USD", time_zone="UTC")


@pytest.fixture
def ladder(programme):
    structure = TierStructure(
        programme=programme, code="club", name="Club", is_primary=True, landing="one_step"
    )
    return tiers.save_structure(structure=structure, steps=STEPS, actor=SYSTEM)


@pytest.fixture
def till(api, programme):
    StoreFactory(code="S")
    ProductFactory(sku="tea")
    return api("sales:write", "sales:read", "refunds:write", "rules:write", "rules:read")


def usd(amount):
    return {"amount": amount, "currency": "USD"}


def basket(member, minor, **more):
    line = {"sku": "tea", "quantity": "1", "price": usd(minor)}
    return {"store": "S", "member": {"id": str(member.public_id)}, "lines": [line], **more}


def sell(till, member, minor, day):
    """A sale of that day; what the outbox makes of it happens at once."""
    number = f"r{next(_numbers)}"
    with time_machine.travel(on(day) + timedelta(hours=12), tick=False):
        body = basket(member, minor, number=number, occurred_at=f"{day}T12:00:00Z")
        answer = till.post("/api/v1/purchases", body, key=number)
        assert answer.status_code == 201, answer.content
        OutboxEvent.objects.filter(published_at=None).update(next_attempt_at=on("2020-01-01"))
        while outbox.drain():
            pass
    return answer.json()


def tier_of(member):
    held = TierMembership.objects.filter(member=member).select_related("tier").first()
    return held.tier.code if held else None


def review(ladder, day):
    return tiers.review_due(structure=ladder, now=on(day))


def test_a_sale_lifts_and_the_reason_is_kept(ladder, till):
    member = MemberFactory()
    sell(till, member, 6_000, "2030-01-10")
    assert tier_of(member) == "base"
    sell(till, member, 4_000, "2030-02-10")
    assert tier_of(member) == "silver"

    why = TierEvaluation.objects.filter(member=member).latest("id")
    assert (why.cause, why.value, why.from_tier.code, why.to_tier.code) == (
        "reached", 10_000, "base", "silver",
    )  # fmt: skip
    assert why.thresholds == {"base": 0, "silver": 10_000, "gold": 50_000}
    assert why.valid_until == on("2031-02-11")
    event = OutboxEvent.objects.filter(kind="member.tier_changed").latest("id")
    assert event.data == {"structure": "club", "from": "base", "to": "silver", "cause": "reached"}


def test_a_return_lowers_the_figure_but_not_the_tier_before_the_review(ladder, till):
    # 120.00 lift to silver, 50.00 come back: 70.00 are left of the figure.
    member = MemberFactory()
    sale = sell(till, member, 12_000, "2030-01-10")
    with time_machine.travel(on("2030-01-11"), tick=False):
        back = {"number": "b1", "amount": usd(5_000)}
        assert till.post(f"/api/v1/purchases/{sale['id']}/refunds", back, key="b").status_code < 300
        tiers.rise_all(structure=ladder, now=on("2030-01-12"))
    assert tier_of(member) == "silver"
    progress = tiers.progress_of(structure=ladder, member=member, now=on("2030-01-12"))
    assert progress.value == 7_000
    assert review(ladder, "2031-01-10") == 0
    assert review(ladder, "2031-01-11") == 1
    assert tier_of(member) == "base"


def test_who_goes_on_buying_keeps_the_tier(ladder, till):
    member = MemberFactory()
    sell(till, member, 10_000, "2030-01-10")
    sell(till, member, 10_000, "2030-06-10")
    assert review(ladder, "2031-01-11") == 1
    held = TierMembership.objects.get(member=member)
    assert (held.tier.code, held.valid_until) == ("silver", on("2032-01-12"))
    assert held.since == on("2030-01-10") + timedelta(hours=12)
    assert review(ladder, "2031-01-11") == 0


def test_one_step_a_year_down_from_gold(ladder, till):
    member = MemberFactory()
    sell(till, member, 50_000, "2030-01-10")
    seen = []
    for day in ("2031-01-11", "2032-01-12", "2033-01-13"):
        review(ladder, day)
        seen.append(tier_of(member))
    assert seen == ["silver", "base", "base"]


def test_a_calendar_year_counts_what_was_bought_in_it(ladder, till):
    ladder.window, ladder.landing = "calendar_year", "by_result"
    tiers.save_structure(structure=ladder, steps=STEPS, actor=SYSTEM)
    member = MemberFactory()
    sell(till, member, 10_000, "2030-11-10")  # silver until the end of 2031
    sell(till, member, 9_999, "2031-03-10")
    assert TierMembership.objects.get(member=member).valid_until == on("2032-01-01")
    assert review(ladder, "2031-12-31") == 0
    review(ladder, "2032-01-01")
    assert tier_of(member) == "base"


@pytest.mark.parametrize(
    ("metric", "threshold"), [("visits", 3), ("points", 300), ("spend", 30_000)]
)
def test_whatever_counts_counts(ladder, till, metric, threshold):
    # A point for each whole unit of money: three sales of 100.00 are 3, 300 and 30 000.
    rate = {"kind": "earn_rate", "points": 1, "per_minor": 100}
    body = {"definition": {"effects": [rate]}}
    code = till.post("/api/v1/promotions", {"code": "b", "name": "B"}, key="p").json()["id"]
    made = till.post(f"/api/v1/promotions/{code}/versions", body, key="v")
    assert made.status_code == 201, made.content
    till.post(f"/api/v1/promotions/{code}/versions/1/publish", {}, key="l")
    ladder.metric = metric
    steps = [Step("base", "Base", 0), Step("vip", "VIP", threshold)]
    other = TierStructure(programme=ladder.programme, code="other", name="Other", metric=metric)
    tiers.save_structure(structure=other, steps=steps, actor=SYSTEM)
    member = MemberFactory()
    for day in ("2036-11-10", "2036-11-11", "2036-11-12"):
        assert not TierMembership.objects.filter(member=member, tier__code="vip").exists()
        sell(till, member, 10_000, day)
    assert TierMembership.objects.filter(member=member, tier__code="vip").exists()


def test_a_tier_by_hand_has_a_reason_and_an_end(ladder, till):
    member = MemberFactory()
    with time_machine.travel(on("2030-01-01"), tick=False):
        tiers.grant_tier(
            structure=ladder, member=member, code="gold", until=on("2030-07-01"),
            reason="a partner's guest", actor=SYSTEM,
        )  # fmt: skip
    assert tier_of(member) == "gold"
    assert TierEvaluation.objects.get(member=member).reason == "a partner's guest"
    assert review(ladder, "2030-06-30") == 0
    review(ladder, "2030-07-01")
    assert tier_of(member) == "silver"  # one step
    with time_machine.travel(on("2030-08-01"), tick=False):
        tiers.end_tier(structure=ladder, member=member, reason="a mistake", actor=SYSTEM)
    assert tier_of(member) is None


def test_the_night_lifts_whoever_no_event_told_of(ladder):
    members = [MemberFactory() for _ in range(3)]
    with CaptureQueriesContext(connection) as few:
        assert tiers.rise_all(structure=ladder, now=on("2030-01-01")) == 3
    assert {tier_of(member) for member in members} == {"base"}
    for _ in range(40):
        MemberFactory()
    with CaptureQueriesContext(connection) as many:
        assert tiers.rise_all(structure=ladder, now=on("2030-01-02")) == 40
    assert len(few) == len(many)
    assert tiers.rise_all(structure=ladder, now=on("2030-01-02")) == 0


def test_promotions_read_the_tier_of_before_the_sale(ladder, till):
    silver = {
        "when": {"all": [{"kind": "tiers", "codes": ["silver"]}]},
        "effects": [{"kind": "percent_off", "basis_points": 1_000}],
    }
    code = till.post("/api/v1/promotions", {"code": "s", "name": "S"}, key="p").json()["id"]
    made = till.post(f"/api/v1/promotions/{code}/versions", {"definition": silver}, key="v")
    assert made.status_code == 201, made.content
    with time_machine.travel(on("2030-01-01"), tick=False):
        done = till.post(f"/api/v1/promotions/{code}/versions/1/publish", {}, key="l")
        assert done.status_code == 200, done.content
    member = MemberFactory()

    first = sell(till, member, 10_000, "2030-01-10")
    second = sell(till, member, 10_000, "2030-01-11")

    assert (first["totals"]["discount"], second["totals"]["discount"]) == (usd(0), usd(1_000))
    # A receipt that arrives late is priced by the tier of its own moment.
    with time_machine.travel(on("2030-01-12"), tick=False):
        late = basket(member, 10_000, number="late", occurred_at="2030-01-09T12:00:00Z")
        answer = till.post("/api/v1/purchases", late, key="late").json()
    assert answer["totals"]["discount"] == usd(0)


def test_the_ladder_must_rise_and_keeps_its_used_tiers(ladder, till):
    wrong = [Step("a", "A", 5), Step("b", "B", 5)]
    with pytest.raises(TiersInvalid):
        tiers.save_structure(structure=ladder, steps=wrong, actor=SYSTEM)
    member = MemberFactory()
    sell(till, member, 10_000, "2030-01-10")
    with pytest.raises(TiersInvalid):
        tiers.save_structure(structure=ladder, steps=STEPS[:1], actor=SYSTEM)
    # Thresholds may trade places with names, ranks follow.
    swapped = [Step("base", "Base", 0), Step("gold", "Gold", 20_000), Step("silver", "S", 90_000)]
    tiers.save_structure(structure=ladder, steps=swapped, actor=SYSTEM)
    assert list(ladder.tiers.values_list("code", flat=True)) == ["base", "gold", "silver"]
    assert tier_of(member) == "silver"


def test_a_preview_tells_who_would_move_and_moves_nobody(ladder, till):
    for minor in (5_000, 15_000, 60_000):
        sell(till, MemberFactory(), minor, "2030-01-10")
    harder = [Step("base", "Base", 0), Step("silver", "S", 20_000), Step("gold", "G", 55_000)]
    softer = [Step("base", "Base", 0), Step("silver", "S", 5_000), Step("gold", "G", 15_000)]

    told = tiers.preview(structure=ladder, steps=harder, now=on("2030-02-01"))
    assert (told.rising, told.at_risk) == (0, 1)
    assert dict(told.now) == {"base": 1, "silver": 1, "gold": 1}
    assert dict(told.then) == {"base": 2, "gold": 1}
    told = tiers.preview(structure=ladder, steps=softer, now=on("2030-02-01"))
    assert (told.rising, told.at_risk) == (2, 0)
    assert TierEvaluation.objects.count() == 3


def test_drops_ahead_and_progress(ladder, till):
    member, loyal = MemberFactory(), MemberFactory()
    for one in (member, loyal):
        sell(till, one, 12_000, "2030-01-10")
    sell(till, loyal, 12_000, "2030-12-01")
    (drop,) = tiers.drops_ahead(structure=ladder, now=on("2031-01-05"), days=10)
    # Counted from 11 January 2030 on, the sale of the 10th no longer helps.
    assert (drop.membership.member, drop.missing.value) == (member, 10_000)
    progress = tiers.progress_of(structure=ladder, member=loyal, now=on("2031-01-05"))
    assert (progress.tier.code, progress.next_tier.code) == ("silver", "gold")
    assert (progress.value, progress.missing) == (24_000, 26_000)


# What the database keeps


def test_one_tier_a_ladder_and_decisions_that_stay(ladder, till):
    member = MemberFactory()
    sell(till, member, 100, "2030-01-10")
    held = TierMembership.objects.get(member=member)
    with pytest.raises(IntegrityError), transaction.atomic():
        TierMembership.objects.create(
            structure=ladder, member=member, tier=held.tier, since=held.since,
            valid_until=held.valid_until,
        )  # fmt: skip
    for change in (
        lambda: TierEvaluation.objects.update(value=1),
        lambda: TierEvaluation.objects.all().delete(),
    ):
        with pytest.raises(ProgrammingError), transaction.atomic():
            change()


def meet(ladder, member):
    receipts = Receipt.objects.filter(member=member)
    assert receipts.exists()
    TierMembership.objects.filter(member=member).delete()
    return race(
        [
            lambda: tiers.rise_members(
                structure=TierStructure.objects.select_related("programme").get(pk=ladder.pk),
                member_ids=[member.pk],
                now=on("2030-02-01"),
            )
            for _ in range(8)
        ]
    )


@pytest.mark.django_db(transaction=True)
def test_many_events_about_one_member_lift_once(ladder, till):
    member = MemberFactory()
    sell(till, member, 10_000, "2030-01-10")
    before = TierEvaluation.objects.count()
    met = meet(ladder, member)
    assert met.overlap > 1
    assert sorted(met.results) == [0] * 7 + [1]
    assert TierEvaluation.objects.count() == before + 1


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_they_lift_twice(ladder, till, monkeypatch):
    member = MemberFactory()
    sell(till, member, 10_000, "2030-01-10")
    monkeypatch.setattr(deciding, "lock", lambda _structure: None)
    lifted = [sum(meet(ladder, member).results) for _ in range(5)]
    assert max(lifted) > 1
