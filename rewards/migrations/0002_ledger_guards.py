"""What the ledger's tables refuse and do by themselves, whoever writes.

The functions run as the owner (SECURITY DEFINER, fixed search path), so that
the application needs no privilege on the columns they move. Their own error
codes, P0L01 and up, become API codes in ``rewards/services/ledger/refusals.py``.
"""

from django.db import migrations

APPEND_ONLY = """
CREATE FUNCTION ledger_forbid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is forbidden: the ledger is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rewards_ledgertx
    FOR EACH ROW EXECUTE FUNCTION ledger_forbid();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rewards_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION ledger_forbid();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rewards_lotmove
    FOR EACH ROW EXECUTE FUNCTION ledger_forbid();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rewards_hold
    FOR EACH ROW EXECUTE FUNCTION ledger_forbid();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rewards_holdresolution
    FOR EACH ROW EXECUTE FUNCTION ledger_forbid();
CREATE TRIGGER never_deleted BEFORE DELETE ON rewards_wallet
    FOR EACH ROW EXECUTE FUNCTION ledger_forbid();
CREATE TRIGGER never_deleted BEFORE DELETE ON rewards_lot
    FOR EACH ROW EXECUTE FUNCTION ledger_forbid();
CREATE TRIGGER never_deleted BEFORE DELETE ON rewards_pendinggrant
    FOR EACH ROW EXECUTE FUNCTION ledger_forbid();
"""
APPEND_ONLY_BACK = """
DROP TRIGGER append_only ON rewards_ledgertx;
DROP TRIGGER append_only ON rewards_ledgerentry;
DROP TRIGGER append_only ON rewards_lotmove;
DROP TRIGGER append_only ON rewards_hold;
DROP TRIGGER append_only ON rewards_holdresolution;
DROP TRIGGER never_deleted ON rewards_wallet;
DROP TRIGGER never_deleted ON rewards_lot;
DROP TRIGGER never_deleted ON rewards_pendinggrant;
DROP FUNCTION ledger_forbid();
"""

# A trigger of depth two or more was started by a ledger trigger, not by a statement of ours.
# WHEN says the same before the function is called at all: it spares every sale two calls.
GUARDS = """
CREATE FUNCTION ledger_wallet_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF (NEW.posted, NEW.held, NEW.last_seq) <> (0, 0, 0) THEN
            RAISE EXCEPTION 'a wallet is born at zero'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    ELSIF (NEW.kind, NEW.unit, NEW.programme_id) <> (OLD.kind, OLD.unit, OLD.programme_id) THEN
        RAISE EXCEPTION 'a wallet keeps its unit'
            USING ERRCODE = 'integrity_constraint_violation';
    ELSIF (NEW.posted, NEW.held, NEW.last_seq) <> (OLD.posted, OLD.held, OLD.last_seq)
          AND pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'balances move only through ledger rows'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard_birth BEFORE INSERT ON rewards_wallet
    FOR EACH ROW EXECUTE FUNCTION ledger_wallet_guard();
CREATE TRIGGER guard BEFORE UPDATE OF posted, held, last_seq, kind, unit, programme_id ON rewards_wallet
    FOR EACH ROW WHEN (pg_trigger_depth() = 0
        OR (NEW.kind, NEW.unit, NEW.programme_id) <> (OLD.kind, OLD.unit, OLD.programme_id))
    EXECUTE FUNCTION ledger_wallet_guard();

CREATE FUNCTION ledger_lot_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF (NEW.granted, NEW.remaining) <> (0, 0) THEN
            RAISE EXCEPTION 'a lot is born empty' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    ELSIF (NEW.wallet_id, NEW.expires_at) <> (OLD.wallet_id, OLD.expires_at) THEN
        RAISE EXCEPTION 'a lot keeps its wallet and its expiry'
            USING ERRCODE = 'integrity_constraint_violation';
    ELSIF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'lots move only through lot moves'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard_birth BEFORE INSERT ON rewards_lot
    FOR EACH ROW WHEN (NEW.granted <> 0 OR NEW.remaining <> 0) EXECUTE FUNCTION ledger_lot_guard();
CREATE TRIGGER guard BEFORE UPDATE ON rewards_lot
    FOR EACH ROW WHEN (pg_trigger_depth() = 0
        OR (NEW.wallet_id, NEW.expires_at) <> (OLD.wallet_id, OLD.expires_at))
    EXECUTE FUNCTION ledger_lot_guard();

CREATE FUNCTION ledger_pending_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.cancelled <> 0 OR NEW.posted_tx_id IS NOT NULL THEN
            RAISE EXCEPTION 'pending points are born whole'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.posted_tx_id IS NOT NULL THEN
        RAISE EXCEPTION 'these pending points are posted already'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.cancelled < OLD.cancelled
       OR (NEW.id, NEW.wallet_id, NEW.tx_id, NEW.amount, NEW.available_at, NEW.expires_at, NEW.created_at)
          <> (OLD.id, OLD.wallet_id, OLD.tx_id, OLD.amount, OLD.available_at, OLD.expires_at, OLD.created_at)
    THEN
        RAISE EXCEPTION 'of pending points only the cancelled part grows'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON rewards_pendinggrant
    FOR EACH ROW EXECUTE FUNCTION ledger_pending_guard();
"""
GUARDS_BACK = """
DROP TRIGGER guard_birth ON rewards_wallet;
DROP TRIGGER guard ON rewards_wallet;
DROP FUNCTION ledger_wallet_guard();
DROP TRIGGER guard_birth ON rewards_lot;
DROP TRIGGER guard ON rewards_lot;
DROP FUNCTION ledger_lot_guard();
DROP TRIGGER guard ON rewards_pendinggrant;
DROP FUNCTION ledger_pending_guard();
"""

