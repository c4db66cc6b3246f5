"""The promises: programme settings, rules, the ledger, and what each receipt was granted."""

from rewards.models.awards import Award, AwardBalance, AwardMove, AwardRevocation
from rewards.models.backtests import BackTest, BackTestCell, BackTestMember
from rewards.models.books import DailyRollup, EarnCarry, LedgerIncident
from rewards.models.checkout import Grant, Purchase, PurchaseRefund
from rewards.models.coupons import Coupon, CouponBatch, CouponExport, CouponTally, CouponUse
from rewards.models.gift_cards import GiftCard
from rewards.models.ledger import (
    Hold,
    HoldResolution,
    LedgerEntry,
    LedgerTx,
    Lot,
    LotMove,
    PendingGrant,
    Wallet,
)
from rewards.models.limits import LimitAlert, LimitCounter, LimitHold, LimitUse
from rewards.models.programmes import Programme
from rewards.models.promotions import Promotion, PromotionVersion, StackingGroup
from rewards.models.retro import RetroBatch, RetroItem
from rewards.models.rules_page import ProgrammeRules, RulesAcceptance
from rewards.models.tiers import Tier, TierEvaluation, TierMembership, TierStructure

__all__ = [
    "Award",
    "AwardBalance",
    "AwardMove",
    "AwardRevocation",
    "BackTest",
    "BackTestCell",
    "BackTestMember",
    "Coupon",
    "CouponBatch",
    "CouponExport",
    "CouponTally",
    "CouponUse",
    "DailyRollup",
    "EarnCarry",
    "GiftCard",
    "Grant",
    "Hold",
    "HoldResolution",
    "LedgerEntry",
    "LedgerIncident",
    "LedgerTx",
    "LimitAlert",
    "LimitCounter",
    "LimitHold",
    "LimitUse",
    "Lot",
    "LotMove",
    "PendingGrant",
    "Programme",
    "ProgrammeRules",
    "Promotion",
    "PromotionVersion",
    "Purchase",
    "PurchaseRefund",
    "RetroBatch",
    "RetroItem",
    "RulesAcceptance",
    "StackingGroup",
    "Tier",
    "TierEvaluation",
    "TierMembership",
    "TierStructure",
    "Wallet",
]
