"""Codes leave the house encrypted, after a second person agreed, once, within a day.

The archive is made while it is sent and stored nowhere. Its passphrase is shown
once; whoever downloads types it, and only its hash is kept.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from stat import S_IFREG
from typing import TYPE_CHECKING

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.utils.translation import gettext as _
from stream_zip import ZIP_64, stream_zip

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from rewards.errors import CouponState, OwnApproval
from rewards.models import Coupon, CouponBatch, CouponExport
from rewards.rules.codes import draw

if TYPE_CHECKING:
    from stream_zip import MemberFile

#: 26 places of 31 signs: 128 random bits.
PASSPHRASE_LENGTH = 26
LIVES = timedelta(hours=24)
PIECE = 10_000


@transaction.atomic
def request_export(*, batch: CouponBatch, reason: str, actor: Actor) -> CouponExport:
    """Ask for the codes of a ready batch. Nothing leaves before somebody else approves."""
    if batch.state != CouponBatch.State.READY:
        raise CouponState(state=batch.state)
    export = CouponExport.objects.create(batch=batch, reason=reason, requested_by=actor.label)
    _trace("coupon_export.requested", export, actor, reason)
    return export


@transaction.atomic
def approve_export(*, export: CouponExport, now: datetime, actor: Actor) -> CouponExport:
    """Agree, as another person than the one who asked; the database insists on it as well."""
    held = _locked(export)
    if held.requested_by == actor.label:
        raise OwnApproval
    if held.approved_at or held.refused_at:
        raise CouponState(state="decided")
    return _moved(held, "coupon_export.approved", actor, approved_by=actor.label, approved_at=now)


@transaction.atomic
def refuse_export(*, export: CouponExport, now: datetime, actor: Actor) -> CouponExport:
    """Say no, or take an approval back while nothing was downloaded."""
    held = _locked(export)
    if held.refused_at or held.downloaded_at:
        raise CouponState(state="decided")
    return _moved(held, "coupon_export.refused", actor, refused_at=now)


@transaction.atomic
def draw_passphrase(*, export: CouponExport, now: datetime, actor: Actor) -> str:
    """The passphrase of the file to come: this is the only moment it can be seen.

    A new one may be drawn until the download; the one before it is worth nothing then.
    """
    held = _open(export, now, actor)
    (passphrase,) = draw(1, length=PASSPHRASE_LENGTH)
    hashed = make_password(passphrase)
    _moved(held, "coupon_export.passphrase_shown", actor, passphrase_hash=hashed)
    return passphrase


@transaction.atomic
def start_download(
    *, export: CouponExport, passphrase: str, now: datetime, actor: Actor
) -> Iterator[bytes]:
    """The encrypted archive, piece by piece; the one download there is of an export.

    Refused when the passphrase is not the one that was shown: a file that nobody
    can open is not made.
    """
    held = _open(export, now, actor)
    typed = passphrase.replace("-", "").replace(" ", "").upper()
    if not (held.passphrase_hash and check_password(typed, held.passphrase_hash)):
        raise CouponState(_("This is not the passphrase that was shown"), state="passphrase")
    _moved(held, "coupon_export.downloaded", actor, downloaded_at=now, passphrase_hash="")
    return archive(held.batch, held, typed, now)


def archive(
    batch: CouponBatch, export: CouponExport, passphrase: str, now: datetime
) -> Iterator[bytes]:
    """A ZIP archive under AES-256 with one table of codes; any common archiver opens it."""
    member: MemberFile = (
        f"coupons-{batch.pk}.csv",
        now,
        S_IFREG | 0o600,
        ZIP_64,
        _table(batch, export),
    )
    return iter(stream_zip([member], password=passphrase))


def _table(batch: CouponBatch, export: CouponExport) -> Iterator[bytes]:
    """The watermark first: whose copy it is stands in the file itself."""
    yield f"# export {export.pk}: {export.requested_by}, {export.approved_by}\r\n".encode()
    yield _lines([("code", "valid_until")])
    last = 0
    while rows := _rows(batch, last):
        last = rows[-1][0]
        yield _lines((code, _until(ends, batch)) for _pk, code, ends in rows)


def _rows(batch: CouponBatch, last: int) -> list[tuple[int, str, datetime | None]]:
    free = Coupon.objects.filter(batch=batch, pk__gt=last, revoked_at=None)
    return list(free.order_by("pk").values_list("pk", "code", "valid_until")[:PIECE])


def _until(ends: datetime | None, batch: CouponBatch) -> str:
    moments = [one for one in (ends, batch.valid_until) if one]
    return min(moments).isoformat() if moments else ""


def _lines(rows: Iterable[tuple[str, str]]) -> bytes:
    sink = io.StringIO()
    csv.writer(sink).writerows(rows)
    return sink.getvalue().encode()


def _locked(export: CouponExport) -> CouponExport:
    # No JOIN: what is nullable cannot be locked through one.
    held = CouponExport.objects.select_for_update(no_key=True).get(pk=export.pk)
    held.batch = CouponBatch.objects.get(pk=held.batch_id)
    return held


def _open(export: CouponExport, now: datetime, actor: Actor) -> CouponExport:
    """An approved export of this person, still to be downloaded."""
    held = _locked(export)
    if held.requested_by != actor.label:
        raise CouponState(_("Only the person who asked for it downloads it"), state="foreign")
    if held.refused_at or held.downloaded_at or held.approved_at is None:
        raise CouponState(state=state_of(held, now))
    if held.approved_at + LIVES <= now:
        raise CouponState(state="expired")
    return held


def state_of(export: CouponExport, now: datetime) -> str:
    if export.refused_at:
        return "refused"
    if export.downloaded_at:
        return "downloaded"
    if export.approved_at is None:
        return "requested"
    return "expired" if export.approved_at + LIVES <= now else "approved"


def _moved(export: CouponExport, action: str, actor: Actor, **values: object) -> CouponExport:
    for name, value in values.items():
        setattr(export, name, value)
    export.save(update_fields=list(values))
    _trace(action, export, actor)
    return export


def _trace(action: str, export: CouponExport, actor: Actor, reason: str = "") -> None:
    audit.record(
        action=action,
        object_type="coupon_export",
        object_id=str(export.pk),
        after={"batch": export.batch_id},
        reason=reason,
        actor=actor,
    )
