"""The admin site: a sidebar arranged by job, and a first page that says how the day goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite


@dataclass(frozen=True, slots=True)
class Job:
    """What somebody comes here to do, and the tables that are about it: label → icon."""

    title: str | Promise
    tables: dict[str, str]


SIDEBAR = [
    Job(
        _("Members"),
        {
            "members.Member": "group",
            "members.Card": "credit_card",
            "members.CardType": "style",
            "members.CardBatch": "print",
            "members.CardDesign": "palette",
            "members.DataRequest": "policy",
            "members.Consent": "verified_user",
            "members.ConsentText": "article",
            "members.Tag": "sell",
        },
    ),
    Job(
        _("Receipts"),
        {
            "members.Receipt": "receipt_long",
            "members.Refund": "undo",
        },
    ),
    Job(
        _("Programme and rules"),
        {
            "rewards.Programme": "tune",
            "rewards.Promotion": "sell",
            "rewards.BackTest": "science",
            "rewards.RetroBatch": "update",
            "rewards.TierStructure": "stairs",
            "rewards.StackingGroup": "stacks",
            "rewards.ProgrammeRules": "gavel",
        },
    ),
    Job(
        _("Coupons"),
        {
            "rewards.CouponBatch": "confirmation_number",
            "rewards.CouponExport": "lock_open_right",
        },
    ),
    Job(
        _("Rewards"),
        {
            "rewards.Reward": "redeem",
            "rewards.Redemption": "shopping_bag",
            "rewards.Service": "handyman",
            "rewards.Cause": "volunteer_activism",
        },
    ),
    Job(
        _("Stamps and challenges"),
        {
            "rewards.StampProgramme": "approval",
            "rewards.StampCard": "grid_view",
            "rewards.ManualStamp": "ink_pen",
            "rewards.ReceiptClaim": "receipt_long",
            "rewards.Challenge": "flag",
            "rewards.Leaderboard": "leaderboard",
            "rewards.Badge": "military_tech",
        },
    ),
    Job(
        _("Games and draws"),
        {
            "rewards.Game": "casino",
            "rewards.GamePlay": "playing_cards",
            "rewards.Draw": "celebration",
            "rewards.Contest": "trophy",
            "rewards.PrizeWin": "emoji_events",
        },
    ),
    Job(
        _("Gift cards"),
        {"rewards.GiftCard": "card_giftcard", "rewards.GiftCardBatch": "view_module"},
    ),
    Job(
        _("Partners"),
        {
            "rewards.Partner": "handshake",
            "rewards.PartnerOffer": "local_offer",
            "rewards.Settlement": "request_quote",
        },
    ),
    Job(
        _("Beyond purchases"),
        {
            "rewards.ActionEvent": "rate_review",
            "rewards.EventKind": "fact_check",
            "rewards.Occasion": "cake",
            "rewards.Bonus": "redeem",
            "rewards.Referral": "group_add",
            "rewards.ReferralTerms": "handshake",
            "rewards.PointsTransfer": "send_money",
            "rewards.TransferTerms": "rule_settings",
            "members.Household": "family_restroom",
        },
    ),
    Job(
        _("Ledger"),
        {
            "rewards.Wallet": "account_balance_wallet",
            "rewards.AdjustmentRequest": "fact_check",
            "rewards.AdjustmentTerms": "rule_settings",
            "rewards.LedgerTx": "swap_horiz",
            "rewards.LedgerEntry": "list_alt",
            "rewards.Lot": "hourglass_bottom",
            "rewards.PendingGrant": "schedule",
            "rewards.Hold": "lock_clock",
            "rewards.Purchase": "redeem",
            "rewards.Award": "featured_seasonal_and_gifts",
            "rewards.PurchaseRefund": "assignment_return",
            "rewards.LedgerIncident": "report",
        },
    ),
    Job(
        _("Catalogue"),
        {
            "members.Product": "inventory_2",
            "members.Category": "account_tree",
            "members.Brand": "label",
            "members.ProductList": "playlist_add_check",
            "members.PriceList": "request_quote",
            "members.PriceListEntry": "price_change",
            "members.StockLevel": "featured_seasonal_and_gifts",
        },
    ),
    Job(
        _("Stores"),
        {
            "members.Store": "storefront",
            "members.StoreGroup": "hub",
            "members.Terminal": "point_of_sale",
            "members.Shift": "badge",
        },
    ),
    Job(
        _("Integrations"),
        {
            "kernel.Integration": "hub",
            "kernel.ApiKey": "key",
            "kernel.WebhookEndpoint": "webhook",
            "kernel.WebhookDelivery": "outgoing_mail",
            "kernel.OutboxEvent": "outbox",
            "kernel.Message": "sms",
        },
    ),
    Job(
        _("System"),
        {
            "auth.User": "manage_accounts",
            "auth.Group": "groups",
            "kernel.AuditEntry": "history",
            "kernel.Job": "deployed_code_history",
        },
    ),
]

#: Panels of the first page by place: URL name and the permission that opens it.
#: Every app draws its own; the page only says where they stand.
FIRST_PAGE = {
    "top": [("admin:rewards_today", "rewards.view_purchase")],
    "left": [
        ("admin:rewards_months", "rewards.view_ledgerentry"),
        ("admin:rewards_attention", "rewards.view_wallet"),
    ],
    "right": [("admin:rewards_latest", "members.view_receipt")],
}


class LoyaltyAdminSite(UnfoldAdminSite):
    site_title = "Loyalty CRM"
    index_title = _("Today")
    empty_value_display = "–"

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """One group a job; a table without an admin, or closed to this user, is left out."""
        groups = [{"title": job.title, "items": self._items(request, job)} for job in SIDEBAR]
        home = {"title": _("Today"), "icon": "home", "link": reverse("admin:index")}
        home |= {"active": request.path == home["link"], "has_permission": True}
        return [{"items": [home]}, *(group for group in groups if group["items"])]

    def _items(self, request: HttpRequest, job: Job) -> list[dict[str, Any]]:
        known = [
            (label, icon) for label, icon in job.tables.items() if self._is_open(request, label)
        ]
        return [self._item(request, label, icon) for label, icon in known]

    def _is_open(self, request: HttpRequest, label: str) -> bool:
        try:
            model = apps.get_model(label)
        except LookupError:
            return False
        admin = self._registry.get(model)
        return admin is not None and admin.has_view_or_change_permission(request)

    def _item(self, request: HttpRequest, label: str, icon: str) -> dict[str, Any]:
        meta = apps.get_model(label)._meta  # noqa: SLF001 - Django's public "model _meta API"
        link = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
        return {
            "title": capfirst(meta.verbose_name_plural),
            "icon": icon,
            "link": link,
            "active": request.path.startswith(link),
            "has_permission": True,
        }

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        panels = {
            place: [
                reverse(name) for name, permission in known if request.user.has_perm(permission)
            ]
            for place, known in FIRST_PAGE.items()
        }
        return super().index(request, {**(extra_context or {}), "panels": panels})
