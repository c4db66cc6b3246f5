"""The settings of a loyalty programme."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Programme(models.Model):
    """What a point is, how it is earned, kept, spent and lost.

    Points are integers in the smallest unit of the programme: with a scale of
    2, 150 on the ledger is 1.50 points. Money is in minor units of the currency.
    """

    class Rounding(models.TextChoices):
        DOWN = "down", _("down")
        HALF_UP = "half_up", _("half up")
        UP = "up", _("up")
        CARRY = "carry", _("down, the rest is carried to the next purchase")

    class EarningBase(models.TextChoices):
        MONEY = "money", _("what was paid with money")
        NET = "net", _("the price after discounts, however it was paid")

    class Expiry(models.TextChoices):
        NONE = "none", _("points never expire")
        ROLLING = "rolling", _("a number of days after they were earned")
        FIXED = "fixed", _("on fixed dates of the year")
        INACTIVITY = "inactivity", _("a number of days without a purchase")

    class ExpiryBucket(models.TextChoices):
        DAY = "day", _("at the end of the day")
        MONTH = "month", _("at the end of the month")

    class TaxMode(models.TextChoices):
        INCLUDED = "included", _("prices include it")
        ON_TOP = "on_top", _("it comes on top of the prices")

    class Debt(models.TextChoices):
        ALLOW = "allow", _("the balance may go below zero, down to the limit")
        CLIP = "clip", _("the balance stops at zero, the rest is written off")

    class ExpiredOnRestore(models.TextChoices):
        LOST = "lost", _("stay expired")
        REVIVE = "revive", _("live again for some days")

    code = models.CharField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=200)
    is_default = models.BooleanField(_("default programme"), default=False)
    currency = models.CharField(_("currency"), max_length=3, default="USD")
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    points_scale = models.PositiveSmallIntegerField(_("decimal places of points"), default=0)
    point_value_minor = models.PositiveBigIntegerField(
        _("value of one point, minor units of money"), default=1
    )
    rounding = models.CharField(
        _("rounding"), max_length=10, choices=Rounding, default=Rounding.DOWN
    )
    earning_base = models.CharField(
        _("earning base"), max_length=10, choices=EarningBase, default=EarningBase.MONEY
    )
    max_points_share_percent = models.PositiveSmallIntegerField(
        _("most of a receipt that points may pay, %"), default=50
    )
    min_redeem_points = models.PositiveBigIntegerField(_("fewest points spent at once"), default=0)
    activation_delay_days = models.PositiveSmallIntegerField(
        _("points become active after, days"), default=0
    )
    expiry = models.CharField(_("expiry"), max_length=12, choices=Expiry, default=Expiry.ROLLING)
    expiry_days = models.PositiveIntegerField(_("days until expiry"), default=365)
    expiry_dates = models.JSONField(
        _("fixed dates, MM-DD"),
        default=list,
        blank=True,
        help_text=_('A list such as ["06-30", "12-31"].'),
    )
    expiry_bucket = models.CharField(
        _("points expire"), max_length=6, choices=ExpiryBucket, default=ExpiryBucket.DAY
    )
    debt = models.CharField(
        _("return after points were spent"), max_length=8, choices=Debt, default=Debt.ALLOW
    )
    debt_limit_points = models.PositiveBigIntegerField(_("lowest balance below zero"), default=1000)
    expired_on_restore = models.CharField(
        _("returned points that have expired meanwhile"),
        max_length=8,
        choices=ExpiredOnRestore,
        default=ExpiredOnRestore.REVIVE,
    )
    revive_days = models.PositiveIntegerField(_("days of new life"), default=30)
    offline_redeem_limit = models.PositiveBigIntegerField(
        _("most points spent offline at once"), default=0
    )
    tax_mode = models.CharField(
        _("tax"),
        max_length=10,
        choices=TaxMode,
        default=TaxMode.INCLUDED,
        db_default=TaxMode.INCLUDED,
    )
    tax_basis_points = models.PositiveIntegerField(
        _("standard tax rate, hundredths of a per cent"),
        default=0,
        db_default=0,
        help_text=_("2000 is 20 %. For products that have no rate of their own."),
    )
    max_discount_percent = models.PositiveSmallIntegerField(
        _("most of a receipt that discounts may take off, %"), default=100, db_default=100
    )
    never_below_cost = models.BooleanField(
        _("no promotion sells below cost"), default=False, db_default=False
    )
    price_floor_percent = models.PositiveSmallIntegerField(
        _("lowest price, % of the shelf price"), default=0, db_default=0
    )
    promotions_need_review = models.BooleanField(
        _("promotions need a second person"), default=False, db_default=False
    )
    version = models.PositiveIntegerField(default=1, db_default=1, editable=False)
    updated_at = models.DateTimeField(_("updated at"), db_default=Now())

    class Meta:
        verbose_name = _("programme")
        verbose_name_plural = _("programmes")
        constraints = [
            models.UniqueConstraint(
                name="one_default_programme", fields=["is_default"], condition=Q(is_default=True)
            ),
            models.CheckConstraint(name="points_scale_small", condition=Q(points_scale__lte=4)),
            models.CheckConstraint(name="point_has_a_value", condition=Q(point_value_minor__gt=0)),
            models.CheckConstraint(
                name="points_share_is_a_percentage", condition=Q(max_points_share_percent__lte=100)
            ),
            models.CheckConstraint(
                name="discount_bounds_are_percentages",
                condition=Q(max_discount_percent__lte=100, price_floor_percent__lte=100),
            ),
            models.CheckConstraint(
                name="tax_is_a_share", condition=Q(tax_basis_points__lte=10_000)
            ),
        ]

    def __str__(self) -> str:
        return self.name
