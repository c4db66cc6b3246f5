"""What is agreed with a partner: versions that are drafted, put in force and ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit, clock
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from rewards.errors import PartnerContractMissing, PartnerContractState
from rewards.models import Partner, PartnerContract
from rewards.rules.partners import Rates

State = PartnerContract.State
MOST_EVENTS = 50
MOST_POINTS = 10**9


@transaction.atomic
def draft_contract(*, partner: Partner, terms: Mapping[str, Any], actor: Actor) -> PartnerContract:
    """The next version, not in force yet. Locks the partner, so versions are counted once."""
    Partner.objects.select_for_update(no_key=True).get(pk=partner.pk)
    refuse_events(terms.get("events", {}))
    last = partner.contracts.aggregate(last=Max("number"))["last"] or 0
    contract = PartnerContract(partner=partner, number=last + 1, created_by=actor.label, **terms)
    if contract.ends_on and contract.ends_on < contract.starts_on:
        raise ValidationFailed(_("It ends before it begins."), pointer="/ends_on")
    contract.save()
    _trace("partner_contract.drafted", contract, actor)
    return contract


@transaction.atomic
def activate_contract(*, contract: PartnerContract, actor: Actor) -> PartnerContract:
    """Put a draft in force from its first day. From now on nothing of it changes."""
    held = _locked(contract, State.DRAFT)
    held.state, held.activated_by, held.activated_at = State.ACTIVE, actor.label, clock.now()
    held.save(update_fields=["state", "activated_by", "activated_at"])
    _trace("partner_contract.activated", held, actor)
    return held


@transaction.atomic
def end_contract(*, contract: PartnerContract, last_day: date, actor: Actor) -> PartnerContract:
    """No business under it after the day. What was done stays and is settled by it."""
    held = _locked(contract, State.ACTIVE)
    if last_day < held.starts_on or (held.ends_on and last_day > held.ends_on):
        raise ValidationFailed(_("The day is outside of the contract."), pointer="/ends_on")
    held.state, held.ends_on = State.ENDED, last_day
    held.save(update_fields=["state", "ends_on"])
    _trace("partner_contract.ended", held, actor)
    return held


def contract_on(partner: Partner, day: date) -> PartnerContract:
    """The version in force on the day: of several the newest."""
    found = partner.contracts.in_force(day).first()
    if found is None:
        raise PartnerContractMissing(day=day.isoformat())
    return found


def rates_of(contract: PartnerContract) -> Rates:
    return Rates(**{name: getattr(contract, name) for name in Rates.__struct_fields__})


def refuse_events(events: object) -> None:
    """Points by event codes: whole numbers above zero, under short names."""
    fits = (
        isinstance(events, dict)
        and len(events) <= MOST_EVENTS
        and all(_is_event(code, points) for code, points in events.items())
    )
    if not fits:
        raise ValidationFailed(
            _('Events and their points look like {"policy_renewed": 500}.'), pointer="/events"
        )


def _is_event(code: object, points: object) -> bool:
    named = isinstance(code, str) and 0 < len(code) <= 40
    return named and type(points) is int and 0 < points <= MOST_POINTS


def _locked(contract: PartnerContract, state: PartnerContract.State) -> PartnerContract:
    held = PartnerContract.objects.select_for_update(no_key=True).get(pk=contract.pk)
    if held.state != state:
        raise PartnerContractState(state=held.state)
    return held


def _trace(action: str, contract: PartnerContract, actor: Actor) -> None:
    audit.record(
        action=action,
        object_type="partner_contract",
        object_id=f"{contract.partner.code}:{contract.number}",
        after={"state": contract.state},
        actor=actor,
    )
