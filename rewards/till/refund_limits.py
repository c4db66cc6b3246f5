"""How much a cashier may give back alone; a store manager may give back what was sold."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _

from loyalty_crm.kernel.errors import Forbidden
from loyalty_crm.kernel.money import Money
from members.models import Receipt
from members.till.access import Desk


def may_void(receipt: Receipt, desk: Desk, now: datetime) -> bool:
    """Whether to offer it: the same business day, and a cashier only what this till sold."""
    today = now.astimezone(ZoneInfo(receipt.store.time_zone)).date()
    untouched = receipt.state == Receipt.State.CLOSED and receipt.business_date == today
    return untouched and (desk.is_manager or _is_own(receipt, desk))


def refuse_beyond_limits(receipt: Receipt, desk: Desk, *, money_minor: int, is_void: bool) -> None:
    """Call it inside the transaction of the refund: the refusal undoes it."""
    if desk.is_manager:
        return
    if is_void and not _is_own(receipt, desk):
        raise Forbidden(
            _("Another till sold this. Ask your store manager to void it, or refund it.")
        )
    limit = settings.CASHIER_REFUND_LIMIT_MINOR
    if money_minor > limit:
        most = Money(limit, receipt.currency)
        raise Forbidden(
            _("A cashier gives back at most %(most)s at once. Ask your store manager.")
            % {"most": most}
        )


def _is_own(receipt: Receipt, desk: Desk) -> bool:
    return receipt.terminal_id == desk.terminal.pk
