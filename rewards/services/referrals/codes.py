"""Codes that bring friends: one for each member, drawn at the first wish."""

from __future__ import annotations

import hashlib
import hmac

from django.conf import settings
from django.db import transaction
from django.db.models import F

from members.models import Member
from rewards.models import ReferralCode, ReferralDevice
from rewards.rules.codes import clean_code, draw
from rewards.rules.referrals import CODE_LENGTH


@transaction.atomic
def code_of(member: Member) -> ReferralCode:
    """The member's code, made when there is none. Two at once get the same one."""
    while True:
        if known := ReferralCode.objects.filter(member=member).first():
            return known
        (code,) = draw(1, length=CODE_LENGTH)
        # A twin of the member or of the code wins quietly: then we look again.
        ReferralCode.objects.bulk_create(
            [ReferralCode(member=member, code=code)], ignore_conflicts=True
        )


def owner_of(code: str) -> Member | None:
    """Who brings friends by this code, however it was typed. Belongs behind a throttle."""
    clean = clean_code(code)
    known = ReferralCode.objects.select_related("member").filter(code=clean).first()
    return known.member if known and known.member.status == Member.Status.ACTIVE else None


def count_look(code: str) -> bool:
    """Somebody opened the link; whether there is such a code."""
    return bool(ReferralCode.objects.filter(code=clean_code(code)).update(opened=F("opened") + 1))


def see_device(member: Member, device: str) -> bytes:
    """Remember, as a keyed hash, that the member was seen on a device; the hash."""
    key = str(settings.SECRET_KEY).encode()
    digest = hmac.digest(key, b"device:" + device.encode(), hashlib.sha256)
    ReferralDevice.objects.bulk_create(
        [ReferralDevice(member=member, digest=digest)], ignore_conflicts=True
    )
    return digest
