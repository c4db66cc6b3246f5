"""Services by tier: the largest rule holds, periods begin anew, a rise in mid-period adds."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from loyalty_crm.kernel.actors import SYSTEM
from rewards.errors import ServiceUnavailable
from rewards.models import ServiceRule, Tier, TierMembership, TierStructure
from rewards.rules.periods import bounds
from rewards.services import benefits, tiers
from rewards.services.tiers.ladders import Step
from tests.factories.catalogue import make_service
from tests.factories.members import MemberFactory
from tests.factories.promotions import make_programme

MARCH = datetime(2026, 3, 10, 12, tzinfo=UTC)
NEXT_YEAR = datetime(2027, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("period", "day", "begins", "ends"),
    [
        ("month", date(2026, 12, 31), date(2026, 12, 1), date(2027, 1, 1)),
        ("quarter", date(2026, 2, 28), date(2026, 1, 1), date(2026, 4, 1)),
        ("quarter", date(2026, 12, 1), date(2026, 10, 1), date(2027, 1, 1)),
        ("year", date(2028, 2, 29), date(2028, 1, 1), date(2029, 1, 1)),
    ],
)
def test_periods_are_those_of_the_calendar(period, day, begins, ends):
    assert bounds(period, day) == (begins, ends)


def use(service, member, ref, at=MARCH):
    return benefits.consume(
        service=service, member=member, store=None, reason="coat", source="test", source_ref=ref,
        now=at, actor=SYSTEM,
    )  # fmt: skip


def left(member, programme, at=MARCH):
    shares = benefits.shares_of(member=member, programme=programme, now=at)
    return [share.left for share in shares]


@pytest.mark.django_db
def test_a_tier_gives_more_and_a_new_year_gives_anew():
    programme, member = make_programme(), MemberFactory()
    ladder = TierStructure(programme=programme, code="club", name="Club", is_primary=True)
    steps = [Step("base", "Base", 0), Step("gold", "Gold", 100)]
    tiers.save_structure(structure=ladder, steps=steps, actor=SYSTEM)
    gold = Tier.objects.get(code="gold")
    service = make_service(programme, count=1)
    ServiceRule.objects.create(service=service, tier=gold, count=3)

    assert left(member, programme) == [1]
    use(service, member, "1")
    with pytest.raises(ServiceUnavailable):
        use(service, member, "2")
    TierMembership.objects.create(
        structure=ladder, member=member, tier=gold, since=MARCH, valid_until=NEXT_YEAR
    )
    assert left(member, programme) == [2]
    use(service, member, "3")
    TierMembership.objects.all().delete()
    assert left(member, programme) == [1]
    assert left(member, programme, NEXT_YEAR) == [1]
    use(service, member, "4", NEXT_YEAR)
    assert left(member, programme, NEXT_YEAR) == [0]