# An entry takes the wallet's next place. Who leaves seq at 0 is given it row by row. Who holds
# the wallet's lock knows it and claims it: claims are checked and applied by statement, which
# costs a third. A claim of any other place, or of another balance, is refused.
ENTRIES = """
CREATE FUNCTION ledger_entry_place() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    w record;
BEGIN
    UPDATE rewards_wallet SET posted = posted + NEW.amount, last_seq = last_seq + 1
     WHERE id = NEW.wallet_id RETURNING status, posted, held, last_seq INTO w;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no wallet %', NEW.wallet_id USING ERRCODE = 'foreign_key_violation';
    END IF;
    PERFORM ledger_refuse(NEW.wallet_id, w.status, NEW.kind NOT IN ('clawback', 'expire', 'adjust'));
    IF NEW.amount < 0 AND NEW.kind IN ('redeem', 'expire', 'adjust') AND w.posted < w.held THEN
        PERFORM ledger_refuse_shortage(w.posted - NEW.amount - w.held, -NEW.amount);
    END IF;
    NEW.seq := w.last_seq;
    NEW.balance_after := w.posted;
    NEW.recorded_at := clock_timestamp();
    RETURN NEW;
END $$;

CREATE FUNCTION ledger_entry_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.recorded_at := clock_timestamp();
    RETURN NEW;
END $$;

CREATE FUNCTION ledger_refuse(wallet bigint, status text, ordinary boolean) RETURNS void
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF status <> 'active' AND (status <> 'frozen' OR ordinary) THEN
        RAISE EXCEPTION 'wallet % is %', wallet, status USING ERRCODE = 'P0L01', HINT = status;
    END IF;
END $$;

CREATE FUNCTION ledger_refuse_shortage(available numeric, requested numeric) RETURNS void
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RAISE EXCEPTION 'too little that is not held' USING ERRCODE = 'P0L02',
        HINT = json_build_object('available', greatest(available, 0), 'requested', requested);
END $$;
CREATE TRIGGER place BEFORE INSERT ON rewards_ledgerentry
    FOR EACH ROW WHEN (NEW.seq = 0) EXECUTE FUNCTION ledger_entry_place();
CREATE TRIGGER stamp BEFORE INSERT ON rewards_ledgerentry
    FOR EACH ROW WHEN (NEW.seq <> 0) EXECUTE FUNCTION ledger_entry_stamp();

-- The plan is kept for the session: made for a batch, it must not scan tables for a single sale.
CREATE FUNCTION ledger_entries_settle() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp
    SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
    found record;
BEGIN
    WITH claim AS MATERIALIZED (
        SELECT wallet_id, count(*) AS entries, min(seq) AS first, max(seq) AS last, sum(amount) AS total,
               min(balance_after - moved) AS before, max(balance_after - moved) AS before_too,
               min(balance_after) AS lowest, bool_or(kind NOT IN ('clawback', 'expire', 'adjust')) AS ordinary,
               min(balance_after) FILTER (WHERE amount < 0 AND kind IN ('redeem', 'expire', 'adjust')) AS free,
               -sum(amount) FILTER (WHERE amount < 0 AND kind IN ('redeem', 'expire', 'adjust')) AS taken
          FROM (SELECT *, sum(amount) OVER (PARTITION BY wallet_id ORDER BY seq) AS moved FROM fresh) f
         GROUP BY wallet_id
    ), done AS (
        UPDATE rewards_wallet w SET posted = w.posted + claim.total, last_seq = claim.last
          FROM claim WHERE w.id = claim.wallet_id
                       AND w.last_seq = claim.first - 1 AND claim.last = w.last_seq + claim.entries
                       AND w.posted = claim.before AND w.posted = claim.before_too
        RETURNING w.id, w.status, w.held, w.debt_limit, claim.before, lowest, ordinary, free, taken
    )
    SELECT (SELECT count(*) FROM claim) <> (SELECT count(*) FROM done) AS some_left, refused.* INTO found
      FROM (SELECT) one LEFT JOIN LATERAL (
           SELECT id, status, ordinary, before - held AS available, coalesce(taken, 0) AS taken
             FROM done WHERE (status <> 'active' AND (status <> 'frozen' OR ordinary))
                          OR free < held OR lowest < -debt_limit LIMIT 1) refused ON true;
    -- Rows that were given their places one by one are settled already, and may be left over.
    IF found.some_left AND EXISTS (
        SELECT FROM fresh f LEFT JOIN rewards_wallet w ON w.id = f.wallet_id
         WHERE w.id IS NULL OR f.seq > w.last_seq OR f.seq < 1
    ) THEN
        RAISE EXCEPTION 'an entry claims a place or a balance that is not the next'
            USING ERRCODE = 'serialization_failure';
    ELSIF found.id IS NOT NULL THEN
        PERFORM ledger_refuse(found.id, found.status, found.ordinary);
        PERFORM ledger_refuse_shortage(found.available, found.taken);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER settle AFTER INSERT ON rewards_ledgerentry REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_entries_settle();
"""
ENTRIES_BACK = """
DROP TRIGGER place ON rewards_ledgerentry;
DROP TRIGGER stamp ON rewards_ledgerentry;
DROP TRIGGER settle ON rewards_ledgerentry;
DROP FUNCTION ledger_entry_place();
DROP FUNCTION ledger_entry_stamp();
DROP FUNCTION ledger_entries_settle();
DROP FUNCTION ledger_refuse(bigint, text, boolean);
DROP FUNCTION ledger_refuse_shortage(numeric, numeric);
"""

