"""Coupons at the till: a code goes into the basket when it holds, and is told in words why not."""

from __future__ import annotations

import msgspec
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from loyalty_crm.kernel.errors import DomainError
from rewards.rules.codes import clean_code
from rewards.services.coupons.guessing import guarded_codes
from rewards.till.counter import Counter, at_counter

MOST_COUPONS = 5


@require_POST
@at_counter
def add(counter: Counter) -> HttpResponse:
    """A scanned or typed code. Wrong ones are counted, and are not kept: a basket that is priced
    again must not guess again."""
    code = clean_code(counter.request.POST.get("code", ""))
    if not code:
        return counter.refused(_("This is no coupon code."))
    if code in counter.basket.coupons:
        return counter.kept()
    if len(counter.basket.coupons) >= MOST_COUPONS:
        return counter.refused(_("No more coupons fit on this receipt."))
    return _try(counter, code)


@require_POST
@at_counter
def remove(counter: Counter) -> HttpResponse:
    code = counter.request.POST.get("code", "")
    counter.basket.coupons = [one for one in counter.basket.coupons if one != code]
    return counter.kept()


def _try(counter: Counter, code: str) -> HttpResponse:
    asked = counter.ask()
    asked = msgspec.structs.replace(asked, coupons=(*asked.coupons, code))
    try:
        with guarded_codes([code], actor=counter.desk.actor, store=asked.store):
            told = counter.quote(asked).coupons[-1]
    except DomainError as refusal:
        return counter.refused(refusal.message)
    if told.status == "refused":
        return counter.refused(told.text)
    counter.basket.coupons.append(code)
    return counter.kept()
