"""Coupons: batches of codes, the codes, and every use that was ever made of one.

Rows are written by ``rewards.services.coupons`` alone. How often a code may still
be used is decided by a conditional UPDATE and held by checks of the tables.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.models import Job
from loyalty_crm.kernel.models.functions import ClockTimestamp
from members.models import Member, Receipt
from rewards.models.ledger import Wallet
from rewards.models.promotions import Promotion
from rewards.rules.codes import SAFE_LENGTH, masked

_CODE = 40


class CouponBatch(models.Model):
    """Codes of one promotion under the same terms.

    Generic: one code that everybody may know. Unique: many codes that nobody can
    guess. Personal: codes issued one by one, each to its member. ``made`` counts
    codes; codes of a batch that is not ready do not hold.
    """

    class Kind(models.TextChoices):
        GENERIC = "generic", _("one code for everybody")
        UNIQUE = "unique", _("a code each")
        PERSONAL = "personal", _("issued to members one by one")

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        GENERATING = "generating", _("being generated")
        READY = "ready", _("ready")
        CLOSED = "closed", _("closed")

    public_id = models.UUIDField(db_default=RandomUUID(), unique=True, editable=False)
    promotion = models.ForeignKey(
        Promotion, on_delete=models.PROTECT, related_name="coupons", verbose_name=_("promotion")
    )
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    name = models.CharField(_("name"), max_length=200)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DRAFT)
    prefix = models.CharField(_("prefix"), max_length=20, blank=True)
    random_length = models.PositiveSmallIntegerField(_("random places"), default=SAFE_LENGTH)
    wanted = models.PositiveBigIntegerField(_("codes wanted"))
    made = models.PositiveBigIntegerField(_("codes made"), default=0, db_default=0)
    uses_per_code = models.PositiveBigIntegerField(_("uses of a code"), null=True, blank=True)
    uses_per_member = models.PositiveIntegerField(_("uses of a member"), null=True, blank=True)
    valid_from = models.DateTimeField(_("valid from"), null=True, blank=True)
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True)
    valid_days = models.PositiveIntegerField(_("days valid after issue"), null=True, blank=True)
    #: Codes of stores where it holds; none named: in all of them.
    stores = ArrayField(models.CharField(max_length=40), default=list, verbose_name=_("stores"))
    reopen_on_return = models.BooleanField(_("free again after a full return"), default=True)
    job = models.ForeignKey(Job, on_delete=models.PROTECT, null=True, related_name="+")
    created_by = models.CharField(_("created by"), max_length=120)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("coupon batch")
        verbose_name_plural = _("coupon batches")
        constraints = [
            models.CheckConstraint(
                name="coupons_made_as_wanted", condition=Q(made__lte=F("wanted"))
            ),
            models.CheckConstraint(
                name="coupons_hard_to_guess",
                condition=Q(kind="generic") | Q(random_length__gte=9),
            ),
            models.UniqueConstraint(
                name="one_open_personal_batch",
                fields=["promotion"],
                condition=Q(kind="personal", state="ready"),
            ),
        ]
        indexes = [models.Index(fields=["-created_at", "-id"], name="coupon_batches_newest")]

    def __str__(self) -> str:
        return self.name


class Coupon(models.Model):
    """One code. ``uses`` and ``held`` together never pass ``max_uses``.

    A code without ``max_uses`` counts no uses here: what cannot run dry is not
    locked, or every till that takes it would queue for its row.
    """

    class State(models.TextChoices):
        ISSUED = "issued", _("issued")
        ASSIGNED = "assigned", _("assigned to a member")
        RESERVED = "reserved", _("reserved")
        REDEEMED = "redeemed", _("redeemed")
        EXPIRED = "expired", _("expired")
        REVOKED = "revoked", _("revoked")

    batch = models.ForeignKey(
        CouponBatch, on_delete=models.PROTECT, related_name="coupons", db_index=False
    )
    code = models.CharField(_("code"), max_length=_CODE, unique=True, db_collation="C")
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, null=True, related_name="coupons", db_index=False
    )
    max_uses = models.PositiveBigIntegerField(_("uses allowed"), null=True)
    uses = models.PositiveBigIntegerField(_("uses"), db_default=0)
    held = models.PositiveBigIntegerField(_("reserved"), db_default=0)
    valid_until = models.DateTimeField(_("valid until"), null=True)
    #: What it was issued for: a repeat of the same reference finds this coupon.
    source = models.CharField(max_length=80, default="", db_default="")
    source_ref = models.CharField(max_length=120, default="", db_default="")
    issued_at = models.DateTimeField(_("issued at"), db_default=Now())
    revoked_at = models.DateTimeField(_("revoked at"), null=True)

    class Meta:
        verbose_name = _("coupon")
        verbose_name_plural = _("coupons")
        constraints = [
            models.CheckConstraint(
                name="coupon_never_used_too_often",
                condition=Q(max_uses__isnull=True) | Q(max_uses__gte=F("uses") + F("held")),
            ),
            models.UniqueConstraint(
                name="coupon_issued_once",
                fields=["source", "source_ref"],
                condition=~Q(source=""),
            ),
        ]
        indexes = [
            models.Index(fields=["batch", "id"], name="coupons_of_batch"),
            models.Index(fields=["id"], name="coupons_held", condition=Q(held__gt=0)),
            models.Index(
                fields=["member", "-id"],
                name="coupons_of_member",
                condition=Q(member__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return masked(self.code)

    def state_at(self, now: datetime) -> Coupon.State:
        """Follows from the columns, so that it never disagrees with them. Needs the batch."""
        if self.revoked_at:
            return self.State.REVOKED
        if self.max_uses is not None and self.uses >= self.max_uses:
            return self.State.REDEEMED
        ends = [one for one in (self.valid_until, self.batch.valid_until) if one]
        if ends and min(ends) <= now:
            return self.State.EXPIRED
        if self.held:
            return self.State.RESERVED
        return self.State.ASSIGNED if self.member_id else self.State.ISSUED


class CouponTally(models.Model):
    """How often one member has used codes of one batch that bounds it.

    Of a member who was merged into another, ``moved_to`` is the tally that counts, and
    ``uses`` is what it brought there, less what went back since.
    """

    batch = models.ForeignKey(CouponBatch, on_delete=models.PROTECT, related_name="+")
    member = models.ForeignKey(Member, on_delete=models.DO_NOTHING, related_name="+")
    uses = models.PositiveIntegerField(db_default=0)
    held = models.PositiveIntegerField(db_default=0)
    moved_to = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_tally_per_member", fields=["batch", "member"])
        ]

    def __str__(self) -> str:
        return f"{self.batch_id}/{self.member_id}: {self.uses}"


class CouponFollow(models.Model):
    """A member's coupon went along when their wallet was merged into another's.

    ``returned_at``: the merge was taken back, and the coupon with it.
    """

    coupon = models.ForeignKey(Coupon, on_delete=models.PROTECT, related_name="+")
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="+")
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="+", verbose_name=_("member")
    )
    moved_at = models.DateTimeField(_("moved at"), db_default=Now())
    returned_at = models.DateTimeField(_("returned at"), null=True)

    class Meta:
        verbose_name = _("coupon that followed a merge")
        verbose_name_plural = _("coupons that followed a merge")
        constraints = [
            models.UniqueConstraint(
                name="coupon_follows_once",
                fields=["coupon", "wallet"],
                condition=Q(returned_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.coupon_id}: {self.wallet_id}"


class CouponUse(models.Model):
    """One thing that happened to a coupon. Never changed, never deleted.

    A reservation is ended by a row ``of`` it (redeemed or released), a redemption
    by a row that rolls it back: each at most once.
    """

    class Act(models.TextChoices):
        RESERVED = "reserved", _("reserved")
        REDEEMED = "redeemed", _("redeemed")
        RELEASED = "released", _("released")
        ROLLED_BACK = "rolled_back", _("rolled back")

    public_id = models.UUIDField(db_default=RandomUUID(), unique=True, editable=False)
    coupon = models.ForeignKey(Coupon, on_delete=models.PROTECT, related_name="history")
    act = models.CharField(_("what happened"), max_length=11, choices=Act)
    of = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="ended_by")
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, null=True, related_name="+", db_index=False
    )
    receipt = models.ForeignKey(
        Receipt, on_delete=models.DO_NOTHING, null=True, related_name="+", db_index=False
    )
    #: Whether the member's tally counts it: the bound may be set or lifted later.
    is_tallied = models.BooleanField(default=False, db_default=False)
    source = models.CharField(_("source"), max_length=80)
    source_ref = models.CharField(_("reference"), max_length=120)
    expires_at = models.DateTimeField(_("reserved until"), null=True)
    actor = models.CharField(_("actor"), max_length=120)
    occurred_at = models.DateTimeField(_("occurred at"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=ClockTimestamp())

    class Meta:
        verbose_name = _("use of a coupon")
        verbose_name_plural = _("uses of coupons")
        constraints = [
            models.UniqueConstraint(
                name="coupon_act_once", fields=["source", "source_ref", "act", "coupon"]
            ),
            models.CheckConstraint(
                name="coupon_act_ends_another",
                condition=Q(act="reserved", of=None, expires_at__isnull=False)
                | Q(act="redeemed", expires_at=None)
                | Q(act__in=["released", "rolled_back"], of__isnull=False, expires_at=None),
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"], name="coupon_reservations", condition=Q(act="reserved")
            ),
            models.Index(
                fields=["receipt"],
                name="coupons_of_receipt",
                condition=Q(receipt__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.act} {self.source} {self.source_ref}"


class CouponExport(models.Model):
    """Codes of a batch that shall leave the house: asked for by one, approved by another.

    The file is encrypted while it is sent and never stored; of its passphrase only
    a hash is kept, until the one download.
    """

    batch = models.ForeignKey(
        CouponBatch, on_delete=models.PROTECT, related_name="exports", verbose_name=_("batch")
    )
    reason = models.CharField(_("reason"), max_length=200)
    requested_by = models.CharField(_("requested by"), max_length=120)
    requested_at = models.DateTimeField(_("requested at"), db_default=Now())
    approved_by = models.CharField(_("approved by"), max_length=120, blank=True, db_default="")
    approved_at = models.DateTimeField(_("approved at"), null=True)
    refused_at = models.DateTimeField(_("refused at"), null=True)
    passphrase_hash = models.CharField(max_length=200, blank=True, db_default="", editable=False)
    downloaded_at = models.DateTimeField(_("downloaded at"), null=True)

    class Meta:
        verbose_name = _("export of coupons")
        verbose_name_plural = _("exports of coupons")
        constraints = [
            models.CheckConstraint(
                name="export_needs_a_second_person",
                condition=~Q(requested_by=F("approved_by")) & ~Q(requested_by=""),
            ),
            models.CheckConstraint(
                name="export_downloaded_when_approved",
                condition=Q(downloaded_at=None)
                | Q(approved_at__isnull=False, refused_at=None) & ~Q(approved_by=""),
            ),
        ]
        indexes = [models.Index(fields=["-requested_at", "-id"], name="coupon_exports_newest")]

    def __str__(self) -> str:
        return f"{self.batch_id} {self.requested_at:%Y-%m-%d}"