# What one entry must do to lots follows from its balance: the part above zero is in lots.
# ``explained`` is that part, and the moves of the entry add up to it, never beyond.
LOT_MOVES = """
ALTER TABLE rewards_lotmove ADD CONSTRAINT move_belongs_to_an_entry
    FOREIGN KEY (wallet_id, seq) REFERENCES rewards_ledgerentry (wallet_id, seq);

CREATE FUNCTION ledger_explained(balance_after bigint, amount bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN greatest(balance_after, 0) - greatest(balance_after - amount, 0);

-- A restore gives back what the reversed transaction took out of that very lot; only what
-- goes beyond (a lot that had expired and lives again in a new bucket) is a new grant.
CREATE FUNCTION ledger_restore_grants(by_tx bigint, into_lot bigint, amount bigint) RETURNS bigint
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    sold bigint := (SELECT reverses_id FROM rewards_ledgertx WHERE id = by_tx);
    back bigint;
BEGIN
    SELECT coalesce(sum(m.amount), 0) INTO back
      FROM rewards_ledgertx t
      JOIN rewards_ledgerentry e ON e.tx_id = t.id
           AND e.kind = CASE WHEN t.id = sold THEN 'redeem' ELSE 'restore' END
      JOIN rewards_lotmove m ON (m.wallet_id, m.seq) = (e.wallet_id, e.seq) AND m.lot_id = into_lot
     WHERE t.id = sold OR t.reverses_id = sold;
    RETURN greatest(back, 0) - greatest(back - amount, 0);
END $$;

-- The plan is kept for the session: made for a batch, it must not scan tables for a single sale.
CREATE FUNCTION ledger_lot_moves_apply() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp
    SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
    strange boolean;
BEGIN
    WITH move AS MATERIALIZED (
        SELECT f.wallet_id, f.lot_id, sum(f.amount) AS amount, sum(CASE
                   WHEN f.amount < 0 THEN 0
                   WHEN e.kind = 'restore' THEN ledger_restore_grants(e.tx_id, f.lot_id, f.amount)
                   ELSE f.amount END) AS granted
          FROM fresh f JOIN rewards_ledgerentry e ON (e.wallet_id, e.seq) = (f.wallet_id, f.seq)
         GROUP BY f.wallet_id, f.lot_id
    ), done AS (
        UPDATE rewards_lot l SET remaining = l.remaining + move.amount, granted = l.granted + move.granted
          FROM move WHERE l.id = move.lot_id AND l.wallet_id = move.wallet_id RETURNING 1
    )
    SELECT (SELECT count(*) FROM move) <> (SELECT count(*) FROM done) INTO strange;
    IF strange THEN
        RAISE EXCEPTION 'a lot of another wallet' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF EXISTS (
        SELECT FROM (SELECT wallet_id, seq, min(amount) AS least, max(amount) AS most
                       FROM fresh GROUP BY wallet_id, seq) f
          JOIN rewards_ledgerentry e ON (e.wallet_id, e.seq) = (f.wallet_id, f.seq)
         CROSS JOIN LATERAL ledger_explained(e.balance_after, e.amount) AS explained
         CROSS JOIN LATERAL (SELECT sum(m.amount) AS moved FROM rewards_lotmove m
                              WHERE (m.wallet_id, m.seq) = (f.wallet_id, f.seq)) m
         WHERE (explained <= 0 AND f.most > 0) OR (explained >= 0 AND f.least < 0)
            OR abs(m.moved) > abs(explained)
    ) THEN
        RAISE EXCEPTION 'lot moves say more than their entry'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER apply AFTER INSERT ON rewards_lotmove REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_lot_moves_apply();
"""
LOT_MOVES_BACK = """
DROP TRIGGER apply ON rewards_lotmove;
DROP FUNCTION ledger_lot_moves_apply();
DROP FUNCTION ledger_restore_grants(bigint, bigint, bigint);
DROP FUNCTION ledger_explained(bigint, bigint);
ALTER TABLE rewards_lotmove DROP CONSTRAINT move_belongs_to_an_entry;
"""

