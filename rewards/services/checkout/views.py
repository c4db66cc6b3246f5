"""A sale as it is shown: the same shape from the commit that made it and from the tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Prefetch

from members.models import Receipt, ReceiptLine
from rewards.models import Grant
from rewards.rules.answers import Quote
from rewards.rules.rule_set import RuleSet
from rewards.services.awards.reading import (
    AwardBack,
    AwardView,
    award_views,
    awards_of_receipts,
    backs_of,
)
from rewards.services.checkout.gift_tenders import (
    GiftBackView,
    GiftPaymentView,
    back_views,
    gift_payments_of_receipts,
    payment_views,
)


class GrantView(msgspec.Struct, frozen=True):
    """Points of one rule version on one line, and who pays for them."""

    promotion: str
    version: int
    base_minor: int
    points: int
    funding: Mapping[str, str | None] | None = None


class LineView(msgspec.Struct, frozen=True, kw_only=True):
    line_no: int
    sku: str
    name: str
    quantity_milli: int
    unit_price_minor: int
    gross_minor: int
    discount_minor: int
    net_minor: int
    points_paid_minor: int
    points: int
    tax_basis_points: int = 0
    tax_minor: int = 0
    returned_quantity_milli: int = 0
    returned_minor: int = 0
    grants: tuple[GrantView, ...] = ()


class ReturnView(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    kind: str
    number: str
    net_minor: int
    money_minor: int
    tax_minor: int
    points_taken_back: int
    points_given_back: int
    occurred_at: datetime
    awards_back: tuple[AwardBack, ...] = ()
    gift_cards: tuple[GiftBackView, ...] = ()

    @property
    def to_pay_minor(self) -> int:
        """What leaves the drawer: the money that did not go back on a card."""
        return self.money_minor - sum(one.amount for one in self.gift_cards if one.to_card)


class PurchaseView(msgspec.Struct, frozen=True, kw_only=True):
    """One sale with its points. ``active_at`` is set while the points wait."""

    id: UUID
    store: str
    terminal: str
    number: str
    state: str
    member_id: UUID | None
    currency: str
    occurred_at: datetime
    recorded_at: datetime
    business_date: date
    gross_minor: int
    discount_minor: int
    points_paid_minor: int
    total_minor: int
    tax_minor: int
    tax_added_minor: int
    earned: int
    redeemed: int
    taken_back: int
    given_back: int
    written_off: int
    expires_at: datetime | None
    active_at: datetime | None
    rules_version: int
    decisions: list[dict[str, Any]]
    coupons: list[dict[str, Any]]
    lines: tuple[LineView, ...]
    tenders: tuple[tuple[str, int], ...]
    gift_cards: tuple[GiftPaymentView, ...] = ()
    returns: tuple[ReturnView, ...] = ()
    awards: tuple[AwardView, ...] = ()


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """A sale and the balance behind it. ``is_duplicate``: it was known, nothing was written."""

    view: PurchaseView
    balance: int | None = None
    held: int = 0
    is_duplicate: bool = False


class Refunded(msgspec.Struct, frozen=True, kw_only=True):
    """A return and the sale after it. ``is_duplicate``: it was known, nothing was written."""

    refund: ReturnView
    purchase: PurchaseView
    balance: int | None = None
    is_duplicate: bool = False


_GRANTS = Grant.objects.select_related("version__promotion").order_by("version_id")
_LINES = ReceiptLine.objects.order_by("line_no").prefetch_related(
    Prefetch("grants", queryset=_GRANTS)
)


def load(receipt_id: int) -> PurchaseView:
    """One sale from the tables; a constant number of queries."""
    receipts = Receipt.objects.select_related(
        "store", "terminal", "member", "purchase", "purchase__pending"
    ).prefetch_related(Prefetch("lines", queryset=_LINES), "tenders", "refunds__rewards")
    shown = receipts.annotate(
        given_awards=awards_of_receipts(), gift_payments_json=gift_payments_of_receipts()
    )
    return view_of(shown.get(pk=receipt_id))


def view_of(receipt: Receipt) -> PurchaseView:
    purchase = receipt.purchase
    given: list[dict[str, Any]] = receipt.given_awards  # type: ignore[attr-defined]
    paid: list[dict[str, Any]] = receipt.gift_payments_json  # type: ignore[attr-defined]
    return PurchaseView(
        id=receipt.public_id,
        store=receipt.store.code,
        terminal=receipt.terminal.code if receipt.terminal else "",
        number=receipt.number,
        state=receipt.state,
        member_id=receipt.member.public_id if receipt.member else None,
        currency=receipt.currency,
        occurred_at=receipt.occurred_at,
        recorded_at=receipt.recorded_at,
        business_date=receipt.business_date,
        gross_minor=receipt.gross_minor,
        discount_minor=receipt.discount_minor,
        points_paid_minor=receipt.points_paid_minor,
        total_minor=receipt.total_minor,
        tax_minor=receipt.tax_minor,
        tax_added_minor=receipt.tax_added_minor,
        earned=purchase.earned,
        redeemed=purchase.redeemed,
        taken_back=purchase.clawed_back,
        given_back=purchase.restored,
        written_off=purchase.written_off,
        expires_at=purchase.lots_expire_at,
        active_at=purchase.pending.available_at if purchase.pending else None,
        rules_version=purchase.rules_version,
        decisions=purchase.decisions,
        coupons=purchase.coupons,
        lines=tuple(_line(line) for line in receipt.lines.all()),
        tenders=tuple((tender.kind, tender.amount_minor) for tender in receipt.tenders.all()),
        gift_cards=payment_views(paid, is_known=receipt.member_id is not None),
        returns=tuple(_return(refund, given, paid) for refund in receipt.refunds.all()),
        awards=award_views(given),
    )


def _line(line: ReceiptLine) -> LineView:
    grants = [
        GrantView(
            grant.version.promotion.code,
            grant.version.number,
            grant.base_minor,
            grant.points,
            grant.version.definition.get("funding"),
        )
        for grant in line.grants.all()
    ]
    return LineView(
        line_no=line.line_no,
        sku=line.sku,
        name=line.name,
        quantity_milli=line.quantity_milli,
        unit_price_minor=line.unit_price_minor,
        gross_minor=line.gross_minor,
        discount_minor=line.discount_minor,
        net_minor=line.net_minor,
        points_paid_minor=line.points_paid_minor,
        points=sum(grant.points for grant in grants),
        tax_basis_points=line.tax_basis_points,
        tax_minor=line.tax_minor,
        returned_quantity_milli=line.refunded_quantity_milli,
        returned_minor=line.refunded_minor,
        grants=tuple(grants),
    )


def _return(refund: Any, given: list[dict[str, Any]], paid: list[dict[str, Any]]) -> ReturnView:
    return ReturnView(
        id=refund.public_id,
        kind=refund.kind,
        number=refund.number,
        net_minor=refund.net_minor,
        money_minor=refund.money_minor,
        tax_minor=refund.tax_minor,
        points_taken_back=refund.rewards.clawed_back,
        points_given_back=refund.rewards.restored,
        occurred_at=refund.occurred_at,
        awards_back=backs_of(given, refund.pk),
        gift_cards=back_views(paid, refund.pk),
    )


def line_views(quote: Quote, rule_set: RuleSet) -> tuple[LineView, ...]:
    """The lines of a quote, with the rule behind every point."""
    rules = {rule.version_id: rule for rule in rule_set.rules}
    grants: dict[int, list[GrantView]] = {}
    for grant in quote.grants:
        rule = rules[grant.version_id]
        funding = rule.definition.funding
        view = GrantView(
            rule.code,
            rule.number,
            grant.base_minor,
            grant.points,
            funding.model_dump() if funding else None,
        )
        grants.setdefault(grant.line_no, []).append(view)
    return tuple(
        LineView(
            line_no=line.line.line_no,
            sku=line.line.sku,
            name=line.line.name,
            quantity_milli=line.line.quantity_milli,
            unit_price_minor=line.line.unit_price_minor,
            gross_minor=line.line.gross_minor,
            discount_minor=line.discount_minor,
            net_minor=line.net_minor,
            points_paid_minor=line.points_paid_minor,
            points=line.points,
            tax_basis_points=line.line.tax_basis_points,
            tax_minor=line.tax_minor,
            grants=tuple(grants.get(line.line.line_no, ())),
        )
        for line in quote.lines
    )
