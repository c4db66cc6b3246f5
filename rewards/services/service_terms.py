"""Services and the rules that grant them, as marketers write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.problems import fault
from rewards.errors import RewardCodeTaken, RewardInvalid
from rewards.models import Programme, Service, ServiceRule, Tier

MOST_RULES = 20


@dataclass(frozen=True, slots=True)
class RuleTerms:
    """So many in each period, from a tier on; no tier: for everybody."""

    count: int
    period: str = ServiceRule.Period.YEAR
    tier: Tier | None = None


@dataclass(frozen=True, slots=True)
class ServiceTerms:
    """A service as somebody words it, with all its rules."""

    code: str
    name: str
    description: str = ""
    translations: dict[str, dict[str, str]] = field(default_factory=dict)
    is_active: bool = True
    rules: Sequence[RuleTerms] = ()


@transaction.atomic
def save_service(
    *, terms: ServiceTerms, programme: Programme, service: Service | None = None, actor: Actor
) -> Service:
    """Write a service and its rules, all of them. Locks the programme.

    What members have opened in this period stays theirs; new rules hold for the rest.
    """
    Programme.objects.select_for_update(no_key=True).get(pk=programme.pk)
    _refuse_wrong(terms)
    others = Service.objects.filter(programme=programme)
    if service:
        others = others.exclude(pk=service.pk)
    if others.filter(code=terms.code).exists():
        raise RewardCodeTaken(pointer="/code")
    is_new, service = service is None, service or Service(programme=programme)
    for name in ("code", "name", "description", "translations", "is_active"):
        setattr(service, name, getattr(terms, name))
    service.save()
    service.rules.all().delete()
    ServiceRule.objects.bulk_create(
        ServiceRule(service=service, tier=rule.tier, count=rule.count, period=rule.period)
        for rule in terms.rules
    )
    audit.record(
        action="service.created" if is_new else "service.changed",
        object_type="service",
        object_id=str(service.public_id),
        after={"code": service.code, "rules": [_said(rule) for rule in terms.rules]},
        actor=actor,
    )
    return service


def _said(rule: RuleTerms) -> str:
    return f"{rule.tier.code if rule.tier else '*'}: {rule.count} / {rule.period}"


def _refuse_wrong(terms: ServiceTerms) -> None:
    keys = [(rule.tier.pk if rule.tier else None, rule.period) for rule in terms.rules]
    errors = [
        fault(f"/rules/{at}", "repeated", _("Two rules are for the same tier and period."))
        for at, key in enumerate(keys)
        if key in keys[:at]
    ]
    if len(keys) > MOST_RULES:
        errors.append(fault("/rules", "count", _("A service has up to 20 rules."), max=MOST_RULES))
    if errors:
        raise RewardInvalid(errors=errors)