# Fires at COMMIT for each entry. The sum over lots is asked once a wallet: by its last entry,
# which is ours, because nobody else could write to a wallet that we have locked.
EXPLAIN = """
CREATE FUNCTION ledger_entry_explain() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    moved bigint;
    surplus bigint;
BEGIN
    SELECT (SELECT coalesce(sum(amount), 0) FROM rewards_lotmove
             WHERE wallet_id = NEW.wallet_id AND seq = NEW.seq),
           CASE WHEN last_seq = NEW.seq THEN
                (SELECT coalesce(sum(remaining), 0) FROM rewards_lot
                  WHERE wallet_id = NEW.wallet_id AND remaining > 0) - greatest(posted, 0) END
      INTO moved, surplus FROM rewards_wallet WHERE id = NEW.wallet_id;
    IF moved <> greatest(NEW.balance_after, 0) - greatest(NEW.balance_after - NEW.amount, 0) THEN
        RAISE EXCEPTION 'lot moves of % do not explain entry % of wallet %', moved, NEW.seq, NEW.wallet_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF surplus <> 0 THEN
        RAISE EXCEPTION 'lots of wallet % hold % too much for its balance', NEW.wallet_id, surplus
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.kind = 'clearing' THEN
        IF (SELECT sum(amount) FROM rewards_ledgerentry WHERE tx_id = NEW.tx_id AND contra = 'clearing') <> 0 THEN
            RAISE EXCEPTION 'clearing does not net to zero' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    ELSIF NEW.kind = 'restore' THEN
        PERFORM ledger_check_restored((SELECT reverses_id FROM rewards_ledgertx WHERE id = NEW.tx_id));
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION ledger_check_restored(sold bigint) RETURNS void LANGUAGE plpgsql
    SET search_path = public, pg_temp AS $$
BEGIN
    IF (SELECT coalesce(sum(e.amount), 1) > 0 FROM rewards_ledgertx t
          JOIN rewards_ledgerentry e ON e.tx_id = t.id
               AND e.kind = CASE WHEN t.id = sold THEN 'redeem' ELSE 'restore' END
         WHERE t.id = sold OR t.reverses_id = sold) THEN
        RAISE EXCEPTION 'more is given back than was spent'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END $$;
CREATE CONSTRAINT TRIGGER explain AFTER INSERT ON rewards_ledgerentry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_entry_explain();
"""
EXPLAIN_BACK = """
DROP TRIGGER explain ON rewards_ledgerentry;
DROP FUNCTION ledger_entry_explain();
DROP FUNCTION ledger_check_restored(bigint);
"""

