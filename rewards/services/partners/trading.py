"""Points given and taken at partners: one transaction, one document, one counter-account.

Locks the member's wallet, and last of all the account of a prepaid partner. Points
given here can be spent at once: they do not wait as those of the shop's own sales may.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Sum, Value
from django.db.models.functions import Coalesce, Greatest

from loyalty_crm.kernel import clock, outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import NotFound, SourceRefConflict, ValidationFailed
from members.models import Member, Store
from rewards.errors import PartnerNotAllowed, PartnerReversalExceeds
from rewards.models import Partner, PartnerContract, PartnerOperation, Wallet
from rewards.rules.expiry import life_of
from rewards.rules.partners import burn_due, due_back, earn_due, points_for
from rewards.services.checkout.pricing import refuse_time
from rewards.services.ledger import Event, WalletState, lock_wallet, wallet_for
from rewards.services.ledger.refusals import refuse_shortage, refuse_status
from rewards.services.ledger.reversals import after_expiry, claw_back, parts_to_restore
from rewards.services.ledger.writing import Draft, draft_for
from rewards.services.partners.contracts import contract_on, rates_of
from rewards.services.partners.refusals import refusals
from rewards.services.rule_sets import lifetime_of, terms_of

Kind = PartnerOperation.Kind


@dataclass(frozen=True, kw_only=True)
class Document:
    """One thing that happened at a partner, under the partner's own reference."""

    partner: Partner
    reference: str
    occurred_at: datetime
    store: Store | None = None

    @property
    def day(self) -> date:
        zone = self.store.time_zone if self.store else self.partner.programme.time_zone
        return self.occurred_at.astimezone(ZoneInfo(zone)).date()


@dataclass(frozen=True, slots=True)
class Traded:
    """An operation, and the balance behind it. ``is_repeat``: it was known, nothing moved."""

    operation: PartnerOperation
    balance: int
    is_repeat: bool = False


@dataclass(frozen=True, slots=True)
class Offered:
    """What a purchase would earn, and what points would pay."""

    earn: int
    points: int
    worth_minor: int
    available: int


def quote(
    *, document: Document, member: Member, amount_minor: int, event: str, points: int
) -> Offered:
    """What ``amount_minor`` or the event would earn, and what ``points`` are worth. No writes."""
    contract = contract_on(document.partner, document.day)
    wallet = Wallet.objects.points().open().filter(member=member).first()
    earn = _points_of(contract, amount_minor, event) if amount_minor or event else 0
    programme = document.partner.programme
    return Offered(
        earn=earn,
        points=points,
        worth_minor=terms_of(programme).money_for(points),
        available=wallet.available if wallet and wallet.status == "active" else 0,
    )


@transaction.atomic
def earn(
    *, document: Document, member: Member, amount_minor: int = 0, event: str = "", actor: Actor
) -> Traded:
    """Give points for a purchase or an event, by the contract of that day. Locks the wallet.

    A repeat of the reference answers with the first time; with other content it is
    refused. A prepaid partner without money is refused.
    """
    contract = _contract(document, Kind.EARN)
    points = _points_of(contract, amount_minor, event)
    state = _locked(document, member)
    asked = {"kind": Kind.EARN, "points": points, "event": event, "basis_minor": amount_minor}
    if known := _known(document, state, asked):
        return known
    refuse_status(state.status)
    if not points:
        raise ValidationFailed(pointer="/amount")
    draft = _draft(document, state, "partner_earn", actor)
    life = life_of(lifetime_of(document.partner.programme), document.occurred_at)
    draft.gain(state.id, "earn", [(life.expires_at, points)])
    due = earn_due(points, rates_of(contract))
    return _done(document, contract, member, draft, state, {**asked, "due_minor": due}, actor)


@transaction.atomic
def burn(*, document: Document, member: Member, points: int, actor: Actor) -> Traded:
    """Take points as a payment at the partner; what they are worth is money off there."""
    contract = _contract(document, Kind.BURN)
    state = _locked(document, member)
    asked = {"kind": Kind.BURN, "points": points}
    if known := _known(document, state, asked):
        return known
    refuse_status(state.status)
    refuse_shortage(state.available, points)
    draft = _draft(document, state, "partner_burn", actor)
    draft.lose(state.id, "redeem", points)
    worth = terms_of(document.partner.programme).money_for(points)
    due = -burn_due(points, rates_of(contract))
    rest = {**asked, "worth_minor": worth, "due_minor": due}
    return _done(document, contract, member, draft, state, rest, actor)


