"""Refusals of the rewards app, named as facts."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.errors import DomainError

# The ledger


class InsufficientPoints(DomainError):
    """``available`` and ``requested`` say how far apart they are."""

    code = "insufficient_points"
    status = 422
    title = _("Not enough points")


class WalletFrozen(DomainError):
    code = "wallet_frozen"
    title = _("The points account is frozen")


class WalletMerged(DomainError):
    """``survivor`` is the public id of the wallet that took over."""

    code = "wallet_merged"
    title = _("The points account was merged into another one")


class WalletClosed(DomainError):
    code = "wallet_closed"
    title = _("The points account is closed")


class CaptureExceedsHold(DomainError):
    code = "capture_exceeds_hold"
    status = 422
    title = _("More is captured than was held")


class HoldResolved(DomainError):
    """``outcome`` says how it ended."""

    code = "hold_resolved"
    title = _("The hold has ended already")


class HoldExpired(DomainError):
    code = "hold_expired"
    title = _("The hold has expired")


class WalletsDiffer(DomainError):
    code = "wallets_differ"
    status = 422
    title = _("These points accounts are of different programmes")


class MergeNotUndone(DomainError):
    """``reason``: not_merged, debt, or spent, and then ``missing`` says how many points."""

    code = "merge_not_undone"
    title = _("The merge of these points accounts cannot be taken back")


class OpenHolds(DomainError):
    code = "open_holds"
    title = _("Points are still held: capture or release the holds first")


# Checkout


class CardBlocked(DomainError):
    """A blocked or closed card neither earns nor pays."""

    code = "card_blocked"
    title = _("The card is blocked")


class MemberUnknown(DomainError):
    """Nobody is known by this id, card or phone: the same request may succeed tomorrow."""

    code = "member_unknown"
    status = 422
    title = _("No member is known by this")
    stored = False


class TerminalUnknown(DomainError):
    code = "terminal_unknown"
    status = 422
    title = _("The store has no such terminal")
    stored = False


class CurrencyMismatch(DomainError):
    """``expected`` is the programme's currency."""

    code = "currency_mismatch"
    status = 422
    title = _("The programme counts in another currency")


class TooManyLines(DomainError):
    code = "too_many_lines"
    status = 422
    title = _("A receipt has at most 1,000 lines")


class LineMismatch(DomainError):
    """Price times quantity, discount and amount of a line contradict each other."""

    code = "line_mismatch"
    status = 422
    title = _("The amounts of this line do not add up")


class TendersMismatch(DomainError):
    """``total`` is what is to be paid with money, ``tendered`` what the tenders come to."""

    code = "tenders_mismatch"
    status = 422
    title = _("The tenders do not add up to the total to pay")


class LimitExceeded(DomainError):
    """More points were offered than this receipt takes: ``max`` points, and what set it."""

    code = "limit_exceeded"
    status = 422
    title = _("So many points cannot pay for this receipt")


class OccurredInFuture(DomainError):
    code = "occurred_in_future"
    status = 422
    title = _("The time of the sale lies in the future")
    stored = False


class OccurredTooLongAgo(DomainError):
    code = "occurred_too_long_ago"
    status = 422
    title = _("The time of the sale lies too far back")


class QuoteInvalid(DomainError):
    """The quote's id is broken, of another key, or too old: ask for a new quote."""

    code = "quote_invalid"
    status = 422
    title = _("This quote is not valid any more")


class QuoteStale(DomainError):
    """Numbers have changed since the quote; ``quote`` is the fresh one."""

    code = "quote_stale"
    title = _("The numbers have changed since the quote")


class RefundExceedsOriginal(DomainError):
    """``left`` is what may still come back, of the line or of the receipt."""

    code = "refund_exceeds_original"
    status = 422
    title = _("More is returned than was sold")


class VoidWindowClosed(DomainError):
    code = "void_window_closed"
    status = 422
    title = _("Only a sale of the same business day without returns can be cancelled")


class PurchaseVoided(DomainError):
    code = "purchase_voided"
    title = _("The sale was cancelled")


class OfflineRedeemRejected(DomainError):
    """``allowed`` points may be spent at once while a till is offline."""

    code = "offline_redeem_rejected"
    status = 422
    title = _("So many points cannot be spent offline")


class ProgrammeMissing(DomainError):
    code = "programme_missing"
    title = _("No points programme is set up yet")
    stored = False


# Promotions


class DefinitionInvalid(DomainError):
    """``errors`` points into the definition, one entry a fault."""

    code = "definition_invalid"
    status = 422
    title = _("The definition of the promotion is not valid")


