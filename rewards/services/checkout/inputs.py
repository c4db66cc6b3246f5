"""What rules ask of the sale besides goods and past: tags, segments, groups, lists, prices, stock.

Parts of the one statement of facts. Each answer stands behind a CASE: what no live
rule asks for is not looked up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from rewards.rules.needs import Needs

# The tier of that moment, by the decisions about it: a late receipt is priced by its own day.
_TIER = """
    SELECT t.code FROM rewards_tierevaluation v
      JOIN rewards_tierstructure s ON s.id = v.structure_id AND s.is_primary
      JOIN rewards_programme p ON p.id = s.programme_id AND p.is_default
      LEFT JOIN rewards_tier t ON t.id = v.to_tier_id
     WHERE v.member_id = (SELECT id FROM member) AND v.at <= {at}
     ORDER BY v.at DESC, v.id DESC LIMIT 1"""

#: Fields of a JSON object; {at} is the moment of the sale.
STANDING = """
    'tags', CASE WHEN %(needs_tags)s THEN (
        SELECT json_agg(DISTINCT t.tag) FROM members_membertag t
         WHERE t.member_id = (SELECT id FROM member)
           AND t.since <= {at} AND (t.until IS NULL OR t.until > {at})) END,
    'segments', CASE WHEN %(needs_segments)s THEN (
        SELECT json_agg(s.code) FROM members_segmentmember sm
          JOIN members_segment s ON s.id = sm.segment_id
         WHERE sm.member_id = (SELECT id FROM member)) END,
    'tier', CASE WHEN %(needs_tier)s THEN ({tier}) END
""".replace("{tier}", _TIER)
AROUND = """
    'groups', CASE WHEN %(needs_groups)s THEN (
        SELECT json_agg(g.code) FROM store
          JOIN members_storegroup_stores gs ON gs.store_id = store.id
          JOIN members_storegroup g ON g.id = gs.storegroup_id) END,
    'stock', CASE WHEN cardinality(%(gifts)s::text[]) > 0 THEN (
        SELECT json_object_agg(gift.sku, s.quantity) FROM store
          JOIN members_stocklevel s ON s.store_id = store.id
          JOIN members_product gift ON gift.id = s.product_id
         WHERE gift.sku = ANY(%(gifts)s::text[])) END
"""
#: Of the product ``p``.
OF_PRODUCT = """
    'attributes', CASE WHEN %(needs_attributes)s THEN p.attributes END,
    'lists', CASE WHEN %(needs_lists)s THEN (
        SELECT json_agg(l.code ORDER BY l.code) FROM members_productlist_products m
          JOIN members_productlist l ON l.id = m.productlist_id WHERE m.product_id = p.id) END,
    'prices', CASE WHEN cardinality(%(price_lists)s::text[]) > 0 THEN (
        SELECT json_object_agg(l.code, e.price_minor) FROM members_pricelistentry e
          JOIN members_pricelist l ON l.id = e.price_list_id
         WHERE e.product_id = p.id AND l.code = ANY(%(price_lists)s::text[])) END
"""


class Standing(msgspec.Struct, frozen=True):
    """Null where nobody asked, and where there is nothing."""

    tags: frozenset[str] | None = None
    segments: frozenset[str] | None = None
    tier: str | None = None


class Around(msgspec.Struct, frozen=True):
    """What the store brings: its groups, and how many of each counted gift it has left."""

    groups: frozenset[str] | None = None
    stock: Mapping[str, int] | None = None


def asked_of_inputs(needs: Needs) -> dict[str, Any]:
    """The parameters of the three parts above."""
    return {
        "needs_tags": "tags" in needs.member,
        "needs_segments": "segments" in needs.member,
        "needs_tier": "tier" in needs.member,
        "needs_groups": needs.store_groups,
        "needs_attributes": needs.attributes,
        "needs_lists": needs.product_lists,
        "price_lists": sorted(needs.price_lists),
        "gifts": sorted(needs.gifts),
    }
