"""Stamp cards: programmes, cards that are full, and stamps put on by hand.

How many stamps a member has is the award balance of kind "stamps" and the
programme's code, and nothing else: there is no counter here.
"""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from members.models import Member, Receipt, Store
from rewards.models.programmes import Programme
from rewards.models.rewarding import RewardTerms


class StampProgrammeQuerySet(models.QuerySet["StampProgramme"]):
    def active(self) -> Self:
        return self.filter(is_active=True)


class StampProgramme(RewardTerms):
    """So many stamps, or receipts up to a sum, give a reward. Promotions put the stamps on.

    Of kind "sum" a stamp is one minor unit of money, so ``needed`` is the sum.
    """

    class Kind(models.TextChoices):
        STAMPS = "stamps", _("stamps")
        SUM = "sum", _("receipts up to a sum")

    class AfterUse(models.TextChoices):
        DEBT = "debt", _("the next stamps make up for it")
        FORGIVE = "forgive", _("the shop bears it")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    programme = models.ForeignKey(
        Programme, on_delete=models.PROTECT, related_name="stamp_programmes"
    )
    code = models.SlugField(_("code"), max_length=40)
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("collects"), max_length=10, choices=Kind, default=Kind.STAMPS)
    needed = models.PositiveBigIntegerField(_("stamps of a full card"))
    stamp_days = models.PositiveIntegerField(_("a stamp lives, days"), null=True, blank=True)
    carry_over = models.BooleanField(_("surplus stamps go on the next card"), default=True)
    cards_per_member = models.PositiveIntegerField(
        _("full cards per member"), null=True, blank=True
    )
    after_use = models.CharField(
        _("goods come back after the reward was used"),
        max_length=10,
        choices=AfterUse,
        default=AfterUse.DEBT,
    )
    manual_per_day = models.PositiveIntegerField(_("stamps by hand, a member and day"), default=3)
    manual_direct = models.PositiveIntegerField(
        _("stamps by hand at once without a second person"), default=2
    )
    is_active = models.BooleanField(_("in use"), default=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    objects = StampProgrammeQuerySet.as_manager()

    class Meta:
        verbose_name = _("stamp programme")
        verbose_name_plural = _("stamp programmes")
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(name="stamp_programme_code_once", fields=["programme", "code"]),
            models.CheckConstraint(name="stamp_card_has_fields", condition=Q(needed__gt=0)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_sum(self) -> bool:
        return self.kind == self.Kind.SUM


class StampCard(models.Model):
    """A card of a member that is full: ``stamps`` went for it, and its reward was given once.

    ``stamps`` and ``forfeited`` left the balance when it became full; they are on it
    again when the card was undone because its goods came back.
    """

    class State(models.TextChoices):
        FULL = "full", _("full")
        UNDONE = "undone", _("taken back")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    programme = models.ForeignKey(StampProgramme, on_delete=models.PROTECT, related_name="cards")
    member = models.ForeignKey(
        Member,
        on_delete=models.DO_NOTHING,
        related_name="stamp_cards",
        db_index=False,
        verbose_name=_("member"),
    )
    number = models.PositiveIntegerField(_("number"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.FULL)
    stamps = models.PositiveBigIntegerField(_("stamps"))
    forfeited = models.PositiveBigIntegerField(_("surplus lost"), default=0)
    #: The terms as they were, and what was given: ``rewards.services.awards.presents``.
    reward = models.JSONField(_("reward"), default=dict)
    completed_at = models.DateTimeField(_("full since"))
    undone_at = models.DateTimeField(_("taken back at"), null=True)

    class Meta:
        verbose_name = _("full stamp card")
        verbose_name_plural = _("full stamp cards")
        constraints = [
            models.UniqueConstraint(
                name="stamp_card_full_once", fields=["member", "programme", "number"]
            ),
            models.CheckConstraint(
                name="stamp_card_undone_has_a_time",
                condition=Q(state="full", undone_at__isnull=True)
                | Q(state="undone", undone_at__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["programme", "-completed_at"], name="stamp_card_newest")]

    def __str__(self) -> str:
        return f"{self.programme_id}/{self.number}"


class ManualStamp(models.Model):
    """Stamps put on, or taken off, by a person who says why. Above a number a second one agrees."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waits for a second person")
        DONE = "done", _("done")
        REFUSED = "refused", _("refused")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    programme = models.ForeignKey(StampProgramme, on_delete=models.PROTECT, related_name="by_hand")
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="+", verbose_name=_("member")
    )
    store = models.ForeignKey(
        Store, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("store")
    )
    amount = models.BigIntegerField(_("stamps"))
    reason = models.CharField(_("reason"), max_length=300)
    reference = models.CharField(_("reference"), max_length=120)
    actor = models.CharField(_("asked by"), max_length=80)
    state = models.CharField(_("state"), max_length=10, choices=State)
    decided_by = models.CharField(_("decided by"), max_length=80, blank=True, default="")
    decided_at = models.DateTimeField(_("decided at"), null=True)
    day = models.DateField(_("day"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())

    class Meta:
        verbose_name = _("stamps by hand")
        verbose_name_plural = _("stamps by hand")
        constraints = [
            models.UniqueConstraint(name="manual_stamp_once", fields=["actor", "reference"]),
            models.CheckConstraint(name="manual_stamp_moves", condition=~Q(amount=0)),
            models.CheckConstraint(
                name="manual_stamp_second_person", condition=~Q(decided_by=F("actor"))
            ),
        ]
        indexes = [
            models.Index(fields=["member", "programme", "day"], name="manual_stamps_of_day"),
            models.Index(fields=["id"], name="manual_stamps_waiting", condition=Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return f"{self.amount:+}"


class ClaimTerms(models.Model):
    """Whether, and how long after it, a receipt without a member may be claimed."""

    programme = models.OneToOneField(
        Programme, on_delete=models.CASCADE, related_name="claim_terms"
    )
    is_open = models.BooleanField(_("receipts may be claimed"), default=False)
    window_days = models.PositiveIntegerField(_("days after the sale"), default=14)
    per_day = models.PositiveSmallIntegerField(_("claims a member and day"), default=3)
    review_above_minor = models.PositiveBigIntegerField(
        _("a second person looks at receipts above"), null=True, blank=True
    )
    staff_per_day = models.PositiveSmallIntegerField(
        _("claims a member of staff and day without review"), default=10
    )

    class Meta:
        verbose_name = _("terms of late claims")
        verbose_name_plural = _("terms of late claims")

    def __str__(self) -> str:
        return str(self.programme_id)


class ReceiptClaim(models.Model):
    """A receipt that a member asked for after the sale: granted once, or looked at first.

    ``slot`` counts the claims of a member and day: the database holds the limit.
    """

    class State(models.TextChoices):
        GRANTED = "granted", _("granted")
        WAITING = "waiting", _("waits for review")
        REFUSED = "refused", _("refused")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    receipt = models.ForeignKey(
        Receipt, on_delete=models.PROTECT, related_name="claims", verbose_name=_("receipt")
    )
    member = models.ForeignKey(
        Member,
        on_delete=models.DO_NOTHING,
        related_name="receipt_claims",
        db_index=False,
        verbose_name=_("member"),
    )
    state = models.CharField(_("state"), max_length=10, choices=State)
    day = models.DateField(_("day"))
    slot = models.PositiveSmallIntegerField()
    #: Why it is looked at: same_cashier, many_claims, large.
    flags = models.JSONField(_("signs"), default=list)
    points = models.BigIntegerField(_("points"), default=0)
    actor = models.CharField(_("asked by"), max_length=80)
    decided_by = models.CharField(_("decided by"), max_length=80, blank=True, default="")
    decided_at = models.DateTimeField(_("decided at"), null=True)
    recorded_at = models.DateTimeField(_("claimed at"), db_default=Now())

    class Meta:
        verbose_name = _("claim of a receipt")
        verbose_name_plural = _("claims of receipts")
        constraints = [
            models.UniqueConstraint(
                name="receipt_claimed_once", fields=["receipt"], condition=~Q(state="refused")
            ),
            models.UniqueConstraint(name="claims_of_a_day", fields=["member", "day", "slot"]),
            models.CheckConstraint(
                name="claim_second_person",
                condition=Q(decided_by="") | ~Q(decided_by=F("actor")),
            ),
        ]
        indexes = [
            models.Index(fields=["actor", "day"], name="claims_of_actor"),
            models.Index(fields=["-recorded_at", "-id"], name="claims_newest"),
            models.Index(fields=["id"], name="claims_waiting", condition=Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return f"{self.receipt_id}: {self.state}"
