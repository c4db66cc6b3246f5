"""Services as a benefit: what a member has left of them, used at the till and given back.

What a tier grants is opened at its first use in a period, so a new period begins
by itself and nothing runs at night. The trigger of the uses counts them, and the
table refuses one too many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit, outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import SourceRefConflict, ValidationFailed
from members.models import Member, Store
from rewards.errors import ServiceUnavailable, ServiceUseEnded
from rewards.models import (
    Entitlement,
    Programme,
    Service,
    ServiceRule,
    ServiceUse,
    TierMembership,
)
from rewards.rules import periods

# A rule that gives more than when the period was opened (a higher tier) raises what is granted.
_OPEN = """
    INSERT INTO rewards_entitlement
           (service_id, member_id, source, begins, ends, granted, reason, actor)
    VALUES (%s, %s, %s, %s, %s, %s, '', %s)
    ON CONFLICT (member_id, service_id, source, begins)
    DO UPDATE SET granted = greatest(rewards_entitlement.granted, EXCLUDED.granted)
    RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Share:
    """A part of what a member has of a service: by its tier, by hand, or taken for points.

    ``entitlement`` is None while nothing of the period was used.
    """

    service: Service
    source: str
    begins: date
    ends: date | None
    granted: int
    used: int
    entitlement: int | None

    @property
    def left(self) -> int:
        return self.granted - self.used


def shares_of(*, member: Member, programme: Programme, now: datetime) -> list[Share]:
    """All that holds today, what ends first standing first. Three queries; writes nothing."""
    today = today_of(programme, now)
    opened = Entitlement.objects.filter(
        Q(ends=None) | Q(ends__gt=today), member=member, begins__lte=today, granted__gt=0
    ).select_related("service")
    known = {
        (one.service_id, one.source): Share(
            one.service, one.source, one.begins, one.ends, one.granted, one.used, one.pk
        )
        for one in opened.filter(service__programme=programme, service__is_active=True)
    }
    for share in _by_rule(member, programme, today):
        at = (share.service.pk, share.source)
        held = known.get(at)
        known[at] = _raised(held, share) if held else share
    return sorted(
        known.values(), key=lambda share: (share.service.name, share.ends or date.max, share.source)
    )


def today_of(programme: Programme, now: datetime) -> date:
    return now.astimezone(ZoneInfo(programme.time_zone)).date()


def _raised(held: Share, rule: Share) -> Share:
    most = max(held.granted, rule.granted)
    return Share(
        held.service, held.source, held.begins, held.ends, most, held.used, held.entitlement
    )


def _by_rule(member: Member, programme: Programme, today: date) -> list[Share]:
    """Of the rules that meet the member, for each service and period the largest."""
    ranks = dict(
        TierMembership.objects.filter(member=member).values_list("structure_id", "tier__rank")
    )
    rules = ServiceRule.objects.filter(service__programme=programme, service__is_active=True)
    best: dict[tuple[int, str], ServiceRule] = {}
    for rule in rules.select_related("service", "tier").order_by("count"):
        if rule.tier is None or ranks.get(rule.tier.structure_id, -1) >= rule.tier.rank:
            best[(rule.service_id, rule.period)] = rule
    return [_share(rule, today) for rule in best.values()]


def _share(rule: ServiceRule, today: date) -> Share:
    begins, ends = periods.bounds(cast("periods.Period", rule.period), today)
    return Share(rule.service, f"rule:{rule.period}", begins, ends, rule.count, 0, None)


@transaction.atomic
def consume(
    *,
    service: Service,
    member: Member,
    store: Store | None,
    reason: str,
    source: str,
    source_ref: str,
    now: datetime,
    actor: Actor,
) -> ServiceUse:
    """One service was done: it counts against what ends first. Locks that entitlement.

    A repeat of (source, source_ref) returns the first use, for another member or
    service it is refused. Refused: ``ServiceUnavailable`` when none is left.
    """
    if not reason.strip():
        raise ValidationFailed(_("A reason is needed."), pointer="/reason")
    if known := _known(source, source_ref):
        return _same(known, service, member)
    shares = shares_of(member=member, programme=service.programme, now=now)
    mine = [one for one in shares if one.service.pk == service.pk and one.left > 0]
    for share in mine:
        used = _use(share, member, store, reason.strip(), source, source_ref, now, actor)
        if used:
            return used
    raise ServiceUnavailable(service=service.code)


