"""The two sets of rules that are compared: as it is, and as it would be."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
from django.db.models import Q, QuerySet

from loyalty_crm.kernel.errors import NotFound
from loyalty_crm.kernel.problems import fault
from rewards.errors import TryoutInvalid
from rewards.models import Programme, PromotionVersion
from rewards.rules.needs import Needs
from rewards.rules.rule_set import Rule, RuleSet
from rewards.services import rule_sets
from rewards.services.rule_sets import Compiled

Baseline = Literal["live", "past", "none"]
State = PromotionVersion.State
MOST_VERSIONS = 20


class VersionRef(msgspec.Struct, frozen=True):
    """A version by the code of its promotion and its number."""

    promotion: str
    number: int


@dataclass(frozen=True, slots=True)
class Sides:
    """``changed`` holds the rules that stand on one side only: who wakes none of them is spared."""

    compiled: Compiled
    before: RuleSet
    after: RuleSet
    changed: RuleSet

    @property
    def needs(self) -> Needs:
        return self.before.needs | self.after.needs


def find_versions(programme: Programme, refs: Sequence[VersionRef]) -> list[PromotionVersion]:
    """The versions named, in that order. One of each promotion; unknown ones are not found."""
    if len(refs) > MOST_VERSIONS:
        raise TryoutInvalid(errors=[fault("/versions", "too_many", max=MOST_VERSIONS)])
    if len({ref.promotion for ref in refs}) != len(refs):
        raise TryoutInvalid(errors=[fault("/versions", "promotion_twice")])
    wanted = Q(pk__in=[])
    for ref in refs:
        wanted |= Q(promotion__code=ref.promotion, number=ref.number)
    known = _versions(programme).filter(wanted)
    found = {(one.promotion.code, one.number): one for one in known}
    for place, ref in enumerate(refs):
        if (ref.promotion, ref.number) not in found:
            raise NotFound(pointer=f"/versions/{place}")
    return [found[ref.promotion, ref.number] for ref in refs]


def check_codes(programme: Programme, codes: Collection[str]) -> None:
    """Refuse codes of promotions that the programme does not have."""
    known = set(
        programme.promotions.filter(code__in=list(codes)[:MOST_VERSIONS]).values_list(
            "code", flat=True
        )
    )
    for place, code in enumerate(codes):
        if code not in known:
            raise NotFound(pointer=f"/without/{place}")


def before_ids(programme: Programme, baseline: Baseline) -> list[int]:
    """The versions that a baseline means today. Keep them: tomorrow it means others."""
    if baseline == "none":
        return []
    wanted = Q(state=State.LIVE)
    if baseline == "past":
        wanted |= Q(state__in=[State.PAUSED, State.ENDED], ends_at__isnull=False)
    return list(_versions(programme).filter(wanted).order_by("pk").values_list("pk", flat=True))


def sides_of(
    *,
    programme: Programme,
    baseline: Baseline,
    before: Iterable[int],
    versions: Iterable[int],
    without: Collection[str] = (),
) -> Sides:
    """Both sides for receipts of any time; a fixed number of queries.

    Versions on trial, and what is live now, count for every moment: the question
    is what they would do, not when they may. What was live then counts in its own
    time. A version on trial takes the place of its promotion.
    """
    known = _versions(programme)
    was = [rule_sets.rule_of(one) for one in known.filter(pk__in=list(before))]
    if baseline == "live":
        was = [timeless(rule) for rule in was]
    trial = [timeless(rule_sets.rule_of(one)) for one in known.filter(pk__in=list(versions))]
    return pair(rule_sets.compile_set(programme), was, trial, without)


def pair(
    compiled: Compiled, before: Sequence[Rule], trial: Sequence[Rule], without: Collection[str]
) -> Sides:
    replaced = {rule.promotion_id for rule in trial}
    kept = [
        rule
        for rule in before
        if rule.promotion_id not in replaced and rule.code not in set(without)
    ]
    same = {rule.version_id for rule in kept}
    gone = [rule for rule in before if rule.version_id not in same]
    return Sides(
        compiled=compiled,
        before=rebuilt(compiled.rules, before),
        after=rebuilt(compiled.rules, [*kept, *trial]),
        changed=rebuilt(compiled.rules, [*gone, *trial]),
    )


def rebuilt(like: RuleSet, rules: Iterable[Rule]) -> RuleSet:
    """Other rules under the same terms and groups."""
    return RuleSet(rules, like.terms, like.version, like.groups.values())


def timeless(rule: Rule) -> Rule:
    return msgspec.structs.replace(rule, starts_at=None, ends_at=None)


def _versions(programme: Programme) -> QuerySet[PromotionVersion]:
    return PromotionVersion.objects.filter(promotion__programme=programme).select_related(
        "promotion"
    )
