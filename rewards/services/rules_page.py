"""Publishing the programme's rules, and recording who accepted them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from members.models import Member
from rewards.models import Programme, ProgrammeRules, RulesAcceptance

#: By language: what the page says.
Text = Mapping[str, Any]


def digest_of(text: Text) -> str:
    """Equal texts have equal digests, whatever the order of their keys."""
    written = json.dumps(text, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()


@transaction.atomic
def publish_rules(*, programme: Programme, text: Text, actor: Actor) -> ProgrammeRules:
    """The text as a version of its own; the last version again when it says the same.

    Locks the programme: versions are numbered one at a time.
    """
    _lock(programme)
    last, digest = latest_rules(programme), digest_of(text)
    if last and last.digest == digest:
        return last
    rules = ProgrammeRules.objects.create(
        programme=programme,
        number=last.number + 1 if last else 1,
        digest=digest,
        text=text,
        published_by=actor.label,
    )
    audit.record(
        action="rules.published",
        object_type="programme_rules",
        object_id=str(rules.number),
        after={"version": rules.number, "digest": digest},
        actor=actor,
    )
    return rules


def _lock(programme: Programme) -> None:
    Programme.objects.select_for_update(no_key=True).get(pk=programme.pk)


def latest_rules(programme: Programme) -> ProgrammeRules | None:
    return programme.published_rules.order_by("-number").first()


@transaction.atomic
def accept_rules(
    *, member: Member, rules: ProgrammeRules, channel: str, accepted_at: datetime, actor: Actor
) -> RulesAcceptance:
    """The member accepts a version. Accepting it again changes nothing: the first time counts."""
    accepted, is_new = RulesAcceptance.objects.get_or_create(
        member=member,
        rules=rules,
        defaults={"channel": channel, "accepted_at": accepted_at, "actor": actor.label},
    )
    if is_new:
        audit.record(
            action="rules.accepted",
            object_type="member",
            object_id=str(member.public_id),
            after={"version": rules.number, "channel": channel},
            actor=actor,
        )
    return accepted
