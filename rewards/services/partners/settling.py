"""Settlement: what has happened is counted, held against the ledger, approved, and closed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Max

from loyalty_crm.kernel import audit, clock, outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from rewards.errors import OwnApproval, SettlementDoesNotTie, SettlementState
from rewards.models import Partner, Settlement

State = Settlement.State

_TAKE = """
    INSERT INTO rewards_settlementline (settlement_id, operation_id)
    SELECT %s, o.id FROM rewards_partneroperation o
     WHERE o.partner_id = %s AND o.business_date <= %s
       AND NOT EXISTS (SELECT FROM rewards_settlementline l WHERE l.operation_id = o.id)
"""
# The same points twice: as the operations say, and as the ledger's entries do.
_COUNT = """
    UPDATE rewards_settlement s SET
        operations = o.n, earned_points = o.earned, burned_points = o.burned,
        earned_due_minor = o.earned_due, burned_due_minor = o.burned_due,
        prepaid_due_minor = o.prepaid_due, ledger_earned = e.earned, ledger_burned = e.burned
      FROM (SELECT count(*) AS n,
                   coalesce(sum(points) FILTER (WHERE kind = 'earn'), 0) AS earned,
                   coalesce(sum(points) FILTER (WHERE kind = 'burn'), 0) AS burned,
                   coalesce(sum(due_minor) FILTER (WHERE kind = 'earn'), 0) AS earned_due,
                   coalesce(-sum(due_minor) FILTER (WHERE kind = 'burn'), 0) AS burned_due,
                   coalesce(sum(due_minor) FILTER (WHERE c.mode = 'prepaid'), 0) AS prepaid_due
              FROM rewards_settlementline l
              JOIN rewards_partneroperation o ON o.id = l.operation_id
              JOIN rewards_partnercontract c ON c.id = o.contract_id
             WHERE l.settlement_id = %(settlement)s) o,
           (SELECT coalesce(sum(e.amount) FILTER (WHERE e.kind IN ('earn', 'clawback')), 0)
                       AS earned,
                   coalesce(-sum(e.amount) FILTER (WHERE e.kind IN ('redeem', 'restore')), 0)
                       AS burned
              FROM rewards_settlementline l
              JOIN rewards_partneroperation o ON o.id = l.operation_id
              JOIN rewards_ledgerentry e ON e.tx_id = o.tx_id AND e.partner_id = o.partner_id
             WHERE l.settlement_id = %(settlement)s) e
     WHERE s.id = %(settlement)s
"""
_TIE = """
    SELECT (SELECT coalesce(sum(points), 0) FROM rewards_partneroperation
             WHERE partner_id = %(partner)s AND kind = 'earn'),
           (SELECT coalesce(sum(points), 0) FROM rewards_partneroperation
             WHERE partner_id = %(partner)s AND kind = 'burn'),
           (SELECT coalesce(sum(amount), 0) FROM rewards_ledgerentry
             WHERE partner_id = %(partner)s AND kind IN ('earn', 'clawback')),
           (SELECT coalesce(-sum(amount), 0) FROM rewards_ledgerentry
             WHERE partner_id = %(partner)s AND kind IN ('redeem', 'restore')),
           (SELECT prepaid_minor FROM rewards_partneraccount WHERE partner_id = %(partner)s),
           (SELECT coalesce(sum(amount_minor), 0) FROM rewards_partnerdeposit
             WHERE partner_id = %(partner)s)
           - (SELECT coalesce(sum(o.due_minor), 0) FROM rewards_partneroperation o
                JOIN rewards_partnercontract c ON c.id = o.contract_id AND c.mode = 'prepaid'
               WHERE o.partner_id = %(partner)s)
