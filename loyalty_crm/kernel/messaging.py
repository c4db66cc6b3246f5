"""Service messages: written beside the change they tell of, sent after the commit.

A provider is whatever takes a message over. The local sink takes it by leaving it
where it is: in the table, to be read in the back office. Others register a provider
of their own under a name, and the settings say which channel goes by which name.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from loyalty_crm.kernel.models import Message
from loyalty_crm.kernel.models.functions import ClockTimestamp

logger = logging.getLogger(__name__)

State = Message.State
LOCAL = "local"
MAX_ATTEMPTS = 6
FIRST_PAUSE = timedelta(seconds=10)
#: So long a message that is being sent is left alone; its sender died if it still waits then.
IN_HAND = timedelta(minutes=2)
FORGOTTEN = ""

Provider = Callable[[Message], None]
_providers: dict[str, Provider] = {}


def register(name: str, provider: Provider) -> None:
    """Let messages go by this provider. It raises when it could not take one over."""
    _providers[name] = provider


def queue(
    *,
    kind: str,
    channel: str,
    address: str,
    body: str,
    subject: str = "",
    language: str,
    about: str = "",
    is_secret: bool = False,
    expires_at: datetime | None = None,
    suppressed: bool = False,
) -> Message:
    """Write a message down. It leaves after the commit, at the next turn of the sender.

    One INSERT, whether it will be sent or is ``suppressed``. What the local sink
    takes has arrived at once.
    """
    provider = settings.MESSAGE_PROVIDERS[channel]
    state, sent = State.QUEUED, None
    if suppressed:
        state = State.SUPPRESSED
    elif provider == LOCAL:
        state, sent = State.SENT, ClockTimestamp()
    values: dict[str, Any] = {"state": state, "sent_at": sent, "provider": provider}
    return Message.objects.create(
        kind=kind,
        channel=channel,
        address=address,
        subject=subject,
        body=body,
        language=language,
        about=about,
        is_secret=is_secret,
        expires_at=expires_at,
        **values,
    )


def send_due(limit: int = 200) -> int:
    """Send up to ``limit`` waiting messages; how many were tried.

    Claimed one by one in short transactions: nothing is locked while a provider
    thinks. A sender that is killed in between leaves a message that is sent again.
    """
    due = Message.objects.filter(state=State.QUEUED, next_attempt_at__lte=Now())
    waiting = list(due.order_by("next_attempt_at", "id").values_list("pk", flat=True)[:limit])
    return sum(_send(pk) for pk in waiting)


def _send(pk: int) -> bool:
    message = _claim(pk)
    if message is None:
        return False
    try:
        _providers[message.provider](message)
    except Exception as failure:
        logger.exception("message %s was not sent", message.public_id)
        _postpone(message, type(failure).__name__)
    else:
        _taken_over(message)
    return True


def _claim(pk: int) -> Message | None:
    """The message, if it waits and nobody else has it. What is of no use any more is given up."""
    with transaction.atomic():
        waiting = Message.objects.select_for_update(skip_locked=True, no_key=True)
        message = waiting.filter(pk=pk, state=State.QUEUED, next_attempt_at__lte=Now()).first()
        if message is None:
            return None
        stale = Message.objects.filter(Q(expires_at__lte=Now()), pk=pk)
        if stale.update(state=State.FAILED, body=FORGOTTEN, last_error="too late"):
            return None
        message.attempts += 1
        Message.objects.filter(pk=pk).update(
            attempts=message.attempts, next_attempt_at=ClockTimestamp() + IN_HAND
        )
    return message


def _taken_over(message: Message) -> None:
    kept = FORGOTTEN if message.is_secret else message.body
    Message.objects.filter(pk=message.pk).update(
        state=State.SENT, sent_at=ClockTimestamp(), body=kept, last_error=""
    )


def _postpone(message: Message, reason: str) -> None:
    given_up = message.attempts >= MAX_ATTEMPTS
    Message.objects.filter(pk=message.pk).update(
        state=State.FAILED if given_up else State.QUEUED,
        next_attempt_at=ClockTimestamp() + FIRST_PAUSE * 2**message.attempts,
        last_error=reason[:300],
    )


def purge(older_than: datetime) -> int:
    """Forget messages written before the moment, whatever became of them."""
    return Message.objects.filter(created_at__lt=older_than).delete()[0]


def by_smtp(message: Message) -> None:
    """By the mail server of the settings; header lines cannot be smuggled in, Django refuses."""
    mail = EmailMessage(
        subject=message.subject,
        body=message.body,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[message.address],
        connection=get_connection(timeout=20),
    )
    mail.send()


register("smtp", by_smtp)
