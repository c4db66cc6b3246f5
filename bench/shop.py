"""The shop that the benchmarks sell in: one store, products, members with wallets and cards."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection, transaction

from loyalty_crm.kernel import api_keys
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import Integration
from members.models import Card, Product, Store
from rewards.models import Wallet
from rewards.services import rule_sets
from rewards.services.programmes import ensure_default

MEMBERS = 1000
PRODUCTS = 200
STORE = "bench"

_MEMBERS = """
WITH people AS (
    INSERT INTO members_member (public_id, name, language, status, source, enrolled_at)
    SELECT gen_random_uuid(), 'Bench ' || n, 'en', 'active', 'bench', now()
      FROM generate_series(1, %(count)s) AS n RETURNING id
), cards AS (
    INSERT INTO members_card (number, member_id, status, is_virtual, reason)
    SELECT 'BENCH' || lpad(id::text, 9, '0'), id, 'active', false, '' FROM people
)
INSERT INTO rewards_wallet (programme_id, member_id, kind, unit, debt_limit)
SELECT %(programme)s, id, 'points', %(unit)s, 1000 FROM people
"""
_PRODUCTS = """
INSERT INTO members_product (sku, name, barcode, price_minor, cost_minor)
SELECT 'B' || n, 'Product ' || n, '', 100 + n, 50 + n FROM generate_series(1, %s) AS n
"""


@dataclass(frozen=True)
class Shop:
    store_id: int
    cards: list[str]
    wallets: list[int]
    skus: list[str]


@transaction.atomic
def shop() -> Shop:
    """Made once and kept between runs."""
    programme = ensure_default(actor=SYSTEM)
    store, is_new = Store.objects.get_or_create(code=STORE, defaults={"name": "Bench"})
    if is_new:
        with connection.cursor() as cursor:
            unit = f"PTS:{programme.code}"
            values = {"count": MEMBERS, "programme": programme.pk, "unit": unit}
            cursor.execute(_MEMBERS, values)
            cursor.execute(_PRODUCTS, [PRODUCTS])
    rule_sets.forget()
    cards = Card.objects.filter(number__startswith="BENCH").order_by("pk")
    wallets = Wallet.objects.filter(member__source="bench").order_by("pk")
    return Shop(
        store_id=store.pk,
        cards=list(cards.values_list("number", flat=True)[:MEMBERS]),
        wallets=list(wallets.values_list("pk", flat=True)[:MEMBERS]),
        skus=list(
            Product.objects.filter(sku__startswith="B").values_list("sku", flat=True)[:PRODUCTS]
        ),
    )


def token() -> str:
    Integration.objects.filter(name="bench").update(is_active=True)
    integration = Integration.objects.filter(name="bench").first()
    if integration is None:
        scopes = ["sales:read", "sales:write", "refunds:write"]
        integration = api_keys.create_integration(name="bench", scopes=scopes, actor=SYSTEM)
    return api_keys.issue_key(integration=integration, actor=SYSTEM)