"""


@dataclass(frozen=True, slots=True)
class TieOut:
    """All that a partner ever did, by its operations and by the ledger; and its prepaid money."""

    earned: int
    burned: int
    ledger_earned: int
    ledger_burned: int
    account_minor: int
    expected_minor: int

    @property
    def difference(self) -> int:
        """Zero, or somebody has to look."""
        points = abs(self.earned - self.ledger_earned) + abs(self.burned - self.ledger_burned)
        return points + abs(self.account_minor - self.expected_minor)


def tie_out(partner: Partner) -> TieOut:
    """Hold everything of the partner against the one ledger. One query, by index."""
    with connection.cursor() as cursor:
        cursor.execute(_TIE, {"partner": partner.pk})
        return TieOut(*map(int, cursor.fetchone()))


@transaction.atomic
def run_settlement(*, partner: Partner, last_day: date, actor: Actor) -> Settlement:
    """Count everything up to a day that no settlement has yet. Locks the partner.

    The same day again answers with the same settlement. One at a time waits for
    approval; days go forward.
    """
    Partner.objects.select_for_update(no_key=True).get(pk=partner.pk)
    known = partner.settlements.exclude(state=State.CANCELLED)
    if found := known.filter(last_day=last_day).first():
        return found
    if known.filter(state=State.DRAFT).exists():
        raise SettlementState(state=State.DRAFT)
    before = known.aggregate(last=Max("last_day"))["last"]
    _refuse_day(partner, last_day, before)
    number = partner.settlements.aggregate(last=Max("number"))["last"] or 0
    made = Settlement.objects.create(
        partner=partner,
        number=number + 1,
        first_day=before + timedelta(days=1) if before else None,
        last_day=last_day,
        created_by=actor.label,
    )
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [made.pk, partner.pk, last_day])
        cursor.execute(_COUNT, {"settlement": made.pk})
    made.refresh_from_db()
    _trace("settlement.counted", made, actor)
    return made


@transaction.atomic
def approve_settlement(*, settlement: Settlement, actor: Actor) -> Settlement:
    """Close the period, as another person than the one who counted it.

    It is counted once more against the ledger: with a difference it stays open. The
    database insists on both.
    """
    held = _locked(settlement)
    if held.created_by == actor.label:
        raise OwnApproval
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"settlement": held.pk})
    held.refresh_from_db()
    if held.difference:
        raise SettlementDoesNotTie(difference=held.difference)
    _decide(held, State.APPROVED, "settlement.approved", actor)
    outbox.emit(
        "partner.settled",
        object_type="settlement",
        object_id=str(held.public_id),
        data={"partner": held.partner.code, "number": held.number, "net_minor": held.net_minor},
    )
    return held


@transaction.atomic
def cancel_settlement(*, settlement: Settlement, actor: Actor) -> Settlement:
    """Let go of what was counted: the next run takes it."""
    held = _locked(settlement)
    held.lines.all().delete()
    _decide(held, State.CANCELLED, "settlement.cancelled", actor)
    return held


def _refuse_day(partner: Partner, last_day: date, before: date | None) -> None:
    today = clock.now().astimezone(ZoneInfo(partner.programme.time_zone)).date()
    if last_day >= today or (before and last_day <= before):
        raise ValidationFailed(pointer="/last_day")


def _locked(settlement: Settlement) -> Settlement:
    held = Settlement.objects.select_for_update(no_key=True).get(pk=settlement.pk)
    if held.state != State.DRAFT:
        raise SettlementState(state=held.state)
    return held


def _decide(held: Settlement, state: Settlement.State, action: str, actor: Actor) -> None:
    held.state, held.decided_by, held.decided_at = state, actor.label, clock.now()
    held.save(update_fields=["state", "decided_by", "decided_at"])
    _trace(action, held, actor)


def _trace(action: str, settlement: Settlement, actor: Actor) -> None:
    audit.record(
        action=action,
        object_type="settlement",
        object_id=str(settlement.public_id),
        after={
            "state": settlement.state,
            "operations": settlement.operations,
            "net_minor": settlement.net_minor,
        },
        actor=actor,
    )
