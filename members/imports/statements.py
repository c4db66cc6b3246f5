"""The statements that bring a staged chunk into the live tables. ``facts`` calls them in order."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

# The shift of a demo is not content: the same file on another day is the same file.
DIGESTS = """
WITH content AS (
    SELECT receipt_id, string_agg(
        concat_ws(E'\\t', sku, quantity_milli, gross_minor, discount_minor, net_minor),
        E'\\n' ORDER BY line_no) AS lines
      FROM import_line GROUP BY receipt_id
)
UPDATE import_receipt r SET digest = sha256(convert_to(concat_ws(E'\\t',
    r.store, r.number, extract(epoch FROM r.occurred_at - %s), r.member, r.card, r.tender,
    content.lines), 'UTF8'))
  FROM content WHERE content.receipt_id = r.id
"""
STORES = """
UPDATE import_receipt r SET store_id = s.id FROM members_store s WHERE s.code = r.store
"""
COMPARE = """
UPDATE import_receipt r
   SET state = CASE known.content_digest WHEN r.digest THEN 'same' ELSE 'differs' END
  FROM members_receipt known WHERE (known.store_id, known.number) = (r.store_id, r.number)
"""
REPEATED = """
WITH again AS (
    SELECT id, row_number() OVER (PARTITION BY store, number ORDER BY line) AS nth
      FROM import_receipt
)
UPDATE import_receipt r SET state = 'repeated'
  FROM again WHERE again.id = r.id AND again.nth > 1 AND r.state = 'new'
"""
MEMBERS = """
UPDATE import_receipt r SET member_id = i.member_id FROM members_identity i
 WHERE r.member IS NOT NULL AND (i.kind, i.system, i.value) = ('external', %s, r.member)
"""
CARDS = """
UPDATE import_receipt r SET card_id = c.id, member_id = coalesce(r.member_id, c.member_id)
  FROM members_card c WHERE r.card IS NOT NULL AND c.number = r.card
"""
TERMINALS = """
UPDATE import_receipt r SET terminal_id = t.id
  FROM members_terminal t WHERE t.store_id = r.store_id AND t.code = r.terminal
"""
_STRANGE_LINES = """
    SELECT l.line, l.sku, l.name, l.receipt_id
      FROM import_line l JOIN import_receipt r ON r.id = l.receipt_id
     WHERE r.state = 'new' AND NOT EXISTS (SELECT FROM members_product p WHERE p.sku = l.sku)
"""
_UNKNOWN_SKUS = """
    SELECT sku, max(name) FROM ({strange}) AS strange GROUP BY sku ORDER BY sku
"""
UNKNOWN = {
    "store": """
        SELECT DISTINCT store FROM import_receipt WHERE state = 'new' AND store_id IS NULL""",
    "member": """
        SELECT member, min(occurred_at) FROM import_receipt
         WHERE state = 'new' AND member IS NOT NULL AND member_id IS NULL
         GROUP BY member ORDER BY member""",
    "sku": _UNKNOWN_SKUS.format(strange=_STRANGE_LINES),
}
_REFUSE = """
    UPDATE import_receipt SET state = 'refused'
     WHERE state = 'new' AND {name} IS NOT NULL AND {name}_id IS NULL RETURNING line, {name}
"""
_REFUSE_SKUS = """
    WITH strange AS ({strange}), refused AS (
        UPDATE import_receipt r SET state = 'refused' FROM strange WHERE strange.receipt_id = r.id
    )
    SELECT line, sku FROM strange ORDER BY line
"""
REFUSE = {
    **{name: _REFUSE.format(name=name) for name in ("store", "member", "card", "terminal")},
    "sku": _REFUSE_SKUS.format(strange=_STRANGE_LINES),
}
EXPECTED = {
    "store": _("the code of a known store"),
    "member": _("the id of a known member in the system that the mapping names"),
    "card": _("the number of a known card"),
    "terminal": _("the code of a terminal of the store"),
    "sku": _("the SKU of a known product"),
}
ADD_STORES = """
INSERT INTO members_store (code, name, time_zone, address, is_active)
SELECT code, replace(%(name)s, '{code}', code), %(zone)s, '', true
  FROM unnest(%(codes)s::text[]) AS code
 ORDER BY code ON CONFLICT (code) DO NOTHING
