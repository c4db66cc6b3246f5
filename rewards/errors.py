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


class TierStructureCodeTaken(DomainError):
    code = "tier_structure_code_taken"
    title = _("A ladder of tiers with this code exists")
