"""The catalogue: what points can be exchanged for, how much of it there is, and who took it.

Rows are written by ``rewards.services.catalogue`` and ``rewards.services.redemptions``
alone. How a redemption may move from state to state, and that stock never falls
below what is set aside, the database holds.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from loyalty_crm.kernel.models.functions import ClockTimestamp
from members.models import Member, Product, StockLevel, Store
from rewards.models.charity import Cause
from rewards.models.ledger import LedgerTx, Wallet
from rewards.models.programmes import Programme
from rewards.models.promotions import Promotion
from rewards.models.services import Service
from rewards.models.tiers import Tier
from rewards.models.translated import Translated

MOST = 10**12


class RewardQuerySet(models.QuerySet["Reward"]):
    def on_offer(self, at: datetime) -> Self:
        """Live, and inside its dates."""
        live = self.filter(Q(starts_at=None) | Q(starts_at__lte=at), state=Reward.State.LIVE)
        return live.filter(Q(ends_at=None) | Q(ends_at__gt=at))

    def with_parts(self) -> Self:
        """With all that tells what it gives, in one query."""
        return self.select_related(
            "programme", "promotion", "product", "service", "cause", "min_tier__structure"
        )

    def with_counts(self) -> Self:
        """``taken``: redemptions that stand; ``waiting``: those not handed over yet; ``left``:
        pieces that are free, None where nothing is counted."""
        made = Redemption.objects.filter(reward=models.OuterRef("pk")).order_by()

        def count(states: list[str]) -> models.Subquery:
            some = made.filter(state__in=states).values("reward").annotate(n=models.Count("pk"))
            return models.Subquery(some.values("n"), output_field=models.IntegerField())

        rows = RewardStock.objects.filter(reward=models.OuterRef("pk")).order_by()
        free = rows.values("reward").annotate(n=models.Sum(F("on_hand") - F("held"))).values("n")
        return self.annotate(
            taken=count(["requested", "reserved", "fulfilled"]),
            waiting=count(["requested", "reserved"]),
            left=models.Subquery(free, output_field=models.IntegerField()),
        )


class Reward(Translated):
    """Something that a member gets for points, or for points and money.

    ``quantity``: pieces of a product, turns, tickets, services. ``value_minor``: what
    a gift card or a donation is worth. ``reserve_days``: so long it waits to be
    fetched. Kinds that exist on paper alone are given at once when they cost no money.
    """

    class Kind(models.TextChoices):
        DISCOUNT = "discount", _("discount")
        PRODUCT = "product", _("gift product")
        SERVICE = "service", _("service")
        FREE_DELIVERY = "free_delivery", _("free delivery")
        EXPERIENCE = "experience", _("experience")
        PARTNER_CODE = "partner_code", _("partner's code")
        DONATION = "donation", _("donation")
        GIFT_CARD = "gift_card", _("gift card")
        GAME_PLAY = "game_play", _("turn in a game")
        DRAW_TICKET = "draw_ticket", _("ticket of a prize draw")

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        LIVE = "live", _("on offer")
        PAUSED = "paused", _("paused")
        RETIRED = "retired", _("retired")

    class Stock(models.TextChoices):
        UNLIMITED = "unlimited", _("not counted")
        COUNTED = "counted", _("counted here, by store or for all stores")
        WAREHOUSE = "warehouse", _("the product's stock of the store")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="rewards")
    code = models.SlugField(_("code"), max_length=40)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.DRAFT)
    price_points = models.PositiveBigIntegerField(_("price in points"))
    price_money_minor = models.PositiveBigIntegerField(
        _("and money on top"), default=0, db_default=0
    )
    image_url = models.URLField(_("address of a picture"), max_length=500, blank=True, default="")

    promotion = models.ForeignKey(
        Promotion,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("promotion of the coupon"),
    )
    product = models.ForeignKey(
        Product,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("product"),
    )
    service = models.ForeignKey(
        Service,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("service"),
    )
    cause = models.ForeignKey(
        Cause,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("cause"),
    )
    award_code = models.CharField(_("code of the game or draw"), max_length=80, blank=True)
    quantity = models.PositiveIntegerField(_("how many"), default=1, db_default=1)
    value_minor = models.PositiveBigIntegerField(_("worth in money"), null=True, blank=True)
    valid_days = models.PositiveIntegerField(_("valid, days"), null=True, blank=True)

    stock_mode = models.CharField(_("stock"), max_length=10, choices=Stock, default=Stock.UNLIMITED)
    starts_at = models.DateTimeField(_("on offer from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("on offer until"), null=True, blank=True)
    needs_confirmation = models.BooleanField(
        _("staff confirm each one"), default=False, db_default=False
    )
    reserve_days = models.PositiveSmallIntegerField(
        _("kept for the member, days"), default=7, db_default=7
    )

    min_tier = models.ForeignKey(
        Tier,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("from tier"),
    )
    #: Codes: whoever has one of the tags or stands in one of the segments. None named: everybody.
    tags = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    segments = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    #: Codes of stores where it is given out; none named: all.
    stores = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    min_membership_days = models.PositiveIntegerField(
        _("member for at least, days"), default=0, db_default=0
    )
    per_member = models.PositiveIntegerField(_("most for one member"), null=True, blank=True)
    per_member_days = models.PositiveIntegerField(
        _("counted over so many days"), null=True, blank=True
    )
    sort = models.SmallIntegerField(_("place in the list"), default=0, db_default=0)
    version = models.PositiveIntegerField(default=1, db_default=1, editable=False)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    objects = RewardQuerySet.as_manager()

    class Meta:
        verbose_name = _("reward")
        verbose_name_plural = _("rewards")
        constraints = [
            models.UniqueConstraint(name="reward_code_once", fields=["programme", "code"]),
            models.CheckConstraint(
                name="reward_costs_points",
                condition=Q(price_points__range=(1, MOST), price_money_minor__lte=MOST),
            ),
            models.CheckConstraint(
                name="reward_says_what_it_gives",
                condition=Q(quantity__gte=1)
                & (
                    Q(kind="discount", promotion__isnull=False)
                    | Q(kind="product", product__isnull=False)
                    | Q(kind="service", service__isnull=False)
                    | Q(kind__in=["free_delivery", "experience", "partner_code"])
                    | Q(kind__in=["gift_card", "donation"], value_minor__gt=0)
                    | Q(kind__in=["game_play", "draw_ticket"]) & ~Q(award_code="")
                ),
            ),
            models.CheckConstraint(
                name="warehouse_stock_is_of_a_product",
                condition=~Q(stock_mode="warehouse") | Q(kind="product"),
            ),
            models.CheckConstraint(
                name="reward_ends_after_it_begins",
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
            ),
            models.CheckConstraint(
                name="reward_days_are_bounded",
                condition=Q(reserve_days__range=(1, 366))
                & (Q(valid_days=None) | Q(valid_days__range=(1, 3_660)))
                & (Q(per_member=None) | Q(per_member__gte=1))
                & (Q(per_member_days=None) | Q(per_member_days__range=(1, 3_660))),
            ),
        ]
        indexes = [models.Index(fields=["programme", "state", "price_points"], name="reward_shelf")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_handed_over(self) -> bool:
        """Whether somebody has to give it out; all else is given at once."""
        things = {self.Kind.PRODUCT, self.Kind.EXPERIENCE}
        plain = self.kind == self.Kind.FREE_DELIVERY and self.promotion_id is None
        return self.kind in things or plain or bool(self.price_money_minor)


class RewardStock(models.Model):
    """How many pieces lie in a store, or (no store) for all stores that have no row of their own.

    ``held`` of them are set aside for members who come to fetch them.
    """

    reward = models.ForeignKey(Reward, on_delete=models.PROTECT, related_name="stock")
    store = models.ForeignKey(
        Store,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("store"),
    )
    on_hand = models.PositiveIntegerField(_("in stock"), default=0)
    held = models.PositiveIntegerField(_("set aside"), default=0, db_default=0)

    class Meta:
        verbose_name = _("stock of a reward")
        verbose_name_plural = _("stock of rewards")
        constraints = [
            models.UniqueConstraint(
                name="one_reward_stock", fields=["reward", "store"], nulls_distinct=False
            ),
            models.CheckConstraint(
                name="reward_stock_never_below_zero", condition=Q(on_hand__gte=F("held"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reward_id}@{self.store_id}: {self.on_hand}"


class RedemptionQuerySet(models.QuerySet["Redemption"]):
    def shown(self) -> Self:
        """With all that a page or an answer tells, in one query."""
        return self.select_related(
            "reward__programme",
            "reward__promotion",
            "reward__product",
            "reward__service",
            "reward__cause",
            "member",
            "store",
            "wallet",
        )

    def standing(self) -> Self:
        """What counts against a member's limit: everything that was not taken back."""
        return self.filter(state__in=["requested", "reserved", "fulfilled"])

    def overdue(self, at: datetime) -> Self:
        return self.filter(state__in=["requested", "reserved"], reserved_until__lte=at)


