"""The work of rewards by the clock. What is due stands in tables; a repeat finds it done."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from celery import shared_task
from celery.schedules import crontab
from django.db import OperationalError

from loyalty_crm.kernel import clock
from rewards.models import Challenge, TierStructure
from rewards.services import (
    draws,
    games,
    ledger,
    occasions,
    promotions,
    redemptions,
    referrals,
    tiers,
)
from rewards.services.audit_counters import guard_counters
from rewards.services.audit_ledger import guard_ledger
from rewards.services.challenges.rebuilding import rebuild
from rewards.services.coupons.generating import generate_next
from rewards.services.coupons.standalone import release_expired
from rewards.services.gift_cards.batches import make_next
from rewards.services.leaderboards import scoring
from rewards.services.limits import holds as limit_holds
from rewards.services.rollups import refresh_rollups
from rewards.services.stamps import ageing
from rewards.services.tryout import backtests, retro_count, retro_post

logger = logging.getLogger(__name__)

BATCH = 1000
# Entries that were late for the last count are in this one; a day is counted as a whole.
ROLLUP_WINDOW = timedelta(hours=3)
RETRY: dict[str, Any] = {
    "autoretry_for": (OperationalError,),
    "retry_backoff": True,
    "max_retries": 5,
}


@shared_task(name="rewards.roll_day", **RETRY)
def roll_day() -> None:
    """Activate what is due, then expire: points are never lost on the day they become active.

    Every hour, because days end at different hours in different programmes.
    """
    as_of = clock.now()
    activated = 0
    while count := ledger.activate_pending(as_of=as_of, limit=BATCH):
        activated += count
    expired = ledger.expire_lots(as_of=as_of) + ledger.expire_inactive(as_of=as_of)
    logger.info("activated %s promises, expired %s points", activated, expired.points)


@shared_task(name="rewards.release_holds", **RETRY)
def release_holds() -> int:
    """Free the holds that are over by the database's clock."""
    total = 0
    while count := ledger.expire_due_holds(BATCH):
        total += count
    while count := limit_holds.expire_due(BATCH):
        total += count
    while count := release_expired(clock.now(), BATCH):
        total += count
    return total


@shared_task(name="rewards.make_coupons")
def make_coupons() -> int:
    """Make the codes of batches that wait, or whose worker died; one job after the other."""
    total = 0
    while count := generate_next():
        total += count
    return total


@shared_task(name="rewards.make_gift_cards")
def make_gift_cards() -> int:
    """Make the cards of approved batches, or of those whose worker died."""
    total = 0
    while count := make_next():
        total += count
    return total


@shared_task(name="rewards.move_games", **RETRY)
def move_games() -> None:
    """Seeds of periods that are over, lists that are due, winners who did not answer."""
    now = clock.now()
    seeds, lists, silent = games.reveal_due(now), draws.close_due(now), draws.expire_answers(now)
    logger.info("published %s seeds, froze %s lists, %s silent winners", seeds, lists, silent)


@shared_task(name="rewards.audit_ledger")
def audit_ledger() -> None:
    """Prove the books; a wallet that does not agree is frozen and gets an incident."""
    for finding in guard_ledger():
        if finding.count:
            logger.error("ledger audit %s: %s rows", finding.check, finding.count)


@shared_task(name="rewards.audit_counters")
def audit_counters() -> None:
    """Prove coupons and limits; what does not agree gets an incident."""
    for drift in guard_counters():
        logger.error("counter audit %s: %s rows", drift.check, drift.count)


@shared_task(name="rewards.refresh_rollups", **RETRY)
def refresh_daily_rollups() -> None:
    refresh_rollups(recorded_since=clock.now() - ROLLUP_WINDOW)


@shared_task(name="rewards.move_promotions", **RETRY)
def move_promotions() -> int:
    """Write down which promotions began and ended by the clock; prices went by it already."""
    total = 0
    while count := promotions.move_due(now=clock.now(), limit=BATCH):
        total += count
    return total


@shared_task(name="rewards.run_tryouts", **RETRY)
def run_tryouts() -> None:
    """One turn of each kind of long work; while there is some left, another task goes on."""
    turns = [backtests.run_next(), retro_count.run_next(), retro_post.run_next()]
    if any(turns):
        run_tryouts.delay()


@shared_task(name="rewards.review_tiers", **RETRY)
def review_tiers() -> None:
    """Review the tiers whose time is over. Every hour: days end at different hours."""
    for structure in TierStructure.objects.select_related("programme"):
        reviewed = tiers.review_due(structure=structure)
        logger.info("tiers %s: %s reviewed", structure.code, reviewed)