class PromotionCodeTaken(DomainError):
    code = "promotion_code_taken"
    title = _("A promotion with this code exists")


class PromotionState(DomainError):
    """``state`` says where the version stands."""

    code = "promotion_state"
    title = _("The version's state does not allow this")


class ReviewRequired(DomainError):
    """The programme's setting wants an approval before a version may start."""

    code = "review_required"
    title = _("A second person must approve this version first")


class OwnApproval(DomainError):
    code = "own_approval"
    title = _("Somebody else than the author approves")


class GroupCodeTaken(DomainError):
    code = "group_code_taken"
    title = _("A stacking group with this code exists")


class ConfigInvalid(DomainError):
    """``errors`` points into the files, one entry a fault: ``/files/<name>/<place>``."""

    code = "config_invalid"
    status = 422
    title = _("The configuration files are not valid")


class ProgrammeInvalid(DomainError):
    code = "programme_invalid"
    status = 422
    title = _("These settings contradict each other")


# Gift cards


class GiftCardUnknown(DomainError):
    """No card, a wrong PIN and another shop's card look the same from outside."""

    code = "gift_card_unknown"
    status = 422
    title = _("No gift card is known by this number and PIN")
    stored = False


class GiftCardState(DomainError):
    """``state`` is what the card is in: not sold yet, active, blocked or closed."""

    code = "gift_card_state"
    title = _("The gift card is not in the state for this")


class GiftCardExpired(DomainError):
    """``expired_on`` was its last day. What is left on it is paid back, not spent."""

    code = "gift_card_expired"
    title = _("The gift card is past its last day")


class GiftCardLocked(DomainError):
    """Only the back office opens it again; a right PIN is refused as well."""

    code = "gift_card_locked"
    title = _("Too many wrong PINs: the gift card is locked")
    stored = False


class GiftCardShortage(DomainError):
    """``available`` and ``requested`` in minor units say how far apart they are."""

    code = "gift_card_shortage"
    status = 422
    title = _("Not enough money on the gift card")


class GiftCardBatchState(DomainError):
    """``state`` says where the batch stands."""

    code = "gift_card_batch_state"
    title = _("The batch of gift cards is not in the state for this")


class GiftCardCashOut(DomainError):
    """``most`` may be paid out in cash, ``balance`` is on the card; nothing of it may be held."""

    code = "gift_card_cash_out"
    title = _("What is on the gift card is not paid out in cash")


class GiftPaymentUnknown(DomainError):
    """No payment, or no load, of this card has the reference."""

    code = "gift_payment_unknown"
    status = 422
    title = _("The gift card has no such payment")
    stored = False


# Trying promotions, and points after the fact


class TryoutInvalid(DomainError):
    """``errors`` says what of the question does not hold together."""

    code = "tryout_invalid"
    status = 422
    title = _("This cannot be tried")


class RetroBatchState(DomainError):
    """``state`` says where the batch stands."""

    code = "retro_batch_state"
    title = _("The batch's state does not allow this")


# Coupons


class CouponUnavailable(DomainError):
    """Wrong, expired, of others, not yet active, used up: one answer, so that none can be told.

    ``reason`` says which, to callers that may know.
    """

    code = "coupon_unavailable"
    status = 422
    title = _("This coupon cannot be used here")


class CouponState(DomainError):
    """``state`` says where the coupon, its batch or its use stands."""

    code = "coupon_state"
    title = _("The state of the coupon does not allow this")


class CouponCodeTaken(DomainError):
    code = "coupon_code_taken"
    title = _("This code belongs to another batch")


class CouponTermsInvalid(DomainError):
    """The terms of a batch contradict each other; ``pointer`` names the field."""

    code = "coupon_terms_invalid"
    status = 422
    title = _("The terms of the coupons contradict each other")


class PromotionUnknown(DomainError):
    code = "promotion_unknown"
    status = 422
    title = _("The programme has no such promotion")
    stored = False


# Tiers


class TiersInvalid(DomainError):
    """``errors`` point at the tiers that do not fit together."""

    code = "tiers_invalid"
    status = 422
    title = _("The tiers of this ladder do not fit together")


class TierUnknown(DomainError):
    code = "tier_unknown"
    status = 422
    title = _("The ladder has no such tier")
    stored = False


class TierFigureNotCounted(DomainError):
    code = "tier_figure_not_counted"
    status = 422
    title = _("This ladder counts no figure of your own")
    stored = False


