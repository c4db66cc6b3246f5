"""A new member names the code of whoever brought them: once, for ever."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from loyalty_crm.kernel import audit, outbox
from loyalty_crm.kernel.actors import Actor
from members.models import Member, Receipt
from rewards.errors import ReferralRefused
from rewards.models import Programme, Referral, ReferralTerms
from rewards.rules import referrals as rules
from rewards.services.referrals.codes import owner_of, see_device
from rewards.services.referrals.signals import crowd_at_till, signs
from rewards.services.referrals.terms import terms_of

State = Referral.State


@transaction.atomic
def attach(
    *,
    programme: Programme,
    friend: Member,
    code: str,
    device: str = "",
    place: str = "",
    now: datetime,
    actor: Actor,
) -> Referral:
    """Note who brought a new member. What looks like self-dealing is kept, refused or held.

    A repeat with the same code is the same; with another one it is refused, also when
    two ask at once: a person is somebody's friend once, the database sees to it.
    ``place`` is the till, ``device`` whatever names a phone for ever. Guessing codes is
    for the door to throttle.
    """
    terms = terms_of(programme)
    if not terms.is_on:
        raise ReferralRefused(reason="off")
    referrer = owner_of(code)
    if referrer is None:
        raise ReferralRefused(reason="code")
    if referrer.pk == friend.pk:
        raise ReferralRefused(reason="self")
    if known := Referral.objects.filter(friend=friend).first():
        return _same(known, referrer)
    _refuse_late(friend, terms, now)
    if device:
        see_device(friend, device)
    referral = Referral(
        programme=programme, referrer=referrer, friend=friend, place=place, actor=actor.label
    )
    _look(referral, terms, now)
    if not _insert(referral):
        return _same(Referral.objects.get(friend=friend), referrer)
    trace(referral, "", actor)
    return referral


def _refuse_late(friend: Member, terms: ReferralTerms, now: datetime) -> None:
    """Whoever joined long ago, or has bought before, was not brought now."""
    if friend.enrolled_at < now - timedelta(days=terms.attach_days):
        raise ReferralRefused(reason="too_late")
    if terms.first_purchase_only and Receipt.objects.filter(member=friend).exists():
        raise ReferralRefused(reason="too_late")


def _look(referral: Referral, terms: ReferralTerms, now: datetime) -> None:
    seen = signs(referral.referrer, referral.friend)
    crowd = crowd_at_till(referral.referrer, referral.place, referral.actor, terms, now)
    referral.signals = [*seen, *([rules.SAME_TILL] if crowd else [])]
    if seen and terms.on_suspicion == ReferralTerms.Suspicion.REFUSE:
        referral.state, referral.reason = State.REFUSED, ",".join(seen)
    else:
        referral.state = State.HELD if referral.signals else State.ENROLLED


def _insert(referral: Referral) -> bool:
    try:
        with transaction.atomic():
            referral.save(force_insert=True)
    except IntegrityError as clash:
        name = getattr(getattr(clash.__cause__, "diag", None), "constraint_name", "")
        if "friend_id" not in (name or ""):
            raise
        return False
    return True


def _same(known: Referral, referrer: Member) -> Referral:
    if known.referrer_id != referrer.pk:
        raise ReferralRefused(reason="already")
    return known


def trace(referral: Referral, reason: str, actor: Actor) -> None:
    """Every change of state is told and recorded."""
    told: dict[str, object] = {
        "state": referral.state,
        "referrer": str(referral.referrer.public_id),
        "friend": str(referral.friend.public_id),
        "signs": referral.signals,
    }
    subject: dict[str, Any] = {"object_type": "referral", "object_id": str(referral.public_id)}
    outbox.emit(f"referral.{referral.state}", data=told, **subject)
    audit.record(
        action=f"referral.{referral.state}", after=told, reason=reason, actor=actor, **subject
    )