"""
ADD_TERMINALS = """
INSERT INTO members_terminal (store_id, code, name, is_active)
SELECT DISTINCT store_id, terminal, '', true FROM import_receipt
 WHERE state = 'new' AND terminal IS NOT NULL AND terminal_id IS NULL AND store_id IS NOT NULL
    ON CONFLICT (store_id, code) DO NOTHING
"""
ADD_MEMBERS = """
WITH given AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(keys)s::uuid[], %(values)s::text[],
                         %(since)s::timestamptz[]) AS given(id, public_id, value, since)
), people AS (
    INSERT INTO members_member (id, public_id, name, language, status, source, enrolled_at)
    SELECT id, public_id, '', 'en', 'active', %(system)s, since FROM given
)
INSERT INTO members_identity (member_id, kind, system, value)
SELECT id, 'external', %(system)s, value FROM given
"""
ADD_RECEIPTS = """
INSERT INTO members_receipt (id, store_id, terminal_id, number, member_id, card_id, cashier,
    currency, gross_minor, discount_minor, total_minor, content_digest, occurred_at, business_date)
SELECT r.id, r.store_id, r.terminal_id, r.number, r.member_id, r.card_id, coalesce(r.cashier, ''),
    %s, r.gross_minor, r.discount_minor, r.net_minor, r.digest, r.occurred_at,
    (r.occurred_at AT TIME ZONE s.time_zone)::date
  FROM import_receipt r JOIN members_store s ON s.id = r.store_id
 WHERE r.state = 'new' ORDER BY r.id
"""
ADD_LINES = """
INSERT INTO members_receiptline (id, receipt_id, line_no, product_id, sku, name, quantity_milli,
    unit_price_minor, gross_minor, discount_minor, net_minor, cost_minor)
SELECT l.id, l.receipt_id, l.line_no, p.id, l.sku, coalesce(nullif(l.name, ''), p.name),
    l.quantity_milli, l.unit_price_minor, l.gross_minor, l.discount_minor, l.net_minor, p.cost_minor
  FROM import_line l JOIN import_receipt r ON r.id = l.receipt_id
  JOIN members_product p ON p.sku = l.sku
 WHERE r.state = 'new' ORDER BY l.id
"""
# A coupon of a manufacturer pays what it can; who paid the rest, the file says.
ADD_TENDERS = """
INSERT INTO members_tender (receipt_id, kind, amount_minor)
SELECT r.id, t.kind, t.amount FROM import_receipt r
 CROSS JOIN LATERAL (SELECT least(r.coupon_minor, r.net_minor) AS paid) AS coupon
 CROSS JOIN LATERAL (VALUES ('coupon', coupon.paid),
    (coalesce(r.tender, 'unknown'), r.net_minor - coupon.paid)) AS t(kind, amount)
 WHERE r.state = 'new' AND t.amount > 0 ORDER BY r.id
"""
REPORT = """
SELECT state, line, number FROM import_receipt
 WHERE state IN ('differs', 'repeated') ORDER BY line
"""
COUNTS = """
WITH counted AS (SELECT receipt_id, count(*) AS lines FROM import_line GROUP BY receipt_id)
SELECT r.state, count(*), coalesce(sum(r.net_minor), 0)::bigint,
       coalesce(sum(counted.lines), 0)::bigint
  FROM import_receipt r JOIN counted ON counted.receipt_id = r.id GROUP BY r.state
"""
NEW_RECEIPTS = """
SELECT id, line, store, number, occurred_at, member_id FROM import_receipt
 WHERE state = 'new' ORDER BY id
"""
