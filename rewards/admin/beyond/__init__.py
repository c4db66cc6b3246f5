"""What members get and give besides buying: actions, occasions, transfers, pools, friends."""

from rewards.admin.beyond import adjustments, bonuses, events, households, referrals, transfers

__all__ = ["adjustments", "bonuses", "events", "households", "referrals", "transfers"]
