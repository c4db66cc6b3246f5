"""The promises: programme settings, rules, the ledger, and what each receipt was granted."""

from rewards.models.adjustments import AdjustmentRequest, AdjustmentTerms
from rewards.models.awards import Award, AwardBalance, AwardMove, AwardRevocation
from rewards.models.backtests import BackTest, BackTestCell, BackTestMember
from rewards.models.bonuses import Bonus
from rewards.models.books import DailyRollup, EarnCarry, LedgerIncident
from rewards.models.catalogue import (
    AffordableReward,
    Redemption,
    RedemptionStep,
    Reward,
    RewardCode,
    RewardStock,
)
from rewards.models.challenges import (
    Badge,
    Challenge,
    ChallengeProgress,
    ChallengeReward,
    ChallengeStep,
    Leaderboard,
    LeaderboardCycle,
    LeaderboardName,
    LeaderboardScore,
    MemberBadge,
)
from rewards.models.charity import Cause, CausePayment, MemberCause, Pledge
from rewards.models.checkout import Grant, Purchase, PurchaseRefund
from rewards.models.contests import Contest, ContestEntry, ContestMark, ContestPrize
from rewards.models.coupons import (
    Coupon,
    CouponBatch,
    CouponExport,
    CouponFollow,
    CouponTally,
    CouponUse,
)
from rewards.models.draws import Draw, DrawEntry, DrawPrize, DrawWinner
from rewards.models.events import ActionEvent, EventKind
from rewards.models.games import (
    Game,
    GamePeriod,
    GamePlay,
    GamePlayReversal,
    GamePrize,
    GamePrizeSet,
)
from rewards.models.gift_batches import GiftCardBatch, GiftCardTerms
from rewards.models.gift_cards import GiftCard
from rewards.models.gift_payments import GiftCardPayment, GiftCardReturn
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
from rewards.models.occasions import Occasion
from rewards.models.partner_offers import PartnerCode, PartnerOffer
from rewards.models.partners import (
    Partner,
    PartnerAccount,
    PartnerContract,
    PartnerDeposit,
    PartnerOperation,
    PartnerStore,
)
from rewards.models.pools import HouseholdPool, PoolMove
from rewards.models.prizes import PrizeKind, PrizeSettings, PrizeWin
from rewards.models.programmes import Programme
from rewards.models.promotions import Promotion, PromotionVersion, StackingGroup
from rewards.models.referrals import Referral, ReferralCode, ReferralDevice, ReferralTerms
from rewards.models.retro import RetroBatch, RetroItem
from rewards.models.rules_page import ProgrammeRules, RulesAcceptance
from rewards.models.services import Entitlement, Service, ServiceRule, ServiceUse
from rewards.models.settlements import Settlement, SettlementLine
from rewards.models.setups import ProgrammeSetup
from rewards.models.stamps import (
    ClaimTerms,
    ManualStamp,
    ReceiptClaim,
    StampCard,
    StampProgramme,
)
from rewards.models.tiers import (
    Tier,
    TierEvaluation,
    TierFigure,
    TierMembership,
    TierStructure,
)
from rewards.models.transfers import PointsTransfer, TransferTerms

__all__ = [
    "ActionEvent",
    "AdjustmentRequest",
    "AdjustmentTerms",
    "AffordableReward",
    "Award",
    "AwardBalance",
    "AwardMove",
    "AwardRevocation",
    "BackTest",
    "BackTestCell",
    "BackTestMember",
    "Badge",
    "Bonus",
    "Cause",
    "CausePayment",
    "Challenge",
    "ChallengeProgress",
    "ChallengeReward",
    "ChallengeStep",
    "ClaimTerms",
    "Contest",
    "ContestEntry",
    "ContestMark",
    "ContestPrize",
    "Coupon",
    "CouponBatch",
    "CouponExport",
    "CouponFollow",
    "CouponTally",
    "CouponUse",
    "DailyRollup",
    "Draw",
    "DrawEntry",
    "DrawPrize",
    "DrawWinner",
    "EarnCarry",
    "Entitlement",
    "EventKind",
    "Game",
    "GamePeriod",
    "GamePlay",
    "GamePlayReversal",
    "GamePrize",
    "GamePrizeSet",
    "GiftCard",
    "GiftCardBatch",
    "GiftCardPayment",
    "GiftCardReturn",
    "GiftCardTerms",
    "Grant",
    "Hold",
    "HoldResolution",
    "HouseholdPool",
    "Leaderboard",
    "LeaderboardCycle",
    "LeaderboardName",
    "LeaderboardScore",
    "LedgerEntry",
    "LedgerIncident",
    "LedgerTx",
    "LimitAlert",
    "LimitCounter",
    "LimitHold",
    "LimitUse",
    "Lot",
    "LotMove",
    "ManualStamp",
    "MemberBadge",
    "MemberCause",
    "Occasion",
    "Partner",
    "PartnerAccount",
    "PartnerCode",
    "PartnerContract",
    "PartnerDeposit",
    "PartnerOffer",
    "PartnerOperation",
    "PartnerStore",
    "PendingGrant",
    "Pledge",
    "PointsTransfer",
    "PoolMove",
    "PrizeKind",
    "PrizeSettings",
    "PrizeWin",
    "Programme",
    "ProgrammeRules",
    "ProgrammeSetup",
    "Promotion",
    "PromotionVersion",
    "Purchase",
    "PurchaseRefund",
    "ReceiptClaim",
    "Redemption",
    "RedemptionStep",
    "Referral",
    "ReferralCode",
    "ReferralDevice",
    "ReferralTerms",
    "RetroBatch",
    "RetroItem",
    "Reward",
    "RewardCode",
    "RewardStock",
    "RulesAcceptance",
    "Service",
    "ServiceRule",
    "ServiceUse",
    "Settlement",
    "SettlementLine",
    "StackingGroup",
    "StampCard",
    "StampProgramme",
    "Tier",
    "TierEvaluation",
    "TierFigure",
    "TierMembership",
    "TierStructure",
    "TransferTerms",
    "Wallet",
]
