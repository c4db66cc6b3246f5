"""Accepting the public rules is a part of joining: the rewards' answer to ``public_rules``."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Max, QuerySet
from django.urls import reverse

from loyalty_crm.kernel.actors import Actor
from members.models import Member
from members.services import public_rules
from members.services.public_rules import PublishedRules
from rewards.models import Programme, RulesAcceptance
from rewards.services.rules_page import accept_rules


class RulesKeeper:
    """Rules of the default programme. Before there is one, nobody has rules to accept."""

    def latest(self) -> PublishedRules | None:
        newest = self._programmes().aggregate(number=Max("published_rules__number"))["number"]
        return PublishedRules(newest, reverse("rules-version", args=[newest])) if newest else None

    def accept(
        self, *, member: Member, version: int, source: str, accepted_at: datetime, actor: Actor
    ) -> bool:
        programme = self._programmes().first()
        rules = programme and programme.published_rules.filter(number=version).first()
        if not rules:
            return False
        known = source in RulesAcceptance.Channel.values
        accept_rules(
            member=member,
            rules=rules,
            channel=source if known else RulesAcceptance.Channel.API,
            accepted_at=accepted_at,
            actor=actor,
        )
        return True

    def _programmes(self) -> QuerySet[Programme]:
        return Programme.objects.filter(is_default=True)


public_rules.register(RulesKeeper())
