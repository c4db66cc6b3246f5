"""Claims: checked under the receipt's lock, granted at once or after a second person's look."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from loyalty_crm.kernel import audit, clock, outbox
from loyalty_crm.kernel.actors import Actor
from members.models import Member, Receipt
from rewards.errors import (
    ClaimLimit,
    ClaimsClosed,
    ClaimState,
    OwnApproval,
    ReceiptNotClaimable,
    ReceiptUnknown,
)
from rewards.models import ClaimTerms, Programme, Purchase, ReceiptClaim
from rewards.services.claims.granting import grant
from rewards.services.claims.terms import terms_of
from rewards.services.ledger import lock_wallet, wallet_for
from rewards.services.ledger.refusals import refuse_status
from rewards.services.programmes import default_programme

State = ReceiptClaim.State


@transaction.atomic
def claim_receipt(*, receipt: Receipt, member: Member, actor: Actor) -> ReceiptClaim:
    """Make the receipt the member's, with what the sale would have given; or let it be looked at.

    Locks the receipt, then the wallet. A repeat by the same member answers with the
    first claim; for anybody else the receipt is unknown from then on.
    """
    programme = default_programme()
    terms = terms_of(programme)
    if not terms.is_open:
        raise ClaimsClosed
    held = _locked(receipt)
    if known := _standing(held):
        if known.member_id != member.pk:
            raise ReceiptUnknown
        return known
    _refuse(held, terms, clock.now())
    refuse_status(lock_wallet(wallet_for(member.pk, programme).pk).status)
    claim = _written(held, member, programme, terms, actor)
    if not claim.flags:
        _grant(claim, held, member, actor)
    return claim


@transaction.atomic
def decide_claim(*, claim: ReceiptClaim, agree: bool, actor: Actor) -> ReceiptClaim:
    """A second person grants a claim, or frees its receipt. Nobody decides about an own claim."""
    held = _locked(claim.receipt)
    waiting = ReceiptClaim.objects.select_for_update().get(pk=claim.pk)
    if waiting.actor == actor.label:
        raise OwnApproval
    if waiting.state != State.WAITING:
        raise ClaimState(state=waiting.state)
    waiting.decided_by, waiting.decided_at = actor.label, clock.now()
    waiting.state = State.GRANTED if agree else State.REFUSED
    if agree:
        if held.state != Receipt.State.CLOSED:
            raise ReceiptNotClaimable(reason="refunded")
        member = Member.objects.get(pk=waiting.member_id)
        waiting.points = grant(receipt=held, member=member, actor=actor)
    waiting.save(update_fields=["state", "decided_by", "decided_at", "points"])
    _record("claim.granted" if agree else "claim.refused", waiting, held, actor)
    if agree:
        _tell(waiting, held)
    return waiting


def _locked(receipt: Receipt) -> Receipt:
    found = Receipt.objects.select_related("store", "terminal").select_for_update(
        of=("self",), no_key=True
    )
    return found.get(pk=receipt.pk)


def _standing(receipt: Receipt) -> ReceiptClaim | None:
    """The claim that holds the receipt; refused when it is somebody's by its own sale."""
    claim = ReceiptClaim.objects.filter(receipt=receipt).exclude(state=State.REFUSED).first()
    if claim is None and receipt.member_id is not None:
        raise ReceiptUnknown
    return claim


def _refuse(receipt: Receipt, terms: ClaimTerms, now: datetime) -> None:
    if receipt.state != Receipt.State.CLOSED:
        raise ReceiptNotClaimable(reason="refunded")
    if receipt.occurred_at < now - timedelta(days=terms.window_days):
        raise ReceiptNotClaimable(reason="too_late", days=terms.window_days)
    if not Purchase.objects.filter(pk=receipt.pk).exists():
        raise ReceiptNotClaimable(reason="imported")


def _written(
    receipt: Receipt, member: Member, programme: Programme, terms: ClaimTerms, actor: Actor
) -> ReceiptClaim:
    today = clock.now().astimezone(ZoneInfo(programme.time_zone)).date()
    before = ReceiptClaim.objects.filter(member=member, day=today).count()
    if before >= terms.per_day:
        raise ClaimLimit(max=terms.per_day)
    return ReceiptClaim.objects.create(
        receipt=receipt,
        member=member,
        state=State.WAITING,
        day=today,
        slot=before + 1,
        flags=_flags(receipt, terms, today, actor),
        actor=actor.label,
    )


def _flags(receipt: Receipt, terms: ClaimTerms, today: date, actor: Actor) -> list[str]:
    """What a second person should look at: staff who claim their own sales, or very many."""
    is_staff = actor.kind == "user"
    done = ReceiptClaim.objects.filter(actor=actor.label, day=today).count() if is_staff else 0
    signs = {
        "same_cashier": is_staff and receipt.cashier in {actor.name, actor.label},
        "many_claims": is_staff and done >= terms.staff_per_day,
        "large": terms.review_above_minor is not None
        and receipt.total_minor > terms.review_above_minor,
    }
    return [name for name, holds in signs.items() if holds]


def _grant(claim: ReceiptClaim, receipt: Receipt, member: Member, actor: Actor) -> None:
    claim.points = grant(receipt=receipt, member=member, actor=actor)
    claim.state = State.GRANTED
    claim.save(update_fields=["state", "points"])
    _record("claim.granted", claim, receipt, actor)
    _tell(claim, receipt)


def _tell(claim: ReceiptClaim, receipt: Receipt) -> None:
    outbox.emit(
        "transaction.claimed",
        object_type="purchase",
        object_id=str(receipt.public_id),
        data={"store": receipt.store.code, "claim": str(claim.public_id)},
    )


def _record(action: str, claim: ReceiptClaim, receipt: Receipt, actor: Actor) -> None:
    audit.record(
        action=action,
        object_type="receipt",
        object_id=str(receipt.public_id),
        after={"claim": str(claim.public_id), "signs": list(claim.flags), "points": claim.points},
        actor=actor,
        store=receipt.store.code,
    )