def _use(
    share: Share,
    member: Member,
    store: Store | None,
    reason: str,
    source: str,
    source_ref: str,
    now: datetime,
    actor: Actor,
) -> ServiceUse | None:
    """None when another till took the last one meanwhile: the table refused it."""
    try:
        with transaction.atomic():
            used = ServiceUse.objects.create(
                entitlement_id=_entitlement(share, member, actor),
                amount=1,
                store=store,
                reason=reason,
                source=source,
                source_ref=source_ref,
                actor=actor.label,
                occurred_at=now,
            )
    except IntegrityError as refused:
        if "service_never_used_too_often" in str(refused):
            return None
        if known := _known(source, source_ref):
            return _same(known, share.service, member)
        raise
    _tell("service.used", used, share.service, reason, actor)
    return used


def _entitlement(share: Share, member: Member, actor: Actor) -> int:
    """The row behind a share. One of a rule is opened, or raised to what the rule gives now."""
    if share.entitlement and not share.source.startswith("rule:"):
        return share.entitlement
    row: list[Any] = [
        share.service.pk, member.pk, share.source, share.begins, share.ends, share.granted,
        actor.label,
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, row)
        (pk,) = cursor.fetchone()
    return int(pk)


@transaction.atomic
def give_use_back(*, use: ServiceUse, reason: str, now: datetime, actor: Actor) -> ServiceUse:
    """The service was not done after all: a row takes the use back, and it may be used again."""
    if not reason.strip():
        raise ValidationFailed(_("A reason is needed."), pointer="/reason")
    if use.of_id or ServiceUse.objects.filter(of=use).exists():
        raise ServiceUseEnded
    try:
        with transaction.atomic():
            undone = ServiceUse.objects.create(
                entitlement_id=use.entitlement_id,
                amount=-1,
                of=use,
                store_id=use.store_id,
                reason=reason.strip(),
                source="undo",
                source_ref=str(use.public_id),
                actor=actor.label,
                occurred_at=now,
            )
    except IntegrityError as twice:
        raise ServiceUseEnded from twice
    _tell("service.given_back", undone, use.entitlement.service, reason.strip(), actor)
    return undone


@transaction.atomic
def grant(
    *,
    service: Service,
    member: Member,
    count: int,
    source: str,
    begins: date,
    ends: date | None,
    reason: str,
    actor: Actor,
) -> Entitlement:
    """So many of a service for one member. A repeat of the source on the same day is the same."""
    made, is_new = Entitlement.objects.get_or_create(
        member=member,
        service=service,
        source=source,
        begins=begins,
        defaults={"ends": ends, "granted": count, "reason": reason, "actor": actor.label},
    )
    if is_new:
        audit.record(
            action="service.granted",
            object_type="member",
            object_id=str(member.public_id),
            after={"service": service.code, "count": count, "source": source},
            reason=reason,
            actor=actor,
        )
    return made


def grant_by_hand(
    *,
    service: Service,
    member: Member,
    count: int,
    until: date | None,
    reason: str,
    reference: str,
    now: datetime,
    actor: Actor,
) -> Entitlement:
    """A gesture, with its reason; once per reference."""
    begins = today_of(service.programme, now)
    if not reason.strip():
        raise ValidationFailed(_("A reason is needed."), pointer="/reason")
    if until is not None and until < begins:
        raise ValidationFailed(_("This day has passed."), pointer="/until")
    return grant(
        service=service,
        member=member,
        count=count,
        source=f"hand:{reference}"[:120],
        begins=begins,
        ends=date.fromordinal(until.toordinal() + 1) if until else None,
        reason=reason.strip(),
        actor=actor,
    )


def withdraw(*, entitlement_id: int, actor: Actor) -> bool:
    """Take an entitlement back as long as nothing of it was used; whether it could be."""
    unused = Entitlement.objects.filter(pk=entitlement_id, used=0)
    return bool(unused.update(granted=0))


def uses_of(member: Member, limit: int = 20) -> Sequence[ServiceUse]:
    """The newest first, with what was taken back of them."""
    made = ServiceUse.objects.filter(entitlement__member=member, of=None)
    shown = made.select_related("entitlement__service", "store", "undone_by")
    return list(shown.order_by("-pk")[:limit])


def _known(source: str, source_ref: str) -> ServiceUse | None:
    uses = ServiceUse.objects.filter(source=source, source_ref=source_ref)
    return uses.select_related("entitlement__service").first()


def _same(known: ServiceUse, service: Service, member: Member) -> ServiceUse:
    if (known.entitlement.service_id, known.entitlement.member_id) != (service.pk, member.pk):
        raise SourceRefConflict(source_ref=known.source_ref)
    return known


def _tell(event: str, use: ServiceUse, service: Service, reason: str, actor: Actor) -> None:
    said: dict[str, object] = {"service": service.code}
    outbox.emit(event, object_type="service_use", object_id=str(use.public_id), data=said)
    audit.record(
        action=event,
        object_type="service_use",
        object_id=str(use.public_id),
        after=said,
        reason=reason,
        actor=actor,
    )
