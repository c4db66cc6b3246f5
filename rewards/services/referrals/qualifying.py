"""The friend buys, or brings the goods back: what that means for the referral."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Sum

from loyalty_crm.kernel.actors import SYSTEM
from members.models import Receipt
from rewards.models import Referral, ReferralTerms
from rewards.services import bonuses
from rewards.services.referrals.attaching import trace
from rewards.services.referrals.terms import terms_of

State = Referral.State
GONE = (Receipt.State.RETURNED, Receipt.State.VOIDED)


def locked(**by: object) -> Referral | None:
    rows = Referral.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("referrer", "friend", "programme", "receipt").filter(**by).first()


@transaction.atomic
def bought(receipt: Receipt) -> None:
    """A sale of a friend: it may be the one that counts. Locks the referral."""
    referral = locked(
        friend=receipt.member_id, receipt=None, state__in=[State.ENROLLED, State.HELD]
    )
    if referral is None:
        return
    terms = terms_of(referral.programme)
    if not _is_first(receipt, terms) or not is_enough(receipt, terms):
        return
    referral.receipt, referral.qualified_at = receipt, receipt.occurred_at
    referral.due_at = receipt.occurred_at + timedelta(days=terms.return_days)
    # One that is looked into keeps its purchase, and waits for the decision.
    if referral.state == State.ENROLLED:
        referral.state = State.QUALIFIED
    referral.save(update_fields=["receipt", "qualified_at", "due_at", "state"])
    trace(referral, "", SYSTEM)


def _is_first(receipt: Receipt, terms: ReferralTerms) -> bool:
    if not terms.first_purchase_only:
        return True
    others = Receipt.objects.filter(member=receipt.member_id).exclude(pk=receipt.pk)
    return not others.exclude(state__in=GONE).filter(occurred_at__lte=receipt.occurred_at).exists()


def is_enough(receipt: Receipt, terms: ReferralTerms) -> bool:
    """What money still pays of it, less returns, reaches the sum."""
    if receipt.state in GONE:
        return False
    back = receipt.refunds.aggregate(n=Sum("money_minor"))["n"] or 0
    return receipt.total_minor - back >= terms.min_total_minor


def brought_back(receipt: Receipt) -> None:
    """Goods of the purchase that counted came back: no reward, or both rewards go back.

    Locks the referral, then the bonuses, then the wallets.
    """
    referral = locked(receipt=receipt)
    if referral is None or referral.receipt is None:
        return
    if is_enough(referral.receipt, terms_of(referral.programme)):
        return
    if referral.state == State.REWARDED:
        undo(referral, "refund", SYSTEM.label)
    elif referral.state in (State.QUALIFIED, State.HELD):
        referral.receipt, referral.due_at, referral.qualified_at = None, None, None
        if referral.state == State.QUALIFIED:
            referral.state = State.ENROLLED
        referral.save(update_fields=["receipt", "due_at", "qualified_at", "state"])
        trace(referral, "refund", SYSTEM)


def undo(referral: Referral, reason: str, decided_by: str) -> None:
    """Take both rewards back. The referral is locked."""
    given = [pk for pk in (referral.referrer_bonus_id, referral.friend_bonus_id) if pk]
    bonuses.take_back(given, reason=reason, actor=SYSTEM)
    referral.state, referral.reason, referral.decided_by = State.CLAWED_BACK, reason, decided_by
    referral.save(update_fields=["state", "reason", "decided_by"])
    trace(referral, reason, SYSTEM)
