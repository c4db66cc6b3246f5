"""The ledger: wallets, append-only entries with a counter-account, lots, moves and holds.

Rows are written by ``rewards.services.ledger`` alone, in SQL; the database
keeps the invariants (see migrations and docs/decisions). Amounts are integers
in the smallest unit of the wallet.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Never, Self
from uuid import UUID

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.models.functions import ClockTimestamp
from members.models import Card, Member
from members.rules.cards import clean_number
from rewards.models.programmes import Programme

AMOUNT_MAX = 10**12


class WrittenBySQL(models.Model):
    """Rows that only ``rewards.services`` write, in SQL; the ORM reads them.

    The database refuses changes anyway. This makes the mistake visible where it is made.
    """

    class Meta:
        abstract = True

    def save(self, *_args: Any, **_kwargs: Any) -> Never:
        raise TypeError(f"{type(self).__name__} rows are written by rewards.services, in SQL")

    def delete(self, *_args: Any, **_kwargs: Any) -> Never:
        raise TypeError(f"{type(self).__name__} rows are never deleted")


class WalletQuerySet(models.QuerySet["Wallet"]):
    def points(self) -> Self:
        return self.filter(kind=Wallet.Kind.POINTS)

    def open(self) -> Self:
        """All but those that were merged into another one."""
        return self.exclude(status=Wallet.Status.MERGED)

    def shown(self) -> Self:
        """With what a screen or an answer about a wallet needs, in one query."""
        return self.select_related("programme", "member", "merged_into")

    def with_pending(self) -> Self:
        """With ``pending``: promised points that are not active yet, by the index of the wallet."""
        waiting = PendingGrant.objects.waiting().filter(wallet=OuterRef("pk")).order_by()
        total = waiting.values("wallet").annotate(n=Sum(F("amount") - F("cancelled"))).values("n")
        return self.annotate(
            pending=Coalesce(Subquery(total), 0, output_field=models.BigIntegerField())
        )

    def search(self, term: str) -> Self:
        """By index alone: the account's id, or the number of a card, its own or its member's."""
        try:
            return self.filter(public_id=UUID(term.strip()))
        except ValueError:
            cards = Card.objects.filter(number=clean_number(term))
            by_member = Wallet.objects.filter(member__in=cards.values("member")).values("pk")
            by_card = Wallet.objects.filter(card__in=cards.values("pk")).values("pk")
            # An OR over two tables would read every wallet.
            return self.filter(pk__in=by_member.union(by_card))


class LotQuerySet(models.QuerySet["Lot"]):
    def unspent(self) -> Self:
        """In the order in which they will be spent."""
        return self.filter(remaining__gt=0).order_by("expires_at", "pk")

    def expiring(self, before: datetime) -> Self:
        return self.unspent().filter(expires_at__lt=before)


class HoldQuerySet(models.QuerySet["Hold"]):
    def unresolved(self) -> Self:
        return self.filter(~Exists(HoldResolution.objects.filter(hold=OuterRef("pk"))))

    def shown(self) -> Self:
        """With what an answer about a hold needs, in one query."""
        return self.select_related("wallet", "tx", "resolution")


class PendingGrantQuerySet(models.QuerySet["PendingGrant"]):
    def waiting(self) -> Self:
        return self.filter(posted_tx=None, cancelled__lt=F("amount")).order_by("available_at", "pk")


class Wallet(WrittenBySQL):
    """The guarded balance of one member or gift card in one unit. The only row a sale locks."""

    class Kind(models.TextChoices):
        POINTS = "points", _("points")
        GIFT = "gift", _("gift card")
        STAMP = "stamp", _("stamps")
        POOL = "pool", _("points of a household")

    class Status(models.TextChoices):
        ACTIVE = "active", _("active")
        FROZEN = "frozen", _("frozen")
        MERGED = "merged", _("merged")
        CLOSED = "closed", _("closed")

    public_id = models.UUIDField(db_default=RandomUUID(), unique=True, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="wallets")
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, null=True, related_name="wallets"
    )
    card = models.ForeignKey(Card, on_delete=models.DO_NOTHING, null=True, related_name="wallets")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, db_default=Kind.POINTS)
    unit = models.CharField(_("unit"), max_length=60)
    status = models.CharField(_("status"), max_length=10, choices=Status, db_default=Status.ACTIVE)
    merged_into = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")
    posted = models.BigIntegerField(_("balance"), db_default=0)
    held = models.BigIntegerField(_("held"), db_default=0)
    debt_limit = models.BigIntegerField(_("debt limit"), db_default=0)
    last_seq = models.BigIntegerField(db_default=0)
    last_activity_at = models.DateTimeField(_("last purchase"), null=True)
    created_at = models.DateTimeField(db_default=Now())

    objects = WalletQuerySet.as_manager()

    class Meta:
        verbose_name = _("wallet")
        verbose_name_plural = _("wallets")
        constraints = [
            models.UniqueConstraint(
                name="one_wallet_per_member_and_unit",
                fields=["member", "unit"],
                condition=Q(member__isnull=False) & ~Q(status="merged"),
            ),
            models.CheckConstraint(
                name="wallet_has_an_owner",
                condition=Q(member__isnull=False)
                | Q(card__isnull=False)
                | Q(kind__in=["gift", "pool"]),
            ),
            models.CheckConstraint(name="wallet_held_not_negative", condition=Q(held__gte=0)),
            models.CheckConstraint(
                name="wallet_debt_limit_not_negative", condition=Q(debt_limit__gte=0)
            ),
            models.CheckConstraint(
                name="wallet_within_debt_limit", condition=Q(posted__gte=-F("debt_limit"))
            ),
            models.CheckConstraint(
                name="gift_wallet_never_in_debt",
                condition=~Q(kind__in=["gift", "pool"]) | Q(debt_limit=0),
            ),
            models.CheckConstraint(
                name="merged_wallet_is_empty",
                condition=~Q(status="merged") | Q(merged_into__isnull=False, posted=0, held=0),
            ),
            models.CheckConstraint(
                name="wallet_balance_bounded",
                condition=Q(posted__gte=-AMOUNT_MAX, posted__lte=AMOUNT_MAX),
            ),
        ]
        indexes = [
            # ``posted`` and ``last_seq`` stand in no index, so a sale updates the row in place.
            models.Index(fields=["id"], name="wallet_holding", condition=Q(held__gt=0)),
            models.Index(
                fields=["status", "-id"], name="wallet_set_aside", condition=~Q(status="active")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.unit} {self.pk}"

    @property
    def available(self) -> int:
        """What may be spent now: the balance less what is held."""
        return max(self.posted - self.held, 0)


class LedgerTx(WrittenBySQL):
    """One business event that moves value; a (source, source_ref, op) happens once, for ever."""

    public_id = models.UUIDField(db_default=RandomUUID(), unique=True, editable=False)
    op = models.CharField(max_length=30)
    source = models.CharField(max_length=60)
    source_ref = models.CharField(max_length=120)
    reverses = models.ForeignKey(
        "self", on_delete=models.DO_NOTHING, null=True, related_name="reversals", db_index=False
    )
    reason = models.CharField(_("reason"), max_length=300, db_default="")
    effective_at = models.DateTimeField(_("effective at"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=ClockTimestamp())
    actor = models.CharField(_("actor"), max_length=80)

    class Meta:
        verbose_name = _("ledger transaction")
        verbose_name_plural = _("ledger transactions")
        constraints = [
            models.UniqueConstraint(
                name="business_event_once", fields=["source", "source_ref", "op"]
            )
        ]
        indexes = [
            models.Index(
                fields=["reverses"], name="tx_reversals", condition=Q(reverses__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return f"{self.op} {self.source} {self.source_ref}"


class LedgerEntry(WrittenBySQL):
    """One movement: a wallet on one side, the programme's counter-account on the other.

    ``seq``, ``balance_after`` and ``recorded_at`` are filled by the database.
    """

    class Kind(models.TextChoices):
        EARN = "earn", _("earned")
        REDEEM = "redeem", _("spent")
        EXPIRE = "expire", _("expired")
        CLAWBACK = "clawback", _("taken back")
        RESTORE = "restore", _("given back")
        ADJUST = "adjust", _("adjusted")
        LOAD = "load", _("loaded")
        UNLOAD = "unload", _("paid back")
        CLEARING = "clearing", _("moved")

    class Contra(models.TextChoices):
        ISSUANCE = "issuance", _("issuance")
        REDEMPTION = "redemption", _("redemption")
        BREAKAGE = "breakage", _("breakage")
        ADJUSTMENT = "adjustment", _("adjustment")
        SALE = "sale", _("sale")
        CLEARING = "clearing", _("clearing")
        PARTNER = "partner", _("partner")

    wallet = models.ForeignKey(
        Wallet, on_delete=models.DO_NOTHING, related_name="entries", db_index=False
    )
    seq = models.BigIntegerField()
    tx = models.ForeignKey(LedgerTx, on_delete=models.DO_NOTHING, related_name="entries")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    contra = models.CharField(_("counter-account"), max_length=12, choices=Contra)
    amount = models.BigIntegerField(_("amount"))
    balance_after = models.BigIntegerField(_("balance after"))
    #: Whose counter-account it is, when it is a partner's.
    partner = models.ForeignKey(
        "rewards.Partner",
        on_delete=models.DO_NOTHING,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("partner"),
    )
    recorded_at = models.DateTimeField(_("recorded at"), db_default=ClockTimestamp())

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        constraints = [
            models.UniqueConstraint(name="entry_sequence_per_wallet", fields=["wallet", "seq"]),
            models.CheckConstraint(
                name="entry_moves_something",
                condition=~Q(amount=0) & Q(amount__gte=-AMOUNT_MAX, amount__lte=AMOUNT_MAX),
            ),
            models.CheckConstraint(
                name="entry_kind_fits_its_sign",
                condition=Q(kind__in=["earn", "restore", "load"], amount__gt=0)
                | Q(kind__in=["redeem", "expire", "clawback", "unload"], amount__lt=0)
                | Q(kind__in=["adjust", "clearing"]),
            ),
            models.CheckConstraint(
                name="entry_kind_known",
                condition=Q(
                    kind__in=[
                        "earn",
                        "redeem",
                        "expire",
                        "clawback",
                        "restore",
                        "adjust",
                        "load",
                        "unload",
                        "clearing",
                    ]
                )
                & Q(
                    contra__in=[
                        "issuance",
                        "redemption",
                        "breakage",
                        "adjustment",
                        "sale",
                        "clearing",
                        "partner",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="clearing_meets_clearing",
                condition=Q(kind="clearing", contra="clearing")
                | ~Q(kind="clearing") & ~Q(contra="clearing"),
            ),
            models.CheckConstraint(
                name="partner_account_names_the_partner",
                condition=Q(
                    contra="partner",
                    partner__isnull=False,
                    kind__in=["earn", "redeem", "clawback", "restore"],
                )
                | Q(partner__isnull=True) & ~Q(contra="partner"),
            ),
        ]
        indexes = [
            models.Index(
                fields=["partner", "id"],
                name="entries_of_partner",
                condition=Q(partner__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"


class Lot(WrittenBySQL):
    """Points of one wallet that expire together; NEVER of the rules is a date like any other."""

    wallet = models.ForeignKey(
        Wallet, on_delete=models.DO_NOTHING, related_name="lots", db_index=False
    )
    expires_at = models.DateTimeField(_("expires at"))
    granted = models.BigIntegerField(_("granted"), db_default=0)
    remaining = models.BigIntegerField(_("remaining"), db_default=0)

    objects = LotQuerySet.as_manager()

    class Meta:
        verbose_name = _("lot")
        verbose_name_plural = _("lots")
        constraints = [
            models.UniqueConstraint(name="one_lot_per_expiry", fields=["wallet", "expires_at"]),
            models.CheckConstraint(
                name="lot_within_what_was_granted",
                condition=Q(remaining__gte=0, remaining__lte=F("granted")),
            ),
        ]
        indexes = [
            models.Index(
                fields=["wallet", "expires_at", "id"], name="lot_open", condition=Q(remaining__gt=0)
            ),
            models.Index(fields=["expires_at", "id"], name="lot_due", condition=Q(remaining__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.remaining}/{self.granted}"


class LotMove(WrittenBySQL):
    """What one entry did to one lot: + grant or restore, - consume or expire."""

    # The key (wallet, seq) → entry of the migration holds the wallet as well.
    wallet = models.ForeignKey(
        Wallet, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    seq = models.BigIntegerField()
    lot = models.ForeignKey(Lot, on_delete=models.DO_NOTHING, related_name="moves")
    amount = models.BigIntegerField()

    class Meta:
        verbose_name = _("lot move")
        verbose_name_plural = _("lot moves")
        constraints = [
            models.UniqueConstraint(
                name="one_move_per_entry_and_lot", fields=["wallet", "seq", "lot"]
            ),
            models.CheckConstraint(name="move_moves_something", condition=~Q(amount=0)),
        ]

    def __str__(self) -> str:
        return f"{self.amount}"


class Hold(WrittenBySQL):
    """Value set aside for a payment that is not finished; HoldResolution says how it ended."""

    public_id = models.UUIDField(db_default=RandomUUID(), unique=True, editable=False)
    wallet = models.ForeignKey(
        Wallet, on_delete=models.DO_NOTHING, related_name="holds", db_index=False
    )
    tx = models.ForeignKey(LedgerTx, on_delete=models.DO_NOTHING, related_name="holds")
    amount = models.BigIntegerField(_("amount"))
    expires_at = models.DateTimeField(_("expires at"))
    created_at = models.DateTimeField(_("created at"), db_default=ClockTimestamp())

    objects = HoldQuerySet.as_manager()

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        constraints = [
            models.CheckConstraint(
                name="hold_of_something", condition=Q(amount__gt=0, amount__lte=AMOUNT_MAX)
            )
        ]
        indexes = [models.Index(fields=["wallet", "expires_at"], name="hold_of_wallet")]

    def __str__(self) -> str:
        return f"{self.amount}"

    @property
    def status(self) -> str:
        """How it ended, or ``held``."""
        ended: HoldResolution | None = getattr(self, "resolution", None)
        return ended.outcome if ended else "held"

    @property
    def captured(self) -> int:
        ended: HoldResolution | None = getattr(self, "resolution", None)
        return ended.captured if ended else 0


class HoldResolution(WrittenBySQL):
    """How a hold ended. Its key is the hold's: a hold ends at most once."""

    class Outcome(models.TextChoices):
        CAPTURED = "captured", _("captured")
        VOIDED = "voided", _("released")
        EXPIRED = "expired", _("expired")

    hold = models.OneToOneField(
        Hold, on_delete=models.DO_NOTHING, primary_key=True, related_name="resolution"
    )
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome)
    captured = models.BigIntegerField(_("captured"), db_default=0)
    tx = models.ForeignKey(LedgerTx, on_delete=models.DO_NOTHING, related_name="+")
    resolved_at = models.DateTimeField(_("resolved at"), db_default=ClockTimestamp())

    class Meta:
        verbose_name = _("hold resolution")
        verbose_name_plural = _("hold resolutions")
        constraints = [
            models.CheckConstraint(
                name="only_a_capture_captures",
                condition=Q(outcome="captured", captured__gt=0)
                | Q(outcome__in=["voided", "expired"], captured=0),
            )
        ]

    def __str__(self) -> str:
        return self.outcome


