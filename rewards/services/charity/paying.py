"""Money that was paid to a cause: written down with its document, countered when it was wrong."""

from __future__ import annotations

from datetime import date

from django.db import transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import SourceRefConflict, ValidationFailed
from rewards.errors import PaymentCountered, PaymentExceedsPledged
from rewards.models import Cause, CausePayment
from rewards.services.charity.report import outstanding


@transaction.atomic
def pay_cause(
    *, cause: Cause, amount_minor: int, paid_on: date, document: str, actor: Actor
) -> CausePayment:
    """Write down that money was paid; never more than is owed. Locks the cause.

    The same document again returns the first row, with another amount it is refused.
    """
    if amount_minor <= 0:
        raise ValidationFailed(_("An amount above zero."), pointer="/amount")
    document = document.strip()
    if not document:
        raise ValidationFailed(_("Name the document of the payment."), pointer="/document")
    Cause.objects.select_for_update(no_key=True).get(pk=cause.pk)
    known = CausePayment.objects.filter(cause=cause, document=document, reverses=None).first()
    if known:
        if known.amount_minor != amount_minor:
            raise SourceRefConflict(source_ref=document)
        return known
    owed = outstanding(cause)
    if amount_minor > owed:
        raise PaymentExceedsPledged(outstanding=owed, pointer="/amount")
    paid = CausePayment.objects.create(
        cause=cause,
        amount_minor=amount_minor,
        paid_on=paid_on,
        document=document,
        actor=actor.label,
    )
    _trace("cause.paid", paid, "", actor)
    return paid


@transaction.atomic
def counter_payment(*, payment: CausePayment, reason: str, actor: Actor) -> CausePayment:
    """Undo a payment by a row that takes it back; the first one stays. Locks the cause."""
    if not reason.strip():
        raise ValidationFailed(_("A reason is needed."), pointer="/reason")
    Cause.objects.select_for_update(no_key=True).get(pk=payment.cause_id)
    if payment.reverses_id or CausePayment.objects.filter(reverses=payment).exists():
        raise PaymentCountered
    counter = CausePayment.objects.create(
        cause_id=payment.cause_id,
        amount_minor=-payment.amount_minor,
        paid_on=payment.paid_on,
        document=payment.document,
        reverses=payment,
        reason=reason.strip(),
        actor=actor.label,
    )
    _trace("cause.payment_countered", counter, reason.strip(), actor)
    return counter


def _trace(action: str, row: CausePayment, reason: str, actor: Actor) -> None:
    audit.record(
        action=action,
        object_type="cause_payment",
        object_id=str(row.public_id),
        after={"amount": row.amount_minor, "document": row.document},
        reason=reason,
        actor=actor,
    )
