"""Partners of the programme: who they are, what was agreed with them, and what they did."""

from __future__ import annotations

from datetime import date
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.ids import uuid7
from loyalty_crm.kernel.models import Integration
from loyalty_crm.kernel.models.functions import ClockTimestamp
from members.models import Member, Store
from rewards.models.ledger import LedgerTx, Wallet
from rewards.models.programmes import Programme


class Partner(models.Model):
    """A firm that gives or takes points of the programme: a shop of the mall, an insurer.

    ``integration`` holds its API keys: they see this partner and no other.
    """

    public_id = models.UUIDField(_("id"), default=uuid7, unique=True, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="partners")
    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=120)
    category = models.CharField(_("category"), max_length=60, blank=True, default="")
    about = models.TextField(_("what members read about it"), blank=True, default="")
    website = models.URLField(_("website"), blank=True, default="")
    contacts = models.TextField(_("contacts"), blank=True, default="")
    integration = models.OneToOneField(
        Integration,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="partner",
        verbose_name=_("integration"),
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created at"), db_default=ClockTimestamp())

    class Meta:
        verbose_name = _("partner")
        verbose_name_plural = _("partners")
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class PartnerStore(models.Model):
    """A store that belongs to a partner: to one at most."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="places")
    store = models.OneToOneField(Store, on_delete=models.PROTECT, related_name="of_partner")

    class Meta:
        verbose_name = _("store of a partner")
        verbose_name_plural = _("stores of partners")

    def __str__(self) -> str:
        return f"{self.store_id}"


class PartnerContractQuerySet(models.QuerySet["PartnerContract"]):
    def in_force(self, day: date) -> Self:
        """Those that hold on the day, the newest first: the first one counts."""
        ends = Q(ends_on__isnull=True) | Q(ends_on__gte=day)
        agreed = self.exclude(state="draft")
        return agreed.filter(ends, starts_on__lte=day).order_by("-number")


class PartnerContract(models.Model):
    """One version of what was agreed: rates, who pays, how. Once active it never changes.

    Prices are money for 1 000 points in minor units. ``earn_share_percent`` is the
    part of the price of earned points that the partner bears, ``burn_share_percent``
    the part of the price of spent points that the shop pays to the partner.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        ACTIVE = "active", _("active")
        ENDED = "ended", _("ended")

    class Mode(models.TextChoices):
        PREPAID = "prepaid", _("prepaid: points are issued while money is left")
        POSTPAID = "postpaid", _("postpaid: by the statement")

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="contracts")
    number = models.PositiveIntegerField(_("version"))
    state = models.CharField(_("state"), max_length=6, choices=State, default=State.DRAFT)
    mode = models.CharField(_("payment"), max_length=8, choices=Mode, default=Mode.POSTPAID)
    may_earn = models.BooleanField(_("gives points"), default=True)
    may_burn = models.BooleanField(_("takes points"), default=True)
    earn_points = models.PositiveBigIntegerField(_("points"), default=1)
    earn_minor = models.PositiveBigIntegerField(_("for each, minor units of money"), default=100)
    events = models.JSONField(
        _("points for events"),
        default=dict,
        blank=True,
        help_text=_('Points by the code of the event: {"policy_renewed": 500}.'),
    )
    earn_price_minor = models.PositiveBigIntegerField(
        _("price of 1 000 earned points, minor units"), default=1000
    )
    earn_share_percent = models.PositiveSmallIntegerField(
        _("of it the partner bears, %"), default=100
    )
    burn_price_minor = models.PositiveBigIntegerField(
        _("price of 1 000 spent points, minor units"), default=1000
    )
    burn_share_percent = models.PositiveSmallIntegerField(
        _("of it the shop pays to the partner, %"), default=100
    )
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("until"), null=True, blank=True)
    note = models.CharField(_("note"), max_length=300, blank=True, default="")
    created_by = models.CharField(_("created by"), max_length=120)
    created_at = models.DateTimeField(_("created at"), db_default=ClockTimestamp())
    activated_by = models.CharField(_("activated by"), max_length=120, blank=True, default="")
    activated_at = models.DateTimeField(_("activated at"), null=True)

    objects = PartnerContractQuerySet.as_manager()

    class Meta:
        verbose_name = _("contract with a partner")
        verbose_name_plural = _("contracts with partners")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(name="contract_version_once", fields=["partner", "number"]),
            models.CheckConstraint(
                name="contract_days_in_order",
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
            ),
            models.CheckConstraint(
                name="contract_shares_are_percentages",
                condition=Q(earn_share_percent__lte=100, burn_share_percent__lte=100),
            ),
            models.CheckConstraint(
                name="contract_within_bounds",
                condition=Q(
                    earn_minor__gte=1,
                    earn_minor__lte=10**9,
                    earn_points__lte=10**6,
                    earn_price_minor__lte=10**9,
                    burn_price_minor__lte=10**9,
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.partner_id} v{self.number}"


class PartnerAccount(models.Model):
    """What is left of the money a partner paid in advance. The database alone moves it."""

    partner = models.OneToOneField(
        Partner, on_delete=models.PROTECT, primary_key=True, related_name="account"
    )
    prepaid_minor = models.BigIntegerField(_("prepaid balance"), db_default=0)

    class Meta:
        verbose_name = _("account of a partner")
        verbose_name_plural = _("accounts of partners")

    def __str__(self) -> str:
        return f"{self.prepaid_minor}"


class PartnerDeposit(models.Model):
    """Money that a partner paid in advance, or with a minus took out again. Never changed."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="deposits")
    amount_minor = models.BigIntegerField(_("amount"))
    reference = models.CharField(_("document"), max_length=80)
    note = models.CharField(_("note"), max_length=300, blank=True, default="")
    actor = models.CharField(_("by"), max_length=80)
    recorded_at = models.DateTimeField(_("recorded at"), db_default=ClockTimestamp())

    class Meta:
        verbose_name = _("deposit of a partner")
        verbose_name_plural = _("deposits of partners")
        constraints = [
            models.UniqueConstraint(name="deposit_document_once", fields=["partner", "reference"]),
            models.CheckConstraint(
                name="deposit_moves_money",
                condition=~Q(amount_minor=0)
                & Q(amount_minor__gte=-(10**12), amount_minor__lte=10**12),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor}"


class PartnerOperationQuerySet(models.QuerySet["PartnerOperation"]):
    def visible_to(self, actor: Actor) -> Self:
        """A partner's own key sees the partner's own; everybody else's sees nothing."""
        return self.filter(partner__integration__public_id=actor.id)

    def unsettled(self) -> Self:
        return self.filter(settlement_line__isnull=True)

    def shown(self) -> Self:
        return self.select_related("partner", "contract", "store", "member", "reverses")


class PartnerOperation(models.Model):
    """Points that a partner gave or took, once per partner and document. Never changed.

    ``points`` are above zero for what happened and below for what took it back.
    ``due_minor`` is money: above zero the partner owes it, below it is owed to the
    partner. The ledger's entry carries the partner as its counter-account.
    """

    class Kind(models.TextChoices):
        EARN = "earn", _("points given")
        BURN = "burn", _("points taken")

    public_id = models.UUIDField(_("id"), default=uuid7, unique=True, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="operations")
    contract = models.ForeignKey(PartnerContract, on_delete=models.PROTECT, related_name="+")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, null=True, related_name="+")
    member = models.ForeignKey(Member, on_delete=models.DO_NOTHING, related_name="+")
    wallet = models.ForeignKey(Wallet, on_delete=models.DO_NOTHING, related_name="+")
    kind = models.CharField(_("kind"), max_length=4, choices=Kind)
    reverses = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="reversals"
    )
    reference = models.CharField(_("document"), max_length=80)
    event = models.CharField(_("event"), max_length=40, blank=True, default="")
    basis_minor = models.BigIntegerField(_("amount of the purchase"), default=0)
    points = models.BigIntegerField(_("points"))
    worth_minor = models.BigIntegerField(_("worth to the member"), default=0)
    due_minor = models.BigIntegerField(_("due"))
    tx = models.ForeignKey(LedgerTx, on_delete=models.DO_NOTHING, related_name="+")
    reason = models.CharField(_("reason"), max_length=300, blank=True, default="")
    occurred_at = models.DateTimeField(_("occurred at"))
    business_date = models.DateField(_("day"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=ClockTimestamp())
    actor = models.CharField(_("by"), max_length=80)

    objects = PartnerOperationQuerySet.as_manager()

    class Meta:
        verbose_name = _("operation of a partner")
        verbose_name_plural = _("operations of partners")
        constraints = [
            models.UniqueConstraint(name="partner_document_once", fields=["partner", "reference"]),
            models.CheckConstraint(
                name="partner_operation_moves_points",
                condition=Q(points__gt=0, reverses__isnull=True)
                | Q(points__lt=0, reverses__isnull=False),
            ),
            models.CheckConstraint(
                name="partner_due_fits_its_kind",
                condition=Q(kind="earn", reverses__isnull=True, due_minor__gte=0)
                | Q(kind="earn", reverses__isnull=False, due_minor__lte=0)
                | Q(kind="burn", reverses__isnull=True, due_minor__lte=0)
                | Q(kind="burn", reverses__isnull=False, due_minor__gte=0),
            ),
        ]
        indexes = [
            models.Index(fields=["partner", "-id"], name="operations_of_partner"),
            models.Index(fields=["partner", "business_date"], name="partner_days"),
            models.Index(fields=["member", "-id"], name="partner_ops_of_member"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.points}"
