"""Prize draws: rules that must be complete, a frozen list, a committed seed, and the winners."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from members.models import Member
from rewards.models.prizes import PrizeKind, PrizeWin
from rewards.models.programmes import Programme

#: What advertising of a draw has to tell (law on advertising, article 9).
REQUIRED = ("organiser", "rules", "information", "hand_over_place", "hand_over_terms")


class Draw(models.Model):
    """A draw of prizes among the holders of its tickets (award balances ``draw_tickets``)."""

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        PUBLISHED = "published", _("tickets are given")
        CLOSED = "closed", _("list of participants frozen")
        DRAWN = "drawn", _("drawn")
        HANDED_OVER = "handed_over", _("prizes handed over")
        CANCELLED = "cancelled", _("cancelled")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="draws")
    code = models.SlugField(
        _("code"), max_length=80, help_text=_("Promotions give tickets of a draw by this code.")
    )
    title = models.CharField(_("title"), max_length=150)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.DRAFT)
    organiser = models.TextField(
        _("organiser"),
        max_length=500,
        blank=True,
        help_text=_("Legal name, address, registration number."),
    )
    rules = models.TextField(_("rules"), max_length=20_000, blank=True)
    information = models.CharField(
        _("where to learn of the organiser, rules, prizes and dates"),
        max_length=300,
        blank=True,
        help_text=_("An address or a telephone number that can be shown in advertising."),
    )
    starts_at = models.DateTimeField(_("tickets from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("tickets until"), null=True, blank=True)
    draws_at = models.DateTimeField(_("day of the draw"), null=True, blank=True)
    hand_over_place = models.CharField(_("place of the hand-over"), max_length=300, blank=True)
    hand_over_until = models.DateField(_("prizes are handed over until"), null=True, blank=True)
    hand_over_terms = models.CharField(
        _("order of the hand-over"),
        max_length=500,
        blank=True,
        help_text=_("What the winner brings, and when."),
    )
    reserves = models.PositiveSmallIntegerField(_("reserve winners"), default=3)
    once_each = models.BooleanField(_("one prize a person at most"), default=True)
    answer_days = models.PositiveSmallIntegerField(_("days to answer"), default=7)
    beacon_source = models.CharField(
        _("public number mixed in on the day"),
        max_length=200,
        blank=True,
        help_text=_("For instance the exchange rate of the day. Empty: the seed alone decides."),
    )
    beacon = models.CharField(_("the public number"), max_length=64, blank=True)
    seed = models.CharField(max_length=64, blank=True)
    seed_hash = models.CharField(_("SHA-256 of the seed"), max_length=64, blank=True)
    list_hash = models.CharField(_("SHA-256 of the list"), max_length=64, blank=True)
    participants = models.PositiveIntegerField(_("participants"), default=0)
    tickets = models.PositiveBigIntegerField(_("tickets"), default=0)
    frozen_at = models.DateTimeField(_("list frozen at"), null=True)
    drawn_at = models.DateTimeField(_("drawn at"), null=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("prize draw")
        verbose_name_plural = _("prize draws")
        constraints = [
            models.UniqueConstraint(name="draw_code_once", fields=["programme", "code"]),
            models.CheckConstraint(
                name="published_draw_tells_all",
                condition=Q(state__in=["draft", "cancelled"])
                | (
                    ~Q(organiser="")
                    & ~Q(rules="")
                    & ~Q(information="")
                    & ~Q(hand_over_place="")
                    & ~Q(hand_over_terms="")
                    & Q(starts_at__isnull=False)
                    & Q(ends_at__gt=F("starts_at"))
                    & Q(draws_at__gte=F("ends_at"))
                    & Q(hand_over_until__isnull=False)
                    & ~Q(seed_hash="")
                ),
            ),
            models.CheckConstraint(
                name="drawn_from_a_frozen_list",
                condition=~Q(state__in=["closed", "drawn", "handed_over"])
                | (~Q(list_hash="") & Q(frozen_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="draw_keeps_its_state",
                condition=Q(
                    state__in=["draft", "published", "closed", "drawn", "handed_over", "cancelled"]
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.title


class DrawPrize(models.Model):
    """What can be won in a draw, the dearest first."""

    draw = models.ForeignKey(Draw, on_delete=models.PROTECT, related_name="prizes")
    rank = models.PositiveSmallIntegerField(_("place"), default=0)
    label = models.CharField(_("prize"), max_length=200)
    quantity = models.PositiveSmallIntegerField(_("how many"), default=1)
    kind = models.CharField(_("kind"), max_length=20, choices=PrizeKind, default=PrizeKind.OTHER)
    what = models.CharField(_("which one"), max_length=80, blank=True, default="")
    amount = models.PositiveBigIntegerField(_("amount"), default=1)
    value_minor = models.PositiveBigIntegerField(_("value for tax, minor units"), default=0)

    class Meta:
        verbose_name = _("prize of a draw")
        verbose_name_plural = _("prizes of draws")
        ordering = ["draw", "rank", "id"]
        constraints = [
            models.CheckConstraint(
                name="draw_prize_exists", condition=Q(quantity__gte=1) & ~Q(kind="nothing")
            )
        ]

    def __str__(self) -> str:
        return self.label


class DrawEntry(models.Model):
    """One participant of the frozen list and the tickets from ``first`` to ``last``."""

    draw = models.ForeignKey(Draw, on_delete=models.PROTECT, related_name="entries")
    member = models.ForeignKey(Member, on_delete=models.DO_NOTHING, related_name="draw_entries")
    participant = models.CharField(_("participant"), max_length=16)
    first = models.PositiveBigIntegerField(_("first ticket"))
    last = models.PositiveBigIntegerField(_("last ticket"))

    class Meta:
        verbose_name = _("participant")
        verbose_name_plural = _("participants")
        constraints = [
            models.UniqueConstraint(name="one_entry_per_member", fields=["draw", "member"]),
            models.UniqueConstraint(name="ticket_ranges_follow", fields=["draw", "first"]),
            models.CheckConstraint(
                name="entry_has_tickets", condition=Q(first__gte=1, last__gte=F("first"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.participant}: {self.first}–{self.last}"


class DrawWinner(models.Model):
    """A place of the draw: with a prize, or in reserve until somebody drops out."""

    class State(models.TextChoices):
        RESERVE = "reserve", _("in reserve")
        ASKED = "asked", _("waits for an answer")
        ACCEPTED = "accepted", _("accepted")
        REFUSED = "refused", _("refused")
        SILENT = "silent", _("did not answer")
        HANDED = "handed", _("handed over")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    draw = models.ForeignKey(Draw, on_delete=models.PROTECT, related_name="winners")
    place = models.PositiveSmallIntegerField(_("place"))
    entry = models.ForeignKey(DrawEntry, on_delete=models.PROTECT, related_name="+")
    ticket = models.PositiveBigIntegerField(_("ticket"))
    prize = models.ForeignKey(
        DrawPrize,
        on_delete=models.PROTECT,
        null=True,
        related_name="winners",
        verbose_name=_("prize"),
    )
    state = models.CharField(_("state"), max_length=10, choices=State)
    answer_by = models.DateTimeField(_("answer until"), null=True)
    win = models.OneToOneField(PrizeWin, on_delete=models.PROTECT, null=True, related_name="place")
    note = models.CharField(_("note"), max_length=300, blank=True, default="")

    class Meta:
        verbose_name = _("winner")
        verbose_name_plural = _("winners")
        ordering = ["draw", "place"]
        constraints = [
            models.UniqueConstraint(name="one_winner_per_place", fields=["draw", "place"]),
            models.CheckConstraint(
                name="only_reserves_wait_without_a_prize",
                condition=Q(state="reserve", prize__isnull=True)
                | (~Q(state="reserve") & Q(prize__isnull=False)),
            ),
        ]
        indexes = [
            models.Index(fields=["answer_by"], name="answers_due", condition=Q(state="asked"))
        ]

    def __str__(self) -> str:
        return f"{self.draw_id}: {self.place}"
