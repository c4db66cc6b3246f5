"""Prizes: what members won in games, draws and contests, until it is in their hands."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from members.models import Member, Store
from rewards.models.programmes import Programme


class PrizeKind(models.TextChoices):
    """What a prize is. ``rewards.services.prizes.kinds`` knows how each is given."""

    POINTS = "points", _("points")
    COUPON = "coupon", _("coupon")
    GIFT = "gift", _("gift product")
    GIFT_CARD = "gift_card", _("gift card")
    OTHER = "other", _("something handed over: a service, a trip")
    PLAYS = "game_plays", _("turns in a game")
    TICKETS = "draw_tickets", _("tickets of a prize draw")
    NOTHING = "nothing", _("no prize")


class PrizeSettings(models.Model):
    """The bounds of games and draws of a programme."""

    programme = models.OneToOneField(
        Programme, on_delete=models.PROTECT, related_name="prize_settings"
    )
    win_floor_basis_points = models.PositiveIntegerField(
        _("least chance to win, hundredths of a per cent"),
        default=2_500,
        help_text=_("2500 is 25 %. A game whose total chance to win is lower is refused."),
    )
    tax_free_minor = models.PositiveBigIntegerField(
        _("prizes free of tax per person and year, minor units of money"), default=400_000
    )
    tax_basis_points = models.PositiveIntegerField(
        _("tax on what is above, hundredths of a per cent"), default=3_500
    )

    class Meta:
        verbose_name = _("bounds of games and draws")
        verbose_name_plural = _("bounds of games and draws")
        constraints = [
            models.CheckConstraint(
                name="prize_bounds_are_shares",
                condition=Q(win_floor_basis_points__lte=10_000, tax_basis_points__lte=10_000),
            )
        ]

    def __str__(self) -> str:
        return f"{self.programme_id}"


class PrizeWinQuerySet(models.QuerySet["PrizeWin"]):
    def taxable(self, since: datetime, until: datetime) -> Self:
        """What counts against the year: worth money, and not taken back."""
        won = self.filter(won_at__gte=since, won_at__lt=until, value_minor__gt=0)
        return won.exclude(state=PrizeWin.State.CANCELLED)


class PrizeWin(models.Model):
    """One prize of one member, once for each (source, source_ref).

    What is given at once (points, coupons) is ``given``; what is handed over is
    ``due`` until somebody does it and says so.
    """

    class State(models.TextChoices):
        GIVEN = "given", _("given")
        DUE = "due", _("waits to be handed over")
        HANDED = "handed", _("handed over")
        CANCELLED = "cancelled", _("taken back")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="prizes", verbose_name=_("member")
    )
    kind = models.CharField(_("kind"), max_length=20)
    code = models.CharField(_("code"), max_length=80, blank=True, default="")
    amount = models.PositiveBigIntegerField(_("amount"), default=1)
    label = models.CharField(_("prize"), max_length=200)
    value_minor = models.PositiveBigIntegerField(_("value for tax, minor units"), default=0)
    state = models.CharField(_("state"), max_length=10, choices=State)
    source = models.CharField(_("won in"), max_length=80)
    source_ref = models.CharField(_("reference"), max_length=120)
    detail = models.JSONField(_("details"), default=dict)
    won_at = models.DateTimeField(_("won at"), db_default=Now())
    handed_at = models.DateTimeField(_("handed over at"), null=True)
    handed_by = models.CharField(_("handed over by"), max_length=80, default="", blank=True)
    handed_store = models.ForeignKey(
        Store, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("store")
    )
    proof = models.CharField(_("proof of the hand-over"), max_length=300, default="", blank=True)
    reason = models.CharField(_("reason"), max_length=300, default="", blank=True)

    objects = PrizeWinQuerySet.as_manager()

    class Meta:
        verbose_name = _("prize won")
        verbose_name_plural = _("prizes won")
        constraints = [
            models.UniqueConstraint(name="one_prize_per_source", fields=["source", "source_ref"]),
            models.CheckConstraint(
                name="prize_handed_over_with_proof",
                condition=~Q(state="handed") | (Q(handed_at__isnull=False) & ~Q(proof="")),
            ),
            models.CheckConstraint(
                name="prize_taken_back_with_a_reason",
                condition=~Q(state="cancelled") | ~Q(reason=""),
            ),
        ]
        indexes = [
            models.Index(fields=["member", "-won_at", "-id"], name="prizes_of_member"),
            models.Index(fields=["member", "id"], name="prizes_due", condition=Q(state="due")),
            models.Index(
                fields=["won_at", "member"], name="prizes_for_tax", condition=Q(value_minor__gt=0)
            ),
        ]

    def __str__(self) -> str:
        return self.label
