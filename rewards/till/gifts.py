"""The customer's choice among gifts, kept in the basket until it is sold."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from rewards.till.counter import Counter, at_counter


@require_POST
@at_counter
def choose(counter: Counter) -> HttpResponse:
    """Take this gift, or with ``drop`` none of those it stands among. A repeat changes nothing."""
    said = counter.request.POST
    sku = said.get("drop") or said.get("sku", "")
    among = _among(counter, sku)
    if not among and not said.get("drop"):
        return counter.refused(_("This gift cannot be chosen any more."))
    others = [one for one in counter.basket.gifts if one not in (*among, sku)]
    counter.basket.gifts = others if said.get("drop") else [*others, sku]
    return counter.kept()


def _among(counter: Counter, sku: str) -> list[str]:
    """What the quote of now lets the customer choose from, this gift being one of them."""
    return next((one.choices for one in counter.quote().awards if sku in one.choices), [])