class TierFigureReused(DomainError):
    code = "tier_figure_reused"
    title = _("The reference names another figure")
    stored = False


class TierStructureCodeTaken(DomainError):
    code = "tier_structure_code_taken"
    title = _("A ladder of tiers with this code exists")


# The catalogue


class RewardInvalid(DomainError):
    """``errors`` point at what of the reward does not fit together."""

    code = "reward_invalid"
    status = 422
    title = _("The parts of this reward do not fit together")


class RewardCodeTaken(DomainError):
    code = "reward_code_taken"
    title = _("Another reward, cause or service has this code")


class RewardStateInvalid(DomainError):
    """``state`` says where the reward stands."""

    code = "reward_state"
    title = _("The state of the reward does not allow this")


class RewardUnavailable(DomainError):
    """The member cannot take it now; ``reasons`` lists what is missing."""

    code = "reward_unavailable"
    status = 422
    title = _("This reward cannot be taken now")


class RedemptionUnknown(DomainError):
    """No redemption has this code. Unknown and foreign look alike."""

    code = "redemption_unknown"
    status = 422
    title = _("No reward waits under this code")
    stored = False


class RedemptionState(DomainError):
    """``state`` says where the redemption stands."""

    code = "redemption_state"
    title = _("The state of this redemption does not allow this")


class RedemptionElsewhere(DomainError):
    """The piece lies in another store: ``store`` says where."""

    code = "redemption_elsewhere"
    status = 422
    title = _("The reward is set aside in another store")


class RewardUsed(DomainError):
    """What was given has been used, so that it cannot be taken back."""

    code = "reward_used"
    status = 422
    title = _("What was given has been used already")


# Charity


class CauseUnknown(DomainError):
    code = "cause_unknown"
    status = 422
    title = _("There is no such cause to choose")
    stored = False


class PaymentExceedsPledged(DomainError):
    """``outstanding`` is what is owed to the cause, in minor units."""

    code = "payment_exceeds_pledged"
    status = 422
    title = _("More would be paid than was pledged")


class PaymentCountered(DomainError):
    code = "payment_countered"
    title = _("This payment has been countered already")


# Services as a benefit


class ServiceUnavailable(DomainError):
    """The member has none left of the service."""

    code = "service_unavailable"
    status = 422
    title = _("The member has none of this service left")


class ServiceUseEnded(DomainError):
    code = "service_use_ended"
    title = _("This use was taken back already")


# Stamps and claims


class StampProgrammeOff(DomainError):
    code = "stamp_programme_off"
    title = _("The stamp programme is not in use")


class StampProgrammeUnknown(DomainError):
    code = "stamp_programme_unknown"
    status = 422
    title = _("There is no such stamp programme")
    stored = False


class StampLimit(DomainError):
    """``max`` stamps are left; ``bound``: per_day, or balance when they are taken off."""

    code = "stamp_limit"
    status = 422
    title = _("So many stamps cannot be given or taken by hand")


class StampTermsInvalid(DomainError):
    """``errors`` point at what of the programme does not fit together."""

    code = "stamp_terms_invalid"
    status = 422
    title = _("The terms of the stamp programme do not fit together")


class StampState(DomainError):
    """``state`` says where these stamps stand."""

    code = "stamp_state"
    title = _("The state of these stamps does not allow this")


class ClaimsClosed(DomainError):
    code = "claims_closed"
    title = _("Receipts cannot be claimed later in this programme")


class ReceiptUnknown(DomainError):
    """Unknown number, wrong sum, a sale of another member: one answer, so that none can be told."""

    code = "receipt_unknown"
    status = 422
    title = _("No receipt that could be claimed is known by this")
    stored = False


class ReceiptNotClaimable(DomainError):
    """``reason``: refunded, or too_late with the ``days`` of the window."""

    code = "receipt_not_claimable"
    status = 422
    title = _("This receipt can no longer be claimed")


class ClaimLimit(DomainError):
    """A member claims at most ``max`` receipts a day."""

    code = "claim_limit"
    status = 422
    title = _("No more receipts can be claimed today")


class ClaimState(DomainError):
    """``state`` says where the claim stands."""

    code = "claim_state"
    title = _("The state of the claim does not allow this")


# Beyond purchases: actions, transfers, households, referrals


class EventKindUnknown(DomainError):
    """Marketers name the kinds of actions; this one is not among those that are active."""

    code = "event_kind_unknown"
    status = 422
    title = _("There is no such kind of action")
    stored = False


class EventDecided(DomainError):
    """``state`` says what became of it."""

    code = "event_decided"
    title = _("This was decided already")


