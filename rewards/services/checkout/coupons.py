"""Coupons on a receipt: which hold, which gave something, and their uses, claimed with the sale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import psycopg
from django.db import OperationalError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty_crm.kernel import outbox
from loyalty_crm.kernel.actors import Actor
from rewards.errors import CouponUnavailable
from rewards.models import CouponUse
from rewards.rules.answers import Decision, Quote
from rewards.rules.codes import masked
from rewards.rules.conditions.places import CouponShown
from rewards.rules.coupons import UNAVAILABLE, CouponOutcome, ShownCoupon, why_not
from rewards.rules.rule_set import Rule, RuleSet
from rewards.services.checkout.asks import Ask
from rewards.services.coupons.using import Act, Cause, claim, give_back

if TYPE_CHECKING:
    from rewards.services.checkout.pricing import Priced

SEE_WHY = "coupons:read"
#: Misses that tell where a promotion is at home: to a stranger its coupon does not exist.
_ELSEWHERE = {"store", "store_group", "not_yet", "no_longer"}


def holding(ask: Ask, shown: Sequence[ShownCoupon], has_member: bool) -> dict[str, ShownCoupon]:
    """The coupons that hold, by promotion: the first one shown of each."""
    found: dict[str, ShownCoupon] = {}
    known = {one.code: one for one in shown}
    for code in ask.coupons:
        coupon = known.get(code)
        if coupon and not _why_not(ask, coupon, has_member):
            found.setdefault(coupon.promotion, coupon)
    return found


def outcomes(
    ask: Ask, shown: Sequence[ShownCoupon], has_member: bool, quote: Quote, rules: RuleSet
) -> tuple[CouponOutcome, ...]:
    """What became of each code, in the order in which they were shown."""
    if not ask.coupons:
        return ()
    known = {one.code: one for one in shown}
    first = {one.id for one in holding(ask, shown, has_member).values()}
    woken = _woken(quote, rules)
    return tuple(
        _outcome(ask, code, known.get(code), first, woken.get(_promotion(known, code), []), quote)
        if not (reason := _why_not(ask, known.get(code), has_member))
        else CouponOutcome(code=code, status="refused", reason=reason)
        for code in ask.coupons
    )


def _why_not(ask: Ask, coupon: ShownCoupon | None, has_member: bool) -> str:
    return why_not(coupon, store=ask.store, at=ask.occurred_at, has_member=has_member)


def _promotion(known: Mapping[str, ShownCoupon], code: str) -> str:
    return known[code].promotion if code in known else ""


def _outcome(
    ask: Ask,
    code: str,
    coupon: ShownCoupon | None,
    first: set[int],
    woken: Sequence[Decision],
    quote: Quote,
) -> CouponOutcome:
    """Of a coupon that holds. On a printed receipt it was used, whatever we think of it now."""
    assert coupon is not None
    if coupon.id not in first:
        return CouponOutcome(code=code, status="not_applied", reason="same_promotion")
    used = {use.code for use in quote.uses}
    if ask.offline or any(one.promotion in used for one in woken):
        return CouponOutcome(code=code, status="applied")
    here = [one for one in woken if one.reason not in _ELSEWHERE]
    if not here:
        return CouponOutcome(code=code, status="refused", reason="not_live")
    return CouponOutcome(code=code, status="not_applied", reason=here[0].reason)


def _woken(quote: Quote, rules: RuleSet) -> dict[str, list[Decision]]:
    """Decisions of the rules that ask for a coupon, by the promotion whose coupon they ask for."""
    said: dict[str, list[Decision]] = {}
    for decision in quote.decisions:
        said.setdefault(decision.promotion, []).append(decision)
    found: dict[str, list[Decision]] = {}
    for rule in rules.rules:
        if rule.code in said:
            for coupon in _asked_by(rule):
                found.setdefault(coupon, []).extend(said[rule.code])
    return found


def _asked_by(rule: Rule) -> Iterator[str]:
    if rule.definition.coupon:
        yield rule.code
    for condition in rule.definition.conditions():
        if isinstance(condition, CouponShown):
            yield from condition.codes


def refuse_coupons(priced: Priced) -> None:
    """A sale without a quote takes its coupons, or is refused: never another price in silence."""
    for position, one in enumerate(priced.coupons):
        if one.status == "refused":
            raise CouponUnavailable(pointer=f"/coupons/{position}")


def use_coupons(priced: Priced, cause: Cause, receipt_id: int, hold_id: object) -> None:
    """Claim a use of each coupon that gave something; free what was reserved beside them.

    Belongs inside the transaction of the sale. A use that somebody else took since
    we looked undoes the whole unit, which then runs again and sees that it is gone.
    """
    applied = {one.code for one in priced.coupons if one.status == "applied"}
    member = priced.facts.member
    for coupon in sorted(priced.facts.coupons or (), key=lambda one: one.id):
        if coupon.code in applied and not claim(
            coupon.id,
            Act.REDEEMED,
            cause,
            member_id=member.id if member else None,
            receipt_id=receipt_id,
            reserved=coupon.reserved,
        ):
            raise _taken_meanwhile()
    if hold_id:
        free_reservations(str(hold_id), cause)
    for one in priced.coupons:
        if priced.ask.offline and one.status == "refused":
            outbox.emit(
                "coupon.conflict",
                object_type="receipt",
                object_id=str(receipt_id),
                data={"code": masked(one.code), "reason": one.reason},
            )


def reserve_coupons(priced: Priced, cause: Cause, expires_at: datetime) -> list[str]:
    """Hold a use of each coupon that gives something, until then; their codes.

    ``cause`` names the hold. Belongs inside a transaction.
    """
    applied = {one.code for one in priced.coupons if one.status == "applied"}
    member = priced.facts.member
    mine = [one for one in priced.facts.coupons or () if one.code in applied]
    for coupon in sorted(mine, key=lambda one: one.id):
        if not claim(
            coupon.id,
            Act.RESERVED,
            cause,
            member_id=member.id if member else None,
            expires_at=expires_at,
        ):
            raise _taken_meanwhile()
    return [one.code for one in mine]


def free_reservations(hold_id: str, cause: Cause) -> None:
    """What was reserved under a hold and not used is free again."""
    open_ones = CouponUse.objects.filter(
        source="hold", source_ref=hold_id, act=Act.RESERVED, ended_by=None
    )
    for use_id in open_ones.order_by("coupon_id").values_list("pk", flat=True):
        give_back(use_id, Act.RELEASED, cause)


def reopen_coupons(receipt_id: int, cause: Cause) -> int:
    """After a full return: uses are free again where their batch says so; how many."""
    uses = CouponUse.objects.filter(
        receipt_id=receipt_id,
        act=Act.REDEEMED,
        ended_by=None,
        coupon__batch__reopen_on_return=True,
    )
    found = list(uses.order_by("coupon_id").values_list("pk", flat=True))
    return sum(give_back(one, Act.ROLLED_BACK, cause) is not None for one in found)


def _taken_meanwhile() -> OperationalError:
    error = OperationalError("a coupon was used meanwhile")
    error.__cause__ = psycopg.errors.SerializationFailure()
    return error


# In words

_TEXTS = {
    "applied": gettext_lazy("The coupon counts"),
    UNAVAILABLE: gettext_lazy("This coupon cannot be used here"),
    "unknown": gettext_lazy("Nobody ever issued this code"),
    "revoked": gettext_lazy("The coupon was revoked"),
    "not_yet": gettext_lazy("The coupon does not hold yet"),
    "expired": gettext_lazy("The coupon has expired"),
    "other_store": gettext_lazy("The coupon belongs to other stores"),
    "other_member": gettext_lazy("The coupon belongs to another member"),
    "no_member": gettext_lazy("The coupon needs the member's card"),
    "member_limit": gettext_lazy("The member has used such coupons as often as they may"),
    "used_up": gettext_lazy("The coupon was used already"),
    "not_live": gettext_lazy("The promotion of the coupon is not running here"),
    "same_promotion": gettext_lazy("Another coupon of the same promotion counts"),
}


def in_words(status: str, reason: str) -> str:
    """One sentence for the cashier. Of a promotion that did not apply its own decision says why."""
    if status == "applied":
        return str(_TEXTS["applied"])
    known = _TEXTS.get(reason)
    return str(known) if known else _("The coupon holds, but its promotion does not apply here")


def public(outcome: CouponOutcome, actor: Actor | None = None) -> dict[str, Any]:
    """What the caller may hear: why a code is refused only with the scope to know."""
    may_know = actor is not None and actor.has_scope(SEE_WHY)
    hidden = outcome.status == "refused" and not may_know
    return {
        "code": outcome.code,
        "status": outcome.status,
        "reason": UNAVAILABLE if hidden else outcome.reason,
    }