# Whether a hold is over is for the database's clock to say, never for the caller's.
HOLDS = """
CREATE FUNCTION ledger_hold_apply() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    w record;
BEGIN
    UPDATE rewards_wallet SET held = held + NEW.amount WHERE id = NEW.wallet_id
        RETURNING status, posted, held INTO w;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no wallet %', NEW.wallet_id USING ERRCODE = 'foreign_key_violation';
    END IF;
    PERFORM ledger_refuse(NEW.wallet_id, w.status, true);
    IF w.posted < w.held THEN
        PERFORM ledger_refuse_shortage(w.posted - w.held + NEW.amount, NEW.amount);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER apply BEFORE INSERT ON rewards_hold
    FOR EACH ROW EXECUTE FUNCTION ledger_hold_apply();

CREATE FUNCTION ledger_hold_resolve() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    h rewards_hold%ROWTYPE;
BEGIN
    SELECT * INTO STRICT h FROM rewards_hold WHERE id = NEW.hold_id;
    IF NEW.captured > h.amount THEN
        RAISE EXCEPTION 'capture exceeds hold %', h.id
            USING ERRCODE = 'P0L03', HINT = json_build_object('held', h.amount, 'requested', NEW.captured);
    END IF;
    UPDATE rewards_wallet SET held = held - h.amount WHERE id = h.wallet_id;
    IF NEW.outcome = 'captured' AND h.expires_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'hold % has expired', h.id USING ERRCODE = 'P0L04';
    END IF;
    IF NEW.outcome = 'expired' AND h.expires_at > clock_timestamp() THEN
        RAISE EXCEPTION 'hold % has not expired yet', h.id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    NEW.resolved_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER apply BEFORE INSERT ON rewards_holdresolution
    FOR EACH ROW EXECUTE FUNCTION ledger_hold_resolve();
"""
HOLDS_BACK = """
DROP TRIGGER apply ON rewards_hold;
DROP FUNCTION ledger_hold_apply();
DROP TRIGGER apply ON rewards_holdresolution;
DROP FUNCTION ledger_hold_resolve();
"""

# Room on the page keeps a new version of a balance beside the old one (HOT).
FILL = """
ALTER TABLE rewards_wallet SET (fillfactor = 70);
ALTER TABLE rewards_lot SET (fillfactor = 80);
"""
FILL_BACK = """
ALTER TABLE rewards_wallet RESET (fillfactor);
ALTER TABLE rewards_lot RESET (fillfactor);
"""


class Migration(migrations.Migration):
    dependencies = [("rewards", "0001_initial")]

    operations = [
        migrations.RunSQL(FILL, FILL_BACK),
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_BACK),
        migrations.RunSQL(GUARDS, GUARDS_BACK),
        migrations.RunSQL(ENTRIES, ENTRIES_BACK),
        migrations.RunSQL(LOT_MOVES, LOT_MOVES_BACK),
        migrations.RunSQL(EXPLAIN, EXPLAIN_BACK),
        migrations.RunSQL(HOLDS, HOLDS_BACK),
    ]
