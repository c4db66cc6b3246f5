"""Wallets are opened at their first use."""

from __future__ import annotations

from django.db import connection
from django.db.models import F

from rewards.models import Programme, Wallet

_OPEN = """
    INSERT INTO rewards_wallet (programme_id, member_id, kind, unit, debt_limit)
    VALUES (%s, %s, 'points', %s, %s) ON CONFLICT DO NOTHING
"""


def unit_of(programme: Programme) -> str:
    return f"PTS:{programme.code}"


def wallet_for(member_id: int, programme: Programme) -> Wallet:
    """The member's points account in the programme, opened at its first use.

    A member whose account was merged gets the account that took over.
    """
    wallets = Wallet.objects.filter(member_id=member_id, unit=unit_of(programme))
    if found := wallets.order_by(F("merged_into").asc(nulls_first=True), "-pk").first():
        return survivor_of(found)
    debt_limit = programme.debt_limit_points if programme.debt == Programme.Debt.ALLOW else 0
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, [programme.pk, member_id, unit_of(programme), debt_limit])
    return wallets.open().get()


def survivor_of(wallet: Wallet) -> Wallet:
    while wallet.merged_into is not None:
        wallet = wallet.merged_into
    return wallet