class Redemption(models.Model):
    """A member took a reward: paid with points, and gets it at once or fetches it with a code.

    The code follows from our key and the row's id, so it can be shown again; the
    database keeps only its keyed hash. ``issued`` names what was made for it.
    """

    class State(models.TextChoices):
        REQUESTED = "requested", _("waits for staff")
        RESERVED = "reserved", _("set aside")
        FULFILLED = "fulfilled", _("handed over")
        CANCELLED = "cancelled", _("cancelled")
        EXPIRED = "expired", _("not fetched")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    reward = models.ForeignKey(
        Reward, on_delete=models.PROTECT, related_name="redemptions", verbose_name=_("reward")
    )
    member = models.ForeignKey(
        Member,
        on_delete=models.DO_NOTHING,
        related_name="redemptions",
        db_index=False,
        verbose_name=_("member"),
    )
    wallet = models.ForeignKey(Wallet, on_delete=models.DO_NOTHING, related_name="redemptions")
    store = models.ForeignKey(
        Store, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("store")
    )
    state = models.CharField(_("state"), max_length=9, choices=State)
    points = models.PositiveBigIntegerField(_("points"))
    money_minor = models.PositiveBigIntegerField(_("money"), default=0)
    #: What of it the cashier took: the receipt of the money.
    payment_ref = models.CharField(_("receipt of the money"), max_length=120, blank=True)
    tx = models.ForeignKey(LedgerTx, on_delete=models.PROTECT, related_name="+")
    restored_tx = models.ForeignKey(LedgerTx, on_delete=models.PROTECT, null=True, related_name="+")
    stock = models.ForeignKey(RewardStock, on_delete=models.PROTECT, null=True, related_name="+")
    stock_level = models.ForeignKey(
        StockLevel, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    issued: Any = models.JSONField(default=dict, db_default={})
    source = models.CharField(_("source"), max_length=80)
    source_ref = models.CharField(_("reference"), max_length=120)
    requested_at = models.DateTimeField(_("taken at"))
    reserved_until = models.DateTimeField(_("kept until"), null=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)
    #: Who moved it last, and why: the trigger copies both into the history.
    actor = models.CharField(max_length=120)
    reason = models.CharField(_("reason"), max_length=300, blank=True, default="")

    objects = RedemptionQuerySet.as_manager()

    class Meta:
        verbose_name = _("redemption")
        verbose_name_plural = _("redemptions")
        constraints = [
            models.UniqueConstraint(name="redemption_once", fields=["source", "source_ref"]),
            models.CheckConstraint(
                name="redemption_ends_when_it_ends",
                condition=Q(state__in=["requested", "reserved"], ended_at=None)
                | Q(state__in=["fulfilled", "cancelled", "expired"], ended_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["member", "reward", "requested_at"], name="redeemed_by_member"),
            models.Index(fields=["reward", "state"], name="redemptions_of_reward"),
            models.Index(
                fields=["reserved_until"],
                name="redemptions_waiting",
                condition=Q(state__in=["requested", "reserved"]),
            ),
        ]

    def __str__(self) -> str:
        return str(self.public_id)

    @property
    def is_open(self) -> bool:
        return self.state in (self.State.REQUESTED, self.State.RESERVED)


class RedemptionStep(models.Model):
    """One state a redemption came into. Written by the database with the change itself."""

    redemption = models.ForeignKey(Redemption, on_delete=models.PROTECT, related_name="steps")
    state = models.CharField(_("state"), max_length=9, choices=Redemption.State)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    actor = models.CharField(_("actor"), max_length=120)
    at = models.DateTimeField(_("at"), db_default=ClockTimestamp())

    class Meta:
        verbose_name = _("step of a redemption")
        verbose_name_plural = _("steps of redemptions")

    def __str__(self) -> str:
        return f"{self.redemption_id}: {self.state}"


class RewardCode(models.Model):
    """A code that a partner gave us to hand out. It leaves the pool with its redemption."""

    reward = models.ForeignKey(Reward, on_delete=models.PROTECT, related_name="codes")
    code = models.CharField(_("code"), max_length=80)
    redemption = models.OneToOneField(
        Redemption, on_delete=models.PROTECT, null=True, related_name="partner_code"
    )
    added_at = models.DateTimeField(_("added at"), db_default=Now())

    class Meta:
        verbose_name = _("partner's code")
        verbose_name_plural = _("partner's codes")
        constraints = [
            models.UniqueConstraint(name="reward_code_in_pool_once", fields=["reward", "code"])
        ]
        indexes = [
            models.Index(
                fields=["reward", "id"], name="codes_to_give", condition=Q(redemption=None)
            )
        ]

    def __str__(self) -> str:
        return f"…{self.code[-4:]}"


class AffordableReward(models.Model):
    """A member was told that the points are enough for a reward.

    The row goes when the reward is taken or the points no longer suffice; then
    there may be another message.
    """

    member = models.ForeignKey(Member, on_delete=models.DO_NOTHING, related_name="+")
    reward = models.ForeignKey(Reward, on_delete=models.PROTECT, related_name="+")
    told_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(name="told_once_of_a_reward", fields=["member", "reward"])
        ]

    def __str__(self) -> str:
        return f"{self.member_id}: {self.reward_id}"
