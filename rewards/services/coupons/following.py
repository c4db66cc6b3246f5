"""Coupons follow their member when wallets are merged, and go back when the merge is."""

from __future__ import annotations

from django.db import connection

from rewards.errors import OpenHolds

_HELD = """
SELECT EXISTS (SELECT FROM rewards_coupon WHERE member_id = %(giver)s AND held > 0)
    OR EXISTS (SELECT FROM rewards_coupontally WHERE member_id = %(giver)s AND held > 0)
"""
# Coupons that are over stay where they are: they are history. Locked by id, as sales claim them.
_COUPONS = """
WITH mine AS MATERIALIZED (
    SELECT c.id FROM rewards_coupon c
      JOIN rewards_couponbatch b ON b.id = c.batch_id
      JOIN rewards_promotion p ON p.id = b.promotion_id
     WHERE c.member_id = %(giver)s AND p.programme_id = %(programme)s AND c.revoked_at IS NULL
       AND (c.max_uses IS NULL OR c.uses < c.max_uses)
       AND coalesce(least(c.valid_until, b.valid_until) > now(), true)
     ORDER BY c.id FOR NO KEY UPDATE OF c
), moved AS (
    UPDATE rewards_coupon c SET member_id = %(taker)s FROM mine WHERE c.id = mine.id RETURNING c.id
)
INSERT INTO rewards_couponfollow (coupon_id, wallet_id, member_id)
SELECT id, %(wallet)s, %(giver)s FROM moved ORDER BY id
"""
_TALLIES = """
WITH given AS MATERIALIZED (
    SELECT t.* FROM rewards_coupontally t
      JOIN rewards_couponbatch b ON b.id = t.batch_id
      JOIN rewards_promotion p ON p.id = b.promotion_id
     WHERE t.member_id = %(giver)s AND t.moved_to_id IS NULL AND p.programme_id = %(programme)s
     ORDER BY t.batch_id FOR NO KEY UPDATE OF t
), taken AS (
    INSERT INTO rewards_coupontally AS t (batch_id, member_id, uses)
    SELECT batch_id, %(taker)s, uses FROM given ORDER BY batch_id
    ON CONFLICT (batch_id, member_id) DO UPDATE SET uses = t.uses + EXCLUDED.uses
    RETURNING t.id, t.batch_id
)
UPDATE rewards_coupontally t SET moved_to_id = taken.id
  FROM given, taken WHERE t.id = given.id AND taken.batch_id = given.batch_id
"""
# What was used or passed on since stays; so does what the survivor ended up with otherwise.
_COUPONS_BACK = """
WITH mine AS MATERIALIZED (
    SELECT c.id, f.id AS follow, f.member_id FROM rewards_couponfollow f
      JOIN rewards_coupon c ON c.id = f.coupon_id
     WHERE f.wallet_id = %(wallet)s AND f.returned_at IS NULL AND c.member_id = %(taker)s
       AND c.held = 0
     ORDER BY c.id FOR NO KEY UPDATE OF c
), moved AS (
    UPDATE rewards_coupon c SET member_id = mine.member_id FROM mine WHERE c.id = mine.id
)
UPDATE rewards_couponfollow f SET returned_at = clock_timestamp()
  FROM mine WHERE f.id = mine.follow
"""
_TALLIES_BACK = """
WITH given AS MATERIALIZED (
    SELECT t.id, t.uses, t.moved_to_id FROM rewards_coupontally t
      JOIN rewards_coupontally root ON root.id = t.moved_to_id AND root.member_id = %(taker)s
      JOIN rewards_couponbatch b ON b.id = t.batch_id
      JOIN rewards_promotion p ON p.id = b.promotion_id
     WHERE t.member_id = %(giver)s AND p.programme_id = %(programme)s
     ORDER BY t.batch_id FOR NO KEY UPDATE OF t, root
), less AS (
    UPDATE rewards_coupontally t SET uses = t.uses - given.uses
      FROM given WHERE t.id = given.moved_to_id
)
UPDATE rewards_coupontally t SET moved_to_id = NULL FROM given WHERE t.id = given.id
"""


def follow(*, wallet: int, programme: int, giver: int, taker: int) -> None:
    """The giver's coupons that still hold become the taker's, and so do the counts of uses.

    Belongs inside the merge, whose wallets are locked. Refused while the giver has
    coupons reserved by an open quote.
    """
    values = {"wallet": wallet, "programme": programme, "giver": giver, "taker": taker}
    with connection.cursor() as cursor:
        cursor.execute(_HELD, values)
        if cursor.fetchone()[0]:
            raise OpenHolds(held=0)
        cursor.execute(_COUPONS, values)
        cursor.execute(_TALLIES, values)


def go_back(*, wallet: int, programme: int, giver: int, taker: int) -> None:
    """What followed this wallet goes back, as far as the taker still has it.

    Used coupons go back as well, spent as they are; a coupon that an open quote
    holds stays with the taker.
    """
    values = {"wallet": wallet, "programme": programme, "giver": giver, "taker": taker}
    with connection.cursor() as cursor:
        cursor.execute(_COUPONS_BACK, values)
        cursor.execute(_TALLIES_BACK, values)
