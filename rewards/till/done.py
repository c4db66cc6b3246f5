"""What a sale gave besides points, as the cashier hands it over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from members.models import Product, Receipt
from rewards.models import Award
from rewards.services.awards.reading import AwardView, award_view
from rewards.services.checkout.label_wire import in_language


@dataclass(frozen=True, slots=True)
class ShownAward:
    """``kind`` is gift, coupon or text; ``pieces`` of a gift."""

    kind: str
    text: str
    pieces: int = 1


def given_with(receipt: Receipt) -> list[ShownAward]:
    """Two queries, whatever was given."""
    rows = Award.objects.filter(purchase=receipt.pk).select_related("version__promotion")
    views = [award_view(award) for award in rows.order_by("id")]
    skus = {view.code for view in views if view.kind == "gift" and view.code}
    names = dict(Product.objects.filter(sku__in=skus).values_list("sku", "name")) if skus else {}
    return [shown for view in views for shown in _shown(view, names)]


def _shown(view: AwardView, names: Mapping[str, str]) -> Iterator[ShownAward]:
    if view.kind == "gift" and view.code and view.amount > view.taken_back:
        yield ShownAward("gift", names.get(view.code) or view.code, view.amount - view.taken_back)
    for code in view.coupons:
        yield ShownAward("coupon", code)
    if view.kind == "message" and view.to == "receipt":
        yield ShownAward("text", in_language(view.text))
