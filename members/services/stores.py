"""Stores, their terminals, and the shifts of the people who work there."""

from __future__ import annotations

from datetime import datetime
from typing import NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from members.errors import (
    ShiftClosed,
    TerminalHasOpenShift,
    TerminalInactive,
    TimeZoneUnknown,
    UserHasOpenShift,
)
from members.models import Shift, Store, Terminal


@transaction.atomic
def upsert_store(
    *,
    code: str,
    name: str,
    time_zone: str = "UTC",
    address: str = "",
    is_active: bool = True,
    actor: Actor,
) -> tuple[Store, bool]:
    """Create the store or bring it to what is given; say whether it is new."""
    _check_zone(time_zone)
    given = {"name": name, "time_zone": time_zone, "address": address, "is_active": is_active}
    store, created = Store.objects.update_or_create(code=code, defaults=given)
    _trace("store", store.code, store.code, created, actor)
    return store, created


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise TimeZoneUnknown(pointer="/time_zone") from None


@transaction.atomic
def upsert_terminal(
    *, store: Store, code: str, name: str = "", is_active: bool = True, actor: Actor
) -> tuple[Terminal, bool]:
    """Create the terminal or bring it to what is given; say whether it is new."""
    given = {"name": name, "is_active": is_active}
    terminal, created = Terminal.objects.update_or_create(store=store, code=code, defaults=given)
    _trace("terminal", f"{store.code}/{code}", store.code, created, actor)
    return terminal, created


def _trace(noun: str, key: str, store: str, created: bool, actor: Actor) -> None:
    action = f"{noun}.created" if created else f"{noun}.updated"
    audit.record(action=action, object_type=noun, object_id=key, actor=actor, store=store)


@transaction.atomic
def open_shift(*, terminal: Terminal, user: User, occurred_at: datetime, actor: Actor) -> Shift:
    """Begin work at a terminal. A shift that the user has open there already comes back.

    Of two people who open the same terminal at once the database lets one in.
    """
    if not (terminal.is_active and terminal.store.is_active):
        raise TerminalInactive(terminal=terminal.code)
    if mine := Shift.objects.filter(user=user, terminal=terminal).open().first():
        return mine
    try:
        with transaction.atomic():
            shift = Shift.objects.create(terminal=terminal, user=user, opened_at=occurred_at)
    except IntegrityError:
        _refuse_second(terminal, user)
    _trace_shift("shift.opened", shift, actor)
    return shift


def _refuse_second(terminal: Terminal, user: User) -> NoReturn:
    if elsewhere := Shift.objects.filter(user=user).open().select_related("terminal").first():
        raise UserHasOpenShift(terminal=elsewhere.terminal.code)
    raise TerminalHasOpenShift(terminal=terminal.code)


@transaction.atomic
def close_shift(*, shift: Shift, occurred_at: datetime, actor: Actor) -> Shift:
    """End the work. A shift ends once; the second call is refused."""
    # A wrong clock must not keep a cashier at the till: no shift ends before it began.
    ends = max(occurred_at, shift.opened_at)
    if not Shift.objects.filter(pk=shift.pk).open().update(closed_at=ends):
        raise ShiftClosed
    shift.closed_at = ends
    _trace_shift("shift.closed", shift, actor)
    return shift


def _trace_shift(action: str, shift: Shift, actor: Actor) -> None:
    audit.record(
        action=action,
        object_type="shift",
        object_id=str(shift.pk),
        after={"terminal": shift.terminal.code, "user": shift.user_id},
        actor=actor,
        store=shift.terminal.store.code,
    )
