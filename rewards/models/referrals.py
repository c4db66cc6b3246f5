"""Referrals: members who bring friends, and what both get when the friend stays."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from members.models import Member, Receipt
from rewards.models.bonuses import Bonus
from rewards.models.programmes import Programme


class ReferralTerms(models.Model):
    """What a friend has to buy, what both sides get for it, and when it looks wrong."""

    class Suspicion(models.TextChoices):
        REFUSE = "refuse", _("refuse it")
        REVIEW = "review", _("let a person decide")

    programme = models.OneToOneField(
        Programme, on_delete=models.PROTECT, related_name="referral_terms"
    )
    is_on = models.BooleanField(_("members may bring friends"), default=False)
    #: ``rewards.rules.bonuses.Reward`` as plain values; null gives nothing to that side.
    referrer_reward = models.JSONField(_("who invited gets"), null=True)
    friend_reward = models.JSONField(_("the friend gets"), null=True)
    min_total_minor = models.PositiveBigIntegerField(
        _("the friend's purchase is worth at least"), default=0
    )
    first_purchase_only = models.BooleanField(
        _("only the friend's first purchase counts"), default=True
    )
    return_days = models.PositiveSmallIntegerField(
        _("rewarded after so many days, when it can't be returned any more"), default=14
    )
    attach_days = models.PositiveSmallIntegerField(
        _("a code may be named so many days after joining"), default=7
    )
    most_per_period = models.PositiveIntegerField(_("most friends rewarded per period"), default=10)
    period_days = models.PositiveSmallIntegerField(_("days of a period"), default=30)
    most_ever = models.PositiveIntegerField(_("most friends rewarded ever"), default=100)
    same_till_a_day = models.PositiveSmallIntegerField(
        _("so many friends of one member at one till on one day are looked into"), default=3
    )
    on_suspicion = models.CharField(
        _("what looks like self-dealing"),
        max_length=8,
        choices=Suspicion,
        default=Suspicion.REFUSE,
    )

    class Meta:
        verbose_name = _("terms of referrals")
        verbose_name_plural = _("terms of referrals")
        constraints = [
            models.CheckConstraint(
                name="referral_terms_in_bounds",
                condition=Q(period_days__gte=1, period_days__lte=366, return_days__lte=366)
                & Q(attach_days__lte=366, same_till_a_day__gte=1),
            )
        ]

    def __str__(self) -> str:
        return str(_("terms of referrals")).capitalize()


class ReferralCode(models.Model):
    """The code by which a member brings friends. ``opened`` counts looks at the link."""

    member = models.OneToOneField(Member, on_delete=models.CASCADE, related_name="referral_code")
    code = models.CharField(_("code"), max_length=16, unique=True)
    opened = models.PositiveIntegerField(_("link opened"), default=0)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("referral code")
        verbose_name_plural = _("referral codes")

    def __str__(self) -> str:
        return f"…{self.code[-3:]}"


class ReferralDevice(models.Model):
    """A device on which a member was seen, as a keyed hash: one phone, two members is a sign."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="+")
    digest = models.BinaryField(max_length=32, editable=False)

    class Meta:
        verbose_name = _("device of a member")
        verbose_name_plural = _("devices of members")
        constraints = [
            models.UniqueConstraint(name="device_once_per_member", fields=["digest", "member"])
        ]

    def __str__(self) -> str:
        return f"{self.member_id}"


class Referral(models.Model):
    """One friend of one member. A person is somebody's friend once, for ever."""

    class State(models.TextChoices):
        ENROLLED = "enrolled", _("joined")
        HELD = "held", _("is looked into")
        QUALIFIED = "qualified", _("bought, return window open")
        REWARDED = "rewarded", _("rewarded")
        REFUSED = "refused", _("refused")
        CLAWED_BACK = "clawed_back", _("taken back")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="+")
    referrer = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="referrals", verbose_name=_("who invited")
    )
    friend = models.OneToOneField(
        Member, on_delete=models.DO_NOTHING, related_name="referred_by", verbose_name=_("friend")
    )
    state = models.CharField(_("state"), max_length=12, choices=State)
    #: Why it was refused or is looked into: codes of ``rewards.rules.referrals``.
    signals = models.JSONField(_("signs"), default=list, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True, default="")
    place = models.CharField(_("till"), max_length=85, blank=True, default="")
    actor = models.CharField(_("enrolled by"), max_length=80)
    receipt = models.ForeignKey(
        Receipt, on_delete=models.PROTECT, null=True, related_name="referrals", db_index=False
    )
    due_at = models.DateTimeField(_("rewarded from"), null=True)
    referrer_bonus = models.ForeignKey(Bonus, on_delete=models.PROTECT, null=True, related_name="+")
    friend_bonus = models.ForeignKey(Bonus, on_delete=models.PROTECT, null=True, related_name="+")
    decided_by = models.CharField(_("decided by"), max_length=80, blank=True, default="")
    created_at = models.DateTimeField(_("joined at"), db_default=Now())
    qualified_at = models.DateTimeField(_("bought at"), null=True)
    rewarded_at = models.DateTimeField(_("rewarded at"), null=True)

    class Meta:
        verbose_name = _("referral")
        verbose_name_plural = _("referrals")
        constraints = [
            models.CheckConstraint(
                name="nobody_refers_themselves", condition=~Q(referrer=F("friend"))
            ),
            models.CheckConstraint(
                name="qualified_referral_has_its_receipt",
                condition=~Q(state__in=["qualified", "rewarded", "clawed_back"])
                | Q(receipt__isnull=False, due_at__isnull=False),
            ),
            models.CheckConstraint(
                name="refused_referral_says_why",
                condition=~Q(state__in=["refused", "clawed_back"]) | ~Q(reason=""),
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at", "id"], name="referral_due", condition=Q(state="qualified")
            ),
            models.Index(fields=["referrer", "-id"], name="referral_of_referrer"),
            models.Index(fields=["id"], name="referral_held", condition=Q(state="held")),
            models.Index(
                fields=["receipt"], name="referral_of_receipt", condition=Q(receipt__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id}"
