"""Columns that several lists share."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from members.admin.lens import Lens
from members.models import Receipt
from rewards.models import Wallet


def owner(lens: Lens, wallet: Wallet | None) -> str:
    """Who a wallet belongs to, with a link. Needs ``wallet__member`` fetched."""
    if wallet is None or wallet.member is None:
        return ""
    url = reverse("admin:members_member_change", args=[wallet.member.pk])
    return format_html('<a href="{}">{}</a>', url, lens.name(wallet.member))


def page_of_receipt(receipt: Receipt) -> str:
    """The page that says why, else the plain receipt. Needs ``purchase`` fetched."""
    name = "rewards_purchase" if getattr(receipt, "purchase", None) else "members_receipt"
    return reverse(f"admin:{name}_change", args=[receipt.pk])


def veiled_member(lens: Lens) -> Any:
    """The member column as one user may see it, for wallets and for rows with a wallet."""

    @admin.display(description=_("member"))
    def member(row: Any) -> str:
        return owner(lens, row if isinstance(row, Wallet) else row.wallet)

    return member


def as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None
