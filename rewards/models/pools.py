"""The pot of points of a household, and who put in and took out what."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from members.models import Household, Member
from rewards.models.ledger import LedgerTx, Wallet


class HouseholdPool(models.Model):
    """The wallet that a household shares, and what a leaver takes along."""

    class Leaving(models.TextChoices):
        OWN = "own", _("what they put in and did not take out")
        EQUAL = "equal", _("an equal part")
        NOTHING = "nothing", _("nothing")

    household = models.OneToOneField(Household, on_delete=models.PROTECT, related_name="pool")
    wallet = models.OneToOneField(Wallet, on_delete=models.DO_NOTHING, related_name="pool")
    leaving = models.CharField(
        _("who leaves takes"), max_length=8, choices=Leaving, default=Leaving.OWN
    )

    class Meta:
        verbose_name = _("household pool")
        verbose_name_plural = _("household pools")

    def __str__(self) -> str:
        return f"{self.household_id}"


class PoolMove(models.Model):
    """Points that a member put into the pool (above zero) or took out of it (below)."""

    class Cause(models.TextChoices):
        SHARE = "share", _("share of earned points")
        SHARE_BACK = "share_back", _("share of points that went back")
        GIFT = "gift", _("put in by hand")
        DRAW = "draw", _("taken out to spend")
        LEAVE = "leave", _("taken along when leaving")

    pool = models.ForeignKey(HouseholdPool, on_delete=models.PROTECT, related_name="moves")
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="pool_moves", verbose_name=_("member")
    )
    cause = models.CharField(_("cause"), max_length=10, choices=Cause)
    amount = models.BigIntegerField(_("points"))
    tx = models.ForeignKey(LedgerTx, on_delete=models.DO_NOTHING, related_name="+")
    #: The transaction that earned the points of which this is a share.
    earned_by = models.ForeignKey(
        LedgerTx, on_delete=models.DO_NOTHING, null=True, related_name="pool_shares"
    )
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())

    class Meta:
        verbose_name = _("move of a pool")
        verbose_name_plural = _("moves of pools")
        constraints = [
            models.CheckConstraint(
                name="pool_move_fits_its_cause",
                condition=Q(cause__in=["share", "gift"], amount__gt=0)
                | Q(cause__in=["share_back", "draw", "leave"], amount__lt=0),
            ),
            models.UniqueConstraint(
                name="one_share_per_earning",
                fields=["earned_by"],
                condition=Q(cause="share"),
            ),
        ]
        indexes = [models.Index(fields=["pool", "member"], name="pool_move_of_member")]

    def __str__(self) -> str:
        return f"{self.amount:+}"
