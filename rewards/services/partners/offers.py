"""Offers of partners: pools of codes that members take, and partners confirm when used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit, clock, outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from members.models import Member, Store
from rewards.errors import PartnerCodeUnusable, PartnerOfferClosed
from rewards.models import Partner, PartnerCode, PartnerOffer
from rewards.rules.codes import draw

State = PartnerOffer.State
MOST_AT_ONCE = 50_000
CODE_LENGTH = 12

_ADD = """
    INSERT INTO rewards_partnercode (offer_id, code, reference)
    SELECT %s, code, '' FROM unnest(%s::text[]) AS code ON CONFLICT (offer_id, code) DO NOTHING
"""
# Two members never wait for one code, and one member never gets two for one place.
_TAKE = """
    UPDATE rewards_partnercode SET member_id = %(member)s, take_no = %(no)s, taken_at = %(now)s
     WHERE id = (SELECT id FROM rewards_partnercode
                  WHERE offer_id = %(offer)s AND member_id IS NULL
                  ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id
"""
_USE = """
    UPDATE rewards_partnercode SET redeemed_at = %(now)s, redeemed_store_id = %(store)s,
           reference = %(reference)s
     WHERE id = %(code)s AND redeemed_at IS NULL
"""


@transaction.atomic
def save_offer(
    *, partner: Partner, terms: Mapping[str, Any], offer: PartnerOffer | None = None, actor: Actor
) -> PartnerOffer:
    """A new offer, or other words and days for one."""
    held = offer or PartnerOffer(partner=partner)
    for name, value in terms.items():
        setattr(held, name, value)
    if held.valid_from and held.valid_until and held.valid_until < held.valid_from:
        raise ValidationFailed(_("It ends before it begins."), pointer="/valid_until")
    held.save()
    _trace("partner_offer.saved", held, actor)
    return held


@transaction.atomic
def move_offer(*, offer: PartnerOffer, to: str, actor: Actor) -> PartnerOffer:
    """Put an offer live, or close it. Codes that members have stay theirs."""
    if to not in (State.LIVE, State.CLOSED) or offer.state == to:
        raise PartnerOfferClosed(state=offer.state)
    offer.state = to
    offer.save(update_fields=["state"])
    _trace(f"partner_offer.{to}", offer, actor)
    return offer


@transaction.atomic
def add_codes(*, offer: PartnerOffer, codes: Sequence[str], actor: Actor) -> int:
    """Put the partner's own codes into the pool; how many were new. Repeats do no harm."""
    clean = list(dict.fromkeys(code.strip() for code in codes if code.strip()))
    if not clean or len(clean) > MOST_AT_ONCE or any(len(code) > 60 for code in clean):
        raise ValidationFailed(
            _("1 to %(most)s codes of at most 60 characters.") % {"most": MOST_AT_ONCE},
            pointer="/codes",
        )
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [offer.pk, clean])
        count = int(cursor.rowcount)
    _trace("partner_offer.codes_added", offer, actor, count=count)
    return count


def draw_codes(*, offer: PartnerOffer, count: int, actor: Actor) -> int:
    """Codes of our own making; how many there are more."""
    if not 1 <= count <= MOST_AT_ONCE:
        raise ValidationFailed(pointer="/count")
    return add_codes(offer=offer, codes=draw(count, length=CODE_LENGTH), actor=actor)


@transaction.atomic
def take_code(*, offer: PartnerOffer, member: Member, actor: Actor) -> PartnerCode:
    """A code for a member, as often as the offer allows one; claimed by one statement.

    Two requests of one member that meet are one: the second is refused.
    """
    now = clock.now()
    today = now.astimezone(ZoneInfo(offer.partner.programme.time_zone)).date()
    if not PartnerOffer.objects.open_on(today).filter(pk=offer.pk).exists():
        raise PartnerOfferClosed(reason="not_open")
    taken = offer.codes.filter(member=member).count()
    if taken >= offer.per_member:
        raise PartnerOfferClosed(reason="member_limit", most=offer.per_member)
    code = _claim(offer, member, taken)
    if code is None:
        raise PartnerOfferClosed(reason="all_taken")
    outbox.emit(
        "partner_offer.taken",
        object_type="partner_offer",
        object_id=str(offer.public_id),
        data={"member": str(member.public_id)},
    )
    return code


def _claim(offer: PartnerOffer, member: Member, no: int) -> PartnerCode | None:
    values: dict[str, Any] = {"offer": offer.pk, "member": member.pk, "no": no, "now": clock.now()}
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_TAKE, values)
            row = cursor.fetchone()
    except IntegrityError as twice:
        raise PartnerOfferClosed(reason="member_limit", most=offer.per_member) from twice
    return PartnerCode.objects.get(pk=row[0]) if row else None


@transaction.atomic
def confirm_code(
    *, partner: Partner, code: str, reference: str, store: Store | None, actor: Actor
) -> PartnerCode:
    """The partner accepted the code, once. The same reference again answers the same.

    Unknown, free, used and overdue codes look alike.
    """
    known = PartnerCode.objects.select_related("offer", "member").filter(
        offer__partner=partner, code=code.strip(), member__isnull=False
    )
    found = known.first()
    if found is None or _is_over(found, partner):
        raise PartnerCodeUnusable(pointer="/code")
    values: dict[str, Any] = {
        "now": clock.now(), "store": store.pk if store else None,
        "reference": reference, "code": found.pk,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_USE, values)
        is_ours = cursor.rowcount == 1
    found.refresh_from_db()
    if not (is_ours or found.reference == reference):
        raise PartnerCodeUnusable(pointer="/code")
    if is_ours:
        _tell_used(found)
    return found


def _is_over(code: PartnerCode, partner: Partner) -> bool:
    until = code.offer.valid_until
    today = clock.now().astimezone(ZoneInfo(partner.programme.time_zone)).date()
    return bool(until and until < today and code.redeemed_at is None)


def _tell_used(code: PartnerCode) -> None:
    outbox.emit(
        "partner_offer.used",
        object_type="partner_offer",
        object_id=str(code.offer.public_id),
        data={"member": str(code.member.public_id) if code.member else None},
    )


def _trace(action: str, offer: PartnerOffer, actor: Actor, **more: object) -> None:
    audit.record(
        action=action,
        object_type="partner_offer",
        object_id=str(offer.public_id),
        after={"state": offer.state, **more},
        actor=actor,
    )
