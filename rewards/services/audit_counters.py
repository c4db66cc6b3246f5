"""The nightly proof of coupons and limits; what does not agree becomes an incident."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from rewards.services.audit_ledger import one_snapshot, open_incident
from rewards.services.coupons.audit import audit_coupons
from rewards.services.limits.audit import audit_limits

SHOWN = 10


@dataclass(frozen=True, slots=True)
class Drift:
    """One promise that is broken: its short name, what it says, how often, and the first cases."""

    check: str
    title: str
    count: int
    first: list[dict[str, object]]


def audit_counters() -> list[Drift]:
    """Coupons and limits against their histories, in one snapshot. Changes nothing."""
    with one_snapshot():
        limits = [(one.check, {"counter": one.counter, **one.detail}) for one in audit_limits()]
        coupons = [(one.check, {"coupon": one.coupon, **one.detail}) for one in audit_coupons()]
    return [*_drifts(limits), *_drifts(coupons)]


def _drifts(found: Iterable[tuple[str, dict[str, object]]]) -> list[Drift]:
    drifts = []
    for name, rows in groupby(found, key=lambda one: one[0]):
        details = [detail for _, detail in rows]
        check, _, title = name.partition(" ")
        drifts.append(Drift(check, title, len(details), details[:SHOWN]))
    return drifts


def guard_counters() -> list[Drift]:
    """Audit, and open an incident for each check that failed.

    Nothing is stopped: a counter that is wrong by one is no reason to refuse a sale.
    An incident that is open already is not opened twice.
    """
    drifts = audit_counters()
    for one in drifts:
        said = {"promise": one.title, "count": one.count, "first": one.first}
        open_incident(None, one.check, said)
    return drifts
