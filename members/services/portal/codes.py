"""One-time codes. Asking for one costs the same, and answers the same, for any contact.

Guessing: a code has six digits and five tries; per contact at most 5 wrong ones in
any minute and 30 in any day reach the comparison (kernel/throttle.py), whatever
number of codes was asked for. So a guesser who knows a phone is in with 0.003 % a
day, and hears of it in no way but by being in.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from loyalty_crm.kernel import messaging, throttle
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.models import Message
from members.errors import CodeWrong
from members.models import Identity, LoginCode, Member
from members.models.portal import CODE_TRIES
from members.rules.identities import normal_email, normal_phone

Purpose = LoginCode.Purpose
DIGITS = 6
LIFE = timedelta(minutes=10)
#: So many codes for one contact, and from one address, in a period.
PER_CONTACT, PER_ADDRESS, PERIOD = 4, 60, timedelta(minutes=10)
_SALT = b"members.portal:"

# The try is counted before the code is compared: parallel guesses can't have more than there are.
_TRY = """
UPDATE members_logincode SET failures = failures + 1
 WHERE public_id = %s AND contact_digest = %s AND purpose = %s AND used_at IS NULL
   AND expires_at > clock_timestamp() AND failures < %s
RETURNING id, code_digest, member_id
"""
_USE = """
UPDATE members_logincode SET used_at = clock_timestamp(), failures = failures - 1
 WHERE id = %s AND used_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Contact:
    """A phone or e-mail in its one writing."""

    kind: str
    value: str

    @property
    def digest(self) -> bytes:
        return _hash(f"{self.kind}:{self.value}")

    @property
    def channel(self) -> str:
        is_phone = self.kind == Identity.Kind.PHONE
        return Message.Channel.SMS if is_phone else Message.Channel.EMAIL

    def identity(self) -> Identity | None:
        """Who is known by it, if anybody is."""
        named = Identity.objects.filter(kind=self.kind, system="", value=self.value)
        return named.select_related("member").first()


def read_contact(text: str) -> Contact | None:
    """What was typed, if it is a phone or an e-mail address."""
    if phone := normal_phone(text, settings.PHONE_REGION):
        return Contact(Identity.Kind.PHONE, phone)
    if email := normal_email(text):
        return Contact(Identity.Kind.EMAIL, email)
    return None


def slow_down(contact: Contact, address: str) -> None:
    """Refuse with ``TooManyRequests`` whoever asks too often. Outside of any transaction."""
    throttle.refuse_above(f"portal.from:{address}", limit=PER_ADDRESS, period=PERIOD)
    throttle.refuse_above(f"portal.to:{contact.digest.hex()}", limit=PER_CONTACT, period=PERIOD)


@transaction.atomic
def send_code(
    *, contact: Contact, purpose: str, may_join: bool, member: Member | None = None, now: datetime
) -> LoginCode:
    """Make a code and send it to whom it may concern; the steps are the same for everybody.

    Signing in: to members, and where people may join by themselves to strangers too.
    For a new contact: to the contact, unless somebody else is known by it.
    """
    known = contact.identity()
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    row = LoginCode(
        purpose=purpose, contact_digest=contact.digest, member=member, expires_at=now + LIFE
    )
    row.code_digest = _hash(f"{row.public_id}:{code}")
    row.save(force_insert=True)
    _tell(contact, code, known, _is_wanted(known, purpose, may_join), now)
    return row


def _is_wanted(known: Identity | None, purpose: str, may_join: bool) -> bool:
    if purpose == Purpose.CONTACT:
        return known is None
    return known.member.status == Member.Status.ACTIVE if known else may_join


def _tell(contact: Contact, code: str, known: Identity | None, wanted: bool, now: datetime) -> None:
    messaging.queue(
        kind="portal.code",
        channel=contact.channel,
        address=contact.value,
        subject=_("Your code"),
        body=_("Your code: %(code)s. It holds for 10 minutes. Tell it to nobody.") % {"code": code},
        language=translation.get_language() or settings.LANGUAGE_CODE,
        about=str(known.member.public_id) if known else "",
        is_secret=True,
        expires_at=now + LIFE,
        suppressed=not wanted,
    )


def use_code(*, challenge: UUID, contact: Contact, purpose: str, code: str) -> Member | None:
    """Spend a code once; whose new contact it proves. ``CodeWrong`` for all that is no such code.

    Belongs outside of the transaction of the work: a wrong try must stay counted.
    """
    guesser = Actor("member", contact.digest.hex()[:32])
    with throttle.guarded("portal.code", actor=guesser) as guesses:
        guesses.wrong = 1
        found = _spent(challenge, contact, purpose, code)
        guesses.wrong = 0
    return Member.objects.get(pk=found) if found else None


def _spent(challenge: UUID, contact: Contact, purpose: str, code: str) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(_TRY, [challenge, contact.digest, purpose, CODE_TRIES])
        row = cursor.fetchone()
        if row is None or not hmac.compare_digest(bytes(row[1]), _hash(f"{challenge}:{code}")):
            raise CodeWrong
        cursor.execute(_USE, [row[0]])
        if cursor.rowcount != 1:
            raise CodeWrong
        member: int | None = row[2]
        return member


def forget_old(older_than: datetime) -> int:
    """Delete codes that were over before the moment."""
    return LoginCode.objects.filter(expires_at__lt=older_than).delete()[0]


def _hash(text: str) -> bytes:
    key = _SALT + settings.SECRET_KEY.encode()
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
