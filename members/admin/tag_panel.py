"""The tags of one member: seen on the member's page, put on and taken off there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import user_actor
from members.admin import member_panels
from members.forms import TagForm
from members.models import Member, MemberTag, Tag
from members.services.groups import tag_member, untag_member

TAG_MEMBER = "members.tag_member"
MOST_WORDS = 500
MOST_TAGS = 200


def tags_panel(request: HttpRequest, member: Member) -> HttpResponse:
    form = TagForm(request.POST or None)

    def work(asked: Any) -> Callable[[], object]:
        actor = user_actor(request.user)
        if asked["remove"]:
            return partial(untag_member, member=member, code=asked["remove"], actor=actor)
        until = _end_of(asked["until"]) if asked["until"] else None
        code = asked["add"].code
        return partial(
            tag_member, member=member, code=code, until=until, source="manual", actor=actor
        )

    member_panels.act(request, form, work, TAG_MEMBER)
    return member_panels.drawn(request, "admin/members/_tags.html", form, tags_of(request, member))


def _end_of(day: Any) -> datetime:
    """The whole day still counts."""
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))


def tags_of(request: HttpRequest, member: Member) -> dict[str, Any]:
    may = request.user.has_perm(TAG_MEMBER)
    worn = MemberTag.objects.in_force(clock.now()).filter(member=member).select_related("tag")
    return {
        **member_panels.for_panel(request, member),
        "tags": list(worn.order_by("tag_id", "id")[:MOST_TAGS]),
        "words": list(Tag.objects.order_by("name")[:MOST_WORDS]) if may else [],
        "may_tag": may,
    }
