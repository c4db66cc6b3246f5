"""Promotions on their way from draft to ended, as tests move them through the API."""

from __future__ import annotations

from datetime import timedelta

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import AuditEntry
from rewards.services.programmes import update_programme
from tests.rewards.till_client import basket, line

TEN_OFF = {"effects": [{"kind": "percent_off", "basis_points": 1000}]}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ALL = ("rules:read", "rules:write", "sales:write")


def review_on(programme):
    update_programme(
        programme=programme, changes={"promotions_need_review": True}, version=1, actor=SYSTEM
    )


def drafted(till, code="tea", definition=TEN_OFF):
    """The address of a promotion with one draft."""
    at = f"promotions/{till.post('promotions', {'code': code, 'name': code}).json()['id']}"
    assert till.post(f"{at}/versions", {"definition": definition}).status_code == 201
    return at


def step(till, at, word, number=1, **body):
    return till.post(f"{at}/versions/{number}/{word}", body)


def in_time(delta):
    return (clock.now() + delta).isoformat()


def off(till, shop, after=None):
    """What a tea for 10.00 loses, now or after a while."""
    at = {"occurred_at": in_time(after)} if after else {}
    body = basket(shop, line("tea", 10_00), **at)
    return till.post("quotes", body, key=None).json()["totals"]["discount"]["amount"]


def states(till, at):
    return {one["number"]: one["state"] for one in till.get(at).json()["versions"]}


def steps_of(at):
    """The trail, without the first step of everything."""
    trail = AuditEntry.objects.filter(object_id=at.removeprefix("promotions/")).order_by("id")
    return [action.removeprefix("promotion.") for action in trail.values_list("action", flat=True)]