@shared_task(name="rewards.raise_tiers", **RETRY)
def raise_tiers() -> None:
    """Look at every member once a night: new members, imported receipts, changed thresholds."""
    for structure in TierStructure.objects.select_related("programme"):
        lifted = tiers.rise_all(structure=structure)
        logger.info("tiers %s: %s lifted", structure.code, lifted)


@shared_task(name="rewards.expire_redemptions", **RETRY)
def expire_redemptions() -> int:
    """Put back what nobody fetched. Every hour: the days to fetch it end at any hour."""
    total = 0
    while count := redemptions.expire_due(now=clock.now(), limit=BATCH):
        total += count
    return total


@shared_task(name="rewards.give_occasions", **RETRY)
def give_occasions() -> int:
    """Birthdays and anniversaries that began. Every hour: days begin at different hours."""
    given = occasions.run_due()
    logger.info("gave %s gifts of the calendar", given)
    return given


@shared_task(name="rewards.pay_referrals", **RETRY)
def pay_referrals() -> int:
    """Reward friends whose purchase can't be returned any more, batch by batch."""
    total, now = 0, clock.now()
    while count := referrals.pay_due(now=now):
        total += count
    return total


@shared_task(name="rewards.expire_stamps", **RETRY)
def expire_stamps() -> int:
    """Take stamps past their day. Every hour: days end at different hours."""
    return ageing.expire_stamps(as_of=clock.now())


@shared_task(name="rewards.count_challenges", **RETRY)
def count_challenges() -> int:
    """Count every challenge anew once a night: imported receipts, and those from before it."""
    running = Challenge.objects.running().select_related("programme")
    return sum(rebuild(challenge) for challenge in running)


@shared_task(name="rewards.freeze_leaderboards", **RETRY)
def freeze_leaderboards() -> int:
    """Shut the weeks and months that are over, so that their results stand."""
    return scoring.freeze_due(now=clock.now())


BEAT_SCHEDULE = {
    "rewards-expire-stamps": {"task": "rewards.expire_stamps", "schedule": crontab(minute="10")},
    "rewards-count-challenges": {
        "task": "rewards.count_challenges",
        "schedule": crontab(hour="3", minute="55"),
    },
    "rewards-freeze-leaderboards": {
        "task": "rewards.freeze_leaderboards",
        "schedule": crontab(minute="25"),
    },
    "rewards-pay-referrals": {"task": "rewards.pay_referrals", "schedule": crontab(minute="25")},
    "rewards-give-occasions": {"task": "rewards.give_occasions", "schedule": crontab(minute="5")},
    "rewards-expire-redemptions": {
        "task": "rewards.expire_redemptions",
        "schedule": crontab(minute="50"),
    },
    "rewards-make-coupons": {
        "task": "rewards.make_coupons",
        "schedule": timedelta(seconds=5),
        "options": {"expires": 5},
    },
    "rewards-make-gift-cards": {
        "task": "rewards.make_gift_cards",
        "schedule": timedelta(seconds=5),
        "options": {"expires": 5},
    },
    "rewards-move-games": {
        "task": "rewards.move_games",
        "schedule": timedelta(seconds=60),
        "options": {"expires": 60},
    },
    "rewards-review-tiers": {"task": "rewards.review_tiers", "schedule": crontab(minute="35")},
    "rewards-raise-tiers": {
        "task": "rewards.raise_tiers",
        "schedule": crontab(hour="3", minute="40"),
    },
    "rewards-run-tryouts": {
        "task": "rewards.run_tryouts",
        "schedule": timedelta(seconds=10),
        "options": {"expires": 10},
    },
    "rewards-move-promotions": {
        "task": "rewards.move_promotions",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 30},
    },
    "rewards-roll-day": {"task": "rewards.roll_day", "schedule": crontab(minute="1")},
    "rewards-release-holds": {
        "task": "rewards.release_holds",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 30},
    },
    "rewards-audit-ledger": {
        "task": "rewards.audit_ledger",
        "schedule": crontab(hour="4", minute="10"),
    },
    "rewards-audit-counters": {
        "task": "rewards.audit_counters",
        "schedule": crontab(hour="4", minute="25"),
    },
    "rewards-refresh-rollups": {
        "task": "rewards.refresh_rollups",
        "schedule": crontab(minute="20"),
    },
}
