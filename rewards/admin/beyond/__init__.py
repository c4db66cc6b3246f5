"""What members get and give besides buying: actions, occasions, transfers, pools, friends."""

from rewards.admin.beyond import bonuses, events, households, referrals, transfers

__all__ = ["bonuses", "events", "households", "referrals", "transfers"]
