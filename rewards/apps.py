from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.privileges import fence

APPEND_ONLY = ("ledgertx", "ledgerentry", "lotmove", "hold", "holdresolution", "lot")

EXPORT_MOVES = (
    "approved_by", "approved_at", "refused_at", "passphrase_hash", "downloaded_at",
)  # fmt: skip


REDEMPTION_MOVES = (
    "state", "payment_ref", "restored_tx_id", "issued", "reserved_until", "ended_at", "actor",
    "reason",
)  # fmt: skip

PRIZE_MOVES = (
    "state", "handed_at", "handed_by", "handed_store_id", "proof", "reason", "detail",
)  # fmt: skip


GIFT_BATCH_MOVES = (
    "state", "made", "job_id", "decided_by", "decided_at", "passphrase_hash", "downloaded_at",
)  # fmt: skip


class RewardsConfig(AppConfig):
    name = "rewards"
    label = "rewards"
    verbose_name = _("Rewards")

    def ready(self) -> None:
        import_module("rewards.services.tiers.listening")
        import_module("rewards.services.challenges.listening")
        import_module("rewards.services.rules_keeping")
        import_module("rewards.services.affordable")
        import_module("rewards.services.occasions.listening")
        import_module("rewards.services.pools.listening")
        import_module("rewards.services.referrals.listening")
        for table in APPEND_ONLY:
            fence(f"rewards_{table}")
        fence("rewards_wallet", ("status", "merged_into_id", "debt_limit", "last_activity_at"))
        fence(
            "rewards_promotionversion",
            ("state", "starts_at", "ends_at", "approved_by", "approved_at"),
        )
        fence("rewards_pendinggrant", ("cancelled", "posted_tx_id"))
        fence("rewards_award", ("taken_back",))
        for table in ("awardrevocation", "awardmove"):
            fence(f"rewards_{table}")
        # Moved by the trigger of the moves alone.
        fence("rewards_awardbalance")
        fence("rewards_limitcounter", ("used", "held", "most", "over", "moved_to_id"))
        fence("rewards_limithold", ("ended_at", "outcome"))
        for table in ("limituse", "limitalert"):
            fence(f"rewards_{table}")
        fence("rewards_couponbatch", ("state", "made", "job_id"))
        fence("rewards_coupon", ("member_id", "valid_until", "uses", "held", "revoked_at"))
        fence("rewards_coupontally", ("uses", "held", "moved_to_id"))
        fence("rewards_couponfollow", ("returned_at",))
        fence("rewards_couponuse")
        fence("rewards_tierevaluation")
        for table in ("programmerules", "rulesacceptance"):
            fence(f"rewards_{table}")
        fence("rewards_couponexport", EXPORT_MOVES)
        fence("rewards_bonus", ("tx_id", "detail", "taken_back_at", "reason"))
        fence("rewards_poolmove")
        fence("rewards_redemption", REDEMPTION_MOVES)
        fence("rewards_rewardstock", ("on_hand", "held"))
        fence("rewards_rewardcode", ("redemption_id",))
        fence("rewards_entitlement", ("granted",))
        for table in ("redemptionstep", "pledge", "causepayment", "serviceuse"):
            fence(f"rewards_{table}")
        fence("rewards_prizewin", PRIZE_MOVES)
        fence("rewards_gameperiod", ("ends_at", "revealed_at"))
        for table in ("gameplay", "gameplayreversal", "drawentry"):
            fence(f"rewards_{table}")
        fence("rewards_drawwinner", ("state", "prize_id", "answer_by", "win_id", "note"))
        fence("rewards_giftcardbatch", GIFT_BATCH_MOVES)
        fence("rewards_giftcardpayment", ("returned_minor",))
        for table in ("giftcardreturn", "partneraccount", "partnerdeposit", "partneroperation"):
            fence(f"rewards_{table}")