class PendingGrant(WrittenBySQL):
    """Points promised and not yet active: posted by an entry one day, or cancelled by a return."""

    wallet = models.ForeignKey(Wallet, on_delete=models.DO_NOTHING, related_name="pending_grants")
    tx = models.ForeignKey(LedgerTx, on_delete=models.DO_NOTHING, related_name="pending_grants")
    amount = models.BigIntegerField(_("amount"))
    cancelled = models.BigIntegerField(_("cancelled"), db_default=0)
    available_at = models.DateTimeField(_("active from"))
    expires_at = models.DateTimeField(_("expires at"))
    posted_tx = models.OneToOneField(
        LedgerTx, on_delete=models.DO_NOTHING, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=ClockTimestamp())

    objects = PendingGrantQuerySet.as_manager()

    class Meta:
        verbose_name = _("pending points")
        verbose_name_plural = _("pending points")
        constraints = [
            models.CheckConstraint(
                name="pending_within_bounds",
                condition=Q(
                    amount__gt=0,
                    amount__lte=AMOUNT_MAX,
                    cancelled__gte=0,
                    cancelled__lte=F("amount"),
                ),
            )
        ]
        indexes = [
            models.Index(
                fields=["available_at"],
                name="pending_due",
                condition=Q(posted_tx__isnull=True) & Q(cancelled__lt=F("amount")),
            )
        ]

    def __str__(self) -> str:
        return f"{self.amount}"