@transaction.atomic
def take_back(
    *,
    document: Document,
    operation: PartnerOperation,
    points: int | None = None,
    reason: str = "",
    actor: Actor,
) -> Traded:
    """Undo an operation, or so many points of it, at the rates of then. Locks the wallet.

    Points given are taken back, down to the debt that the programme allows; what
    is beyond the shop bears. Points taken return to their lots; those that have
    expired meanwhile live again for some days. It belongs to the day on which it is
    done, so a settled period stays as it is.
    """
    state = lock_wallet(operation.wallet_id)
    before = _back_of(operation)
    asked = operation.points - before if points is None else points
    rest = {"kind": Kind(operation.kind), "points": -asked, "reverses_id": operation.pk}
    if known := _known(document, state, rest, any_points=points is None):
        return known
    if asked > operation.points - before or not asked:
        raise PartnerReversalExceeds(left=operation.points - before)
    draft = _draft(document, state, "partner_back", actor, operation.tx_id, reason)
    _reverse(draft, state, operation, asked, document)
    rest |= {"due_minor": _due_of_back(operation, before, asked), "reason": reason}
    rest["worth_minor"] = -(operation.worth_minor * asked // operation.points)
    return _done(document, operation.contract, operation.member, draft, state, rest, actor)


def operation_of(partner: Partner, public_id: UUID) -> PartnerOperation:
    """One of the partner's own; others' look as if they were not there."""
    known = PartnerOperation.objects.select_related("contract", "member")
    found = known.filter(partner=partner, public_id=public_id, reverses=None).first()
    if found is None:
        raise NotFound
    return found


def _contract(document: Document, kind: PartnerOperation.Kind) -> PartnerContract:
    refuse_time(document.occurred_at, clock.now())
    contract = contract_on(document.partner, document.day)
    if not (contract.may_earn if kind == Kind.EARN else contract.may_burn):
        raise PartnerNotAllowed(contract=contract.number)
    return contract


def _points_of(contract: PartnerContract, amount_minor: int, event: str) -> int:
    """By the event when there is one, else by the amount."""
    if not event:
        return points_for(amount_minor, rates_of(contract))
    if event not in contract.events:
        raise PartnerNotAllowed(pointer="/event", event=event)
    return int(contract.events[event])


def _locked(document: Document, member: Member) -> WalletState:
    return lock_wallet(wallet_for(member.pk, document.partner.programme).pk)


def _known(
    document: Document, state: WalletState, asked: dict[str, object], *, any_points: bool = False
) -> Traded | None:
    """What the reference did before; refused when that was something else."""
    known = PartnerOperation.objects.shown().filter(
        partner=document.partner, reference=document.reference
    )
    if (found := known.first()) is None:
        return None
    same = {name: getattr(found, name) for name in asked}
    if any_points:
        same["points"] = asked["points"]
    if same != asked or lock_wallet(found.wallet_id).id != state.id:
        raise SourceRefConflict(source_ref=document.reference)
    return Traded(found, state.posted, is_repeat=True)


def _draft(
    document: Document,
    state: WalletState,
    op: str,
    actor: Actor,
    reverses: int | None = None,
    reason: str = "",
) -> Draft:
    draft = draft_for([state], document.partner.pk)
    source = f"partner:{document.partner.public_id}"
    draft.event(
        Event(op, source, document.reference, document.occurred_at, actor.label, reason, reverses)
    )
    return draft


def _reverse(
    draft: Draft, state: WalletState, operation: PartnerOperation, points: int, document: Document
) -> None:
    if state.status != "frozen" or operation.kind == Kind.BURN:
        refuse_status(state.status)
    programme = document.partner.programme
    if operation.kind == Kind.EARN:
        floor = -state.debt_limit if programme.debt == programme.Debt.ALLOW else 0
        life = life_of(lifetime_of(programme), operation.occurred_at)
        claw_back(draft, state.id, points, life.expires_at, floor)
        return
    parts = parts_to_restore(operation.tx_id, points)
    days = max(programme.revive_days, 1)
    draft.gain(state.id, "restore", after_expiry(parts, "revive", days, programme.pk, clock.now()))


def _back_of(operation: PartnerOperation) -> int:
    total: int = operation.reversals.aggregate(n=Coalesce(Sum("points"), 0))["n"]
    return -total


def _due_of_back(operation: PartnerOperation, before: int, back: int) -> int:
    """The part of the due that goes with the points: it undoes, so its sign is the other one."""
    rates = rates_of(operation.contract)
    if operation.kind == Kind.EARN:
        price, share = rates.earn_price_minor, rates.earn_share_percent
        return -due_back(operation.points, before, back, price, share)
    price, share = rates.burn_price_minor, rates.burn_share_percent
    return due_back(operation.points, before, back, price, share)


def _done(
    document: Document,
    contract: PartnerContract,
    member: Member,
    draft: Draft,
    state: WalletState,
    rest: dict[str, object],
    actor: Actor,
) -> Traded:
    """Write the entry, the event and, last, the operation: it takes the partner's account."""
    tx_id = draft.write()[0]
    active = Greatest("last_activity_at", Value(document.occurred_at))
    Wallet.objects.filter(pk=state.id).update(last_activity_at=active)
    operation = PartnerOperation(
        partner=document.partner,
        contract=contract,
        store=document.store,
        member=member,
        wallet_id=state.id,
        reference=document.reference,
        tx_id=tx_id,
        occurred_at=document.occurred_at,
        business_date=document.day,
        actor=actor.label,
        **rest,
    )
    _announce(operation)
    with refusals():
        operation.save(force_insert=True)
    return Traded(operation, draft.purses[state.id].posted)


def _announce(operation: PartnerOperation) -> None:
    said = "reversed" if operation.reverses_id else f"{operation.kind}ed"
    outbox.emit(
        f"partner.{said}",
        object_type="partner_operation",
        object_id=str(operation.public_id),
        data={"partner": operation.partner.code, "points": operation.points},
    )
