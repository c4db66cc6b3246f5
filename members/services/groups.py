"""Tags of members and groups of stores: who put what where, with a trail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel import audit, clock
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from loyalty_crm.kernel.problems import fault
from members.models import Member, MemberTag, Store, StoreGroup, Tag

MOST_TAGS = 200


@transaction.atomic
def name_tag(*, code: str, name: str, actor: Actor) -> tuple[Tag, bool]:
    """Create the tag or rename it; say whether it is new. Its code never changes."""
    tag, created = Tag.objects.update_or_create(code=code, defaults={"name": name})
    _trace("tag", code, created, actor)
    return tag, created


@transaction.atomic
def tag_member(
    *, member: Member, code: str, until: datetime | None = None, source: str, actor: Actor
) -> MemberTag:
    """Put a tag on a member until a moment (None: for good). A repeat moves the end.

    A tag that nobody has named yet is made, with its code as name. What other
    sources say about the same tag stays as it is.
    """
    since = clock.now()
    if until is not None and until <= since:
        raise ValidationFailed(errors=[fault("/until", "in_the_past", _("This moment has passed"))])
    Tag.objects.get_or_create(code=code, defaults={"name": code})
    worn, created = MemberTag.objects.get_or_create(
        member=member, tag_id=code, source=source, defaults={"until": until, "since": since}
    )
    if created and MemberTag.objects.filter(member=member).count() > MOST_TAGS:
        message = _("A member carries at most %(max)s tags") % {"max": MOST_TAGS}
        raise ValidationFailed(errors=[fault("", "too_many", message, max=MOST_TAGS)])
    if not created:
        MemberTag.objects.filter(pk=worn.pk).update(until=until)
        worn.until = until
    _trace_member("member.tagged", member, {"tag": code, "until": until}, actor)
    return worn


@transaction.atomic
def untag_member(*, member: Member, code: str, source: str | None = None, actor: Actor) -> bool:
    """Take a tag off, whoever put it there; whether the member had it. A repeat does nothing.

    With a ``source``, only what that source has put on.
    """
    worn = MemberTag.objects.filter(member=member, tag_id=code)
    if source is not None:
        worn = worn.filter(source=source)
    gone, _each = worn.delete()
    if gone:
        _trace_member("member.untagged", member, {"tag": code}, actor)
    return bool(gone)


@transaction.atomic
def put_store_group(
    *, code: str, name: str, stores: Sequence[str], actor: Actor
) -> tuple[StoreGroup, bool]:
    """Create the group or bring it to what is given: exactly these stores, by code."""
    known = dict(Store.objects.filter(code__in=stores).values_list("code", "pk"))
    if missing := sorted(set(stores) - known.keys()):
        faults = [fault("/stores", "unknown_store", _("No such store"), store=missing[0])]
        raise ValidationFailed(errors=faults)
    group, created = StoreGroup.objects.update_or_create(code=code, defaults={"name": name})
    group.stores.set(known.values())
    _trace("store_group", code, created, actor, {"stores": len(known)})
    return group, created


@transaction.atomic
def name_store_group(*, code: str, name: str, actor: Actor) -> tuple[StoreGroup, bool]:
    """Create the group, without stores, or give it this name; its stores stay."""
    group, created = StoreGroup.objects.update_or_create(code=code, defaults={"name": name})
    _trace("store_group", code, created, actor)
    return group, created


def _trace(
    noun: str, code: str, created: bool, actor: Actor, after: dict[str, object] | None = None
) -> None:
    action = f"{noun}.created" if created else f"{noun}.updated"
    audit.record(action=action, object_type=noun, object_id=code, after=after, actor=actor)


def _trace_member(action: str, member: Member, after: dict[str, object], actor: Actor) -> None:
    key = str(member.public_id)
    audit.record(action=action, object_type="member", object_id=key, after=after, actor=actor)
