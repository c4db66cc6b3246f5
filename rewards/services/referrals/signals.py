"""Looks at two members for signs that one of them is the other, or lives with the other."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from members.models import HouseholdMember, Identity, Member, Receipt
from rewards.models import Referral, ReferralDevice, ReferralTerms
from rewards.rules import referrals as rules

# Up the chain of who brought whom, from the referrer: is the friend above?
_ABOVE = """
    WITH RECURSIVE up AS (
        SELECT referrer_id AS member, 1 AS depth FROM rewards_referral WHERE friend_id = %(from)s
        UNION
        SELECT r.referrer_id, up.depth + 1
          FROM up JOIN rewards_referral r ON r.friend_id = up.member
         WHERE up.depth < 50 AND up.member <> %(friend)s
    )
    SELECT EXISTS (SELECT FROM up WHERE member = %(friend)s)
"""


def signs(referrer: Member, friend: Member) -> list[str]:
    """Hard signs, in a fixed order; a fixed number of queries, all by index."""
    looks = {
        rules.HOUSEHOLD: _share_household,
        rules.CARD: _shared_card,
        rules.DEVICE: _share_device,
        rules.PERSON: _are_alike,
        rules.CHAIN: _is_above,
    }
    return [sign for sign, look in looks.items() if look(referrer, friend)]


def _share_household(referrer: Member, friend: Member) -> bool:
    together = HouseholdMember.objects.filter(
        member=referrer, left_at=None, household=OuterRef("household")
    )
    mine = HouseholdMember.objects.filter(Exists(together), member=friend, left_at=None)
    return mine.exists()


def _shared_card(referrer: Member, friend: Member) -> bool:
    """A card of one of them was shown for the other, or was replaced by the other's."""
    return (
        Receipt.objects.filter(member=referrer, card__member=friend).exists()
        or Receipt.objects.filter(member=friend, card__member=referrer).exists()
        or friend.cards.filter(replaces__member=referrer).exists()
    )


def _share_device(referrer: Member, friend: Member) -> bool:
    own = ReferralDevice.objects.filter(member=friend).values("digest")
    return ReferralDevice.objects.filter(member=referrer, digest__in=own).exists()


def _are_alike(referrer: Member, friend: Member) -> bool:
    persons = [(one.name, one.birth_date) for one in (referrer, friend)]
    if rules.is_same_person(*persons):
        return True
    mails = Identity.objects.filter(kind=Identity.Kind.EMAIL, member__in=[referrer, friend])
    by: dict[int, list[str]] = {referrer.pk: [], friend.pk: []}
    for owner, address in mails.values_list("member_id", "value"):
        by[owner].append(address)
    return rules.same_mailbox(by[referrer.pk], by[friend.pk])


def _is_above(referrer: Member, friend: Member) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_ABOVE, {"from": referrer.pk, "friend": friend.pk})
        return bool(cursor.fetchone()[0])


def crowd_at_till(
    referrer: Member, place: str, actor: str, terms: ReferralTerms, now: datetime
) -> bool:
    """So many friends of one member at one till, by one hand, on one day of the programme."""
    zone = ZoneInfo(terms.programme.time_zone)
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    same = Referral.objects.filter(
        Q(place=place) & ~Q(place=""),
        referrer=referrer,
        actor=actor,
        created_at__gte=midnight,
        created_at__lt=midnight + timedelta(days=1),
    )
    return same.count() + 1 >= terms.same_till_a_day