class TransferRefused(DomainError):
    """``reason``: off, self, least, most_per_day, most_per_month or not_active."""

    code = "transfer_refused"
    status = 422
    title = _("These points cannot be given away")


class TransferState(DomainError):
    """``state`` says what became of it."""

    code = "transfer_state"
    title = _("The transfer is not in a state that allows this")


class TransferCodeWrong(DomainError):
    """``left`` says how many tries are left; after the last one no code helps."""

    code = "transfer_code_wrong"
    status = 422
    title = _("This is not the code that was sent")
    stored = False


class ContactJustChanged(DomainError):
    """Nothing was on file long enough to send a code to: try again after ``retry_after``."""

    code = "contact_just_changed"
    title = _("The contact of this member has just been changed, points stay for now")
    stored = False


class ReferralRefused(DomainError):
    """``reason``: off, code, self, already, too_late or chain."""

    code = "referral_refused"
    status = 422
    title = _("This member cannot be somebody's friend")


class ReferralState(DomainError):
    """``state`` says what became of it."""

    code = "referral_state"
    title = _("The referral is not in a state that allows this")


# Games, draws, contests and what is won in them


class GameInvalid(DomainError):
    """``errors`` point at what of the game does not fit together."""

    code = "game_invalid"
    status = 422
    title = _("The game does not hold together")


class GameState(DomainError):
    """``state`` says where the game stands."""

    code = "game_state"
    title = _("The state of the game does not allow this")


class GameClosed(DomainError):
    """``state`` says why: not begun, paused, over, or out of prizes. No turn was used."""

    code = "game_closed"
    title = _("This game cannot be played now")
    stored = False


class NoTurnsLeft(DomainError):
    code = "no_turns_left"
    status = 422
    title = _("No turns are left in this game")


class PlayState(DomainError):
    code = "play_state"
    title = _("This play is undone already")


class PrizeState(DomainError):
    """``state`` says where the prize stands."""

    code = "prize_state"
    title = _("The state of the prize does not allow this")


class DrawInvalid(DomainError):
    """``errors`` point at what is missing or does not fit together."""

    code = "draw_invalid"
    status = 422
    title = _("The prize draw does not tell all that it must")


class DrawState(DomainError):
    """``state`` says where the draw, or the winner, stands."""

    code = "draw_state"
    title = _("The state of the prize draw does not allow this")


class ContestInvalid(DomainError):
    """``errors`` point at what is missing or does not fit together."""

    code = "contest_invalid"
    status = 422
    title = _("The contest does not tell all that it must")


class ContestState(DomainError):
    """``state`` says where the contest, or the work, stands."""

    code = "contest_state"
    title = _("The state of the contest does not allow this")


# Partners


class PartnerContractMissing(DomainError):
    """``day`` is the one on which nothing was agreed."""

    code = "partner_contract_missing"
    title = _("No contract with the partner is in force on this day")


class PartnerContractState(DomainError):
    """``state`` says where the contract stands."""

    code = "partner_contract_state"
    title = _("The contract is not in the state for this")


class PartnerNotAllowed(DomainError):
    """The contract does not let the partner give, or take, points; or knows no such event."""

    code = "partner_not_allowed"
    title = _("The contract does not allow this")


class PartnerFundsShort(DomainError):
    """A prepaid partner gives points while money is left: this would be more."""

    code = "partner_funds_short"
    title = _("The partner's prepaid money is used up")


class PartnerReversalExceeds(DomainError):
    """``left`` is what may still be taken back."""

    code = "partner_reversal_exceeds"
    status = 422
    title = _("More is taken back than there was")


class SettlementState(DomainError):
    """``state`` says where the settlement stands."""

    code = "settlement_state"
    title = _("The settlement is not in the state for this")


class SettlementDoesNotTie(DomainError):
    """``difference`` in points lies between the operations and the ledger."""

    code = "settlement_does_not_tie"
    title = _("The settlement does not agree with the ledger")


class PartnerOfferClosed(DomainError):
    """``reason`` says why: not live, all codes taken, or as many as a member may have."""

    code = "partner_offer_closed"
    title = _("No code can be taken under this offer")


class PartnerCodeUnusable(DomainError):
    """Unknown, nobody's, used already, or past its day: all look alike to the partner's till."""

    code = "partner_code_unusable"
    status = 422
    title = _("This code cannot be used")
    stored = False


class AdjustmentDecided(DomainError):
    """``state`` says what became of it."""

    code = "adjustment_decided"
    title = _("This adjustment was decided already")
