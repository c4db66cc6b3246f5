"""When the sender's contact has just changed, a code has to come from what was there before."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import translation
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from loyalty_crm.kernel import messaging
from rewards.errors import ContactJustChanged, TransferCodeWrong, TransferState
from rewards.models import PointsTransfer, TransferTerms
from rewards.services.transfers.contacts import CHANNELS, contacts_of, last_change, older_than

LIFE = timedelta(minutes=15)
TRIES = 5
# Counted before it is compared: parallel guesses can't have more tries than there are.
_TRY = """
    UPDATE rewards_pointstransfer SET code_tries = code_tries + 1
     WHERE id = %s AND state = 'waiting' AND code_tries < %s RETURNING code_tries
"""


def ask_for_code(transfer: PointsTransfer, terms: TransferTerms, now: datetime) -> bool:
    """Send a code to the sender if care is due; whether the transfer has to wait for it."""
    changed = last_change(transfer.sender, now - timedelta(hours=terms.quiet_hours))
    if changed is None:
        return False
    quiet_until = changed + timedelta(hours=terms.quiet_hours)
    old = older_than(contacts_of(transfer.sender), now - timedelta(hours=terms.quiet_hours))
    if not old:
        raise ContactJustChanged(retry_after=max(1, int((quiet_until - now).total_seconds())))
    code = f"{secrets.randbelow(10**6):06}"
    transfer.code_digest = digest_of(transfer, code)
    transfer.code_expires_at = now + LIFE
    transfer.save(update_fields=["code_digest", "code_expires_at"])
    language = transfer.sender.language
    with translation.override(language):
        messaging.queue(
            kind="transfer.code",
            channel=CHANNELS[old[0].kind],
            address=old[0].value,
            subject=_("Confirm your transfer of points"),
            body=_("Code %(code)s lets points leave your account. Did you not ask? Call us.")
            % {"code": code},
            language=language,
            about=str(transfer.sender.public_id),
            is_secret=True,
            expires_at=transfer.code_expires_at,
        )
    return True


def digest_of(transfer: PointsTransfer, code: str) -> bytes:
    return salted_hmac(
        "rewards.transfer", f"{transfer.public_id}:{code}", algorithm="sha256"
    ).digest()


def check_code(transfer: PointsTransfer, code: str, now: datetime) -> None:
    """Belongs outside of the transaction of the work: a wrong try must stay counted."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TRY, [transfer.pk, TRIES])
        row = cursor.fetchone()
    if row is None:
        transfer.refresh_from_db(fields=["state", "code_tries"])
        if transfer.state != PointsTransfer.State.WAITING:
            raise TransferState(state=transfer.state)
        raise TransferCodeWrong(left=0)
    expected = bytes(transfer.code_digest or b"")
    is_late = transfer.code_expires_at is None or transfer.code_expires_at < now
    if is_late or not hmac.compare_digest(expected, digest_of(transfer, code)):
        raise TransferCodeWrong(left=TRIES - row[0])
