"""Games of chance: prizes with odds, committed seeds, and every play there was."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from members.models import Member, Store
from rewards.models.prizes import PrizeKind, PrizeWin
from rewards.models.programmes import Programme


class Game(models.Model):
    """A game that members play with turns of its code (award balances of kind ``game_plays``)."""

    class Form(models.TextChoices):
        WHEEL = "wheel", _("wheel")
        SCRATCH = "scratch", _("scratch card")
        SLOT = "slot", _("slot machine")
        QUIZ = "quiz", _("quiz")

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        RUNNING = "running", _("running")
        PAUSED = "paused", _("paused")
        ENDED = "ended", _("ended")

    class OnEmpty(models.TextChoices):
        SUBSTITUTE = "substitute", _("the consolation prize is given instead")
        PAUSE = "pause", _("the game pauses")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="games")
    code = models.SlugField(
        _("code"), max_length=80, help_text=_("Promotions give turns of a game by this code.")
    )
    name = models.CharField(_("name"), max_length=100)
    form = models.CharField(_("form"), max_length=10, choices=Form, default=Form.WHEEL)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DRAFT)
    starts_at = models.DateTimeField(_("starts at"), null=True, blank=True)
    ends_at = models.DateTimeField(_("ends at"), null=True, blank=True)
    on_empty = models.CharField(
        _("when a prize has run out"), max_length=12, choices=OnEmpty, default=OnEmpty.SUBSTITUTE
    )
    budget_minor = models.PositiveBigIntegerField(
        _("budget, minor units of money"), null=True, blank=True
    )
    spent_minor = models.PositiveBigIntegerField(_("spent"), default=0, editable=False)
    expected_plays = models.PositiveIntegerField(_("plays to expect"), default=1_000)
    period_days = models.PositiveSmallIntegerField(
        _("days of a period"),
        default=7,
        help_text=_("At the end of each period its seed is published."),
    )
    terms = models.TextField(_("terms, shown before the play"), max_length=4_000, blank=True)
    questions = models.JSONField(_("questions of the quiz"), default=list, blank=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("game")
        verbose_name_plural = _("games")
        constraints = [
            models.UniqueConstraint(name="game_code_once", fields=["programme", "code"]),
            models.CheckConstraint(
                name="game_budget_never_exceeded",
                condition=Q(budget_minor__isnull=True) | Q(spent_minor__lte=F("budget_minor")),
            ),
            models.CheckConstraint(
                name="game_ends_after_it_starts",
                condition=Q(starts_at__isnull=True)
                | Q(ends_at__isnull=True)
                | Q(ends_at__gt=F("starts_at")),
            ),
            models.CheckConstraint(
                name="game_period_has_days", condition=Q(period_days__gte=1, period_days__lte=366)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class GamePrizeSet(models.Model):
    """Prizes for some of the members: by tag, by tier, or for all the others."""

    game = models.ForeignKey(Game, on_delete=models.PROTECT, related_name="prize_sets")
    code = models.SlugField(_("code"), max_length=40, default="all")
    rank = models.PositiveSmallIntegerField(_("place"), default=0)
    tag = models.CharField(_("for members with the tag"), max_length=80, blank=True, default="")
    tier = models.CharField(_("for members of the tier"), max_length=40, blank=True, default="")

    class Meta:
        verbose_name = _("set of prizes")
        verbose_name_plural = _("sets of prizes")
        ordering = ["game", "rank", "id"]
        constraints = [
            models.UniqueConstraint(name="prize_set_code_once", fields=["game", "code"]),
            models.UniqueConstraint(
                name="one_prize_set_for_all", fields=["game"], condition=Q(tag="", tier="")
            ),
        ]

    def __str__(self) -> str:
        return self.code


class GamePrize(models.Model):
    """One prize of a set: how likely, how many, at what cost to the shop."""

    prize_set = models.ForeignKey(GamePrizeSet, on_delete=models.PROTECT, related_name="prizes")
    code = models.SlugField(_("code"), max_length=40)
    rank = models.PositiveSmallIntegerField(_("place"), default=0)
    label = models.CharField(_("prize"), max_length=200)
    kind = models.CharField(_("kind"), max_length=20, choices=PrizeKind, default=PrizeKind.POINTS)
    what = models.CharField(
        _("which one"),
        max_length=80,
        blank=True,
        default="",
        help_text=_("SKU of the gift, code of the promotion, the game or the draw."),
    )
    amount = models.PositiveBigIntegerField(_("amount"), default=1)
    weight = models.PositiveIntegerField(_("weight"), default=1)
    stock = models.PositiveIntegerField(_("pieces"), null=True, blank=True)
    given = models.PositiveIntegerField(_("given"), default=0, editable=False)
    cost_minor = models.PositiveBigIntegerField(_("cost, minor units of money"), default=0)
    value_minor = models.PositiveBigIntegerField(_("value for tax, minor units"), default=0)
    is_consolation = models.BooleanField(_("consolation"), default=False)

    class Meta:
        verbose_name = _("prize of a game")
        verbose_name_plural = _("prizes of games")
        ordering = ["prize_set", "rank", "id"]
        constraints = [
            models.UniqueConstraint(name="game_prize_code_once", fields=["prize_set", "code"]),
            models.CheckConstraint(
                name="prize_stock_never_exceeded",
                condition=Q(stock__isnull=True) | Q(given__lte=F("stock")),
            ),
            models.UniqueConstraint(
                name="one_consolation_prize",
                fields=["prize_set"],
                condition=Q(is_consolation=True),
            ),
            models.CheckConstraint(
                name="consolation_never_runs_out",
                condition=Q(is_consolation=False) | (Q(stock__isnull=True) & ~Q(kind="nothing")),
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def wins(self) -> bool:
        return self.kind != PrizeKind.NOTHING


class GamePeriodQuerySet(models.QuerySet["GamePeriod"]):
    def open_at(self, moment: datetime) -> Self:
        """Not over. One that a twin opened a blink after the moment was read is the same one."""
        return self.filter(ends_at__gt=moment, revealed_at=None)

    def due(self, moment: datetime) -> Self:
        """Over, and the seed not published yet."""
        return self.filter(ends_at__lte=moment, revealed_at=None)


class GamePeriod(models.Model):
    """Some days of a game under one seed. ``seed`` leaves the house only after the end.

    ``table`` holds the sets of prizes with their weights as they were committed.
    """

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    game = models.ForeignKey(Game, on_delete=models.PROTECT, related_name="periods")
    number = models.PositiveIntegerField(_("number"))
    seed = models.CharField(max_length=64)
    seed_hash = models.CharField(_("SHA-256 of the seed"), max_length=64)
    table = models.JSONField(_("odds"))
    table_hash = models.CharField(_("SHA-256 of the odds"), max_length=64)
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    revealed_at = models.DateTimeField(_("seed published at"), null=True)

    objects = GamePeriodQuerySet.as_manager()

    class Meta:
        verbose_name = _("period of a game")
        verbose_name_plural = _("periods of games")
        constraints = [
            models.UniqueConstraint(name="game_period_number_once", fields=["game", "number"]),
            models.CheckConstraint(
                name="game_period_has_a_length", condition=Q(ends_at__gte=F("starts_at"))
            ),
            models.CheckConstraint(
                name="game_seed_published_after_the_end",
                condition=Q(revealed_at__isnull=True) | Q(revealed_at__gte=F("ends_at")),
            ),
        ]
        indexes = [
            models.Index(
                fields=["ends_at"],
                name="game_periods_not_revealed",
                condition=Q(revealed_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.game_id} #{self.number}"


class GamePlay(models.Model):
    """One turn: what the player and the seed made of it. Never changed.

    ``drawn`` is what the numbers said, ``prize`` what was given: they differ when
    the drawn prize had run out. ``reference`` is the one-time key of the door.
    """

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    period = models.ForeignKey(GamePeriod, on_delete=models.PROTECT, related_name="plays")
    game = models.ForeignKey(Game, on_delete=models.PROTECT, related_name="plays")
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="plays", verbose_name=_("member")
    )
    sequence = models.PositiveIntegerField(_("turn in the period"))
    nonce = models.CharField(_("the player's number"), max_length=64)
    player = models.CharField(_("player"), max_length=16)
    prize_set = models.CharField(_("set of prizes"), max_length=40)
    value = models.PositiveBigIntegerField(_("number drawn"), null=True)
    drawn = models.ForeignKey(
        GamePrize, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("drawn")
    )
    prize = models.ForeignKey(
        GamePrize,
        on_delete=models.PROTECT,
        null=True,
        related_name="plays",
        verbose_name=_("prize"),
    )
    win = models.OneToOneField(PrizeWin, on_delete=models.PROTECT, null=True, related_name="play")
    answers = models.JSONField(_("answers"), default=list)
    door = models.CharField(_("played at"), max_length=10)
    store = models.ForeignKey(Store, on_delete=models.PROTECT, null=True, related_name="+")
    actor = models.CharField(_("actor"), max_length=80)
    reference = models.CharField(_("reference"), max_length=120)
    played_at = models.DateTimeField(_("played at"), db_default=Now())

    class Meta:
        verbose_name = _("play")
        verbose_name_plural = _("plays")
        constraints = [
            models.UniqueConstraint(
                name="one_play_per_turn", fields=["period", "member", "sequence"]
            ),
            models.UniqueConstraint(name="one_play_per_reference", fields=["member", "reference"]),
        ]
        indexes = [
            models.Index(fields=["game", "-id"], name="plays_of_game"),
            models.Index(fields=["member", "-id"], name="plays_of_member"),
        ]

    def __str__(self) -> str:
        return f"{self.game_id}: {self.player} {self.sequence}"


class GamePlayReversal(models.Model):
    """A play that was undone: the prize came back, and so did the turn."""

    play = models.OneToOneField(GamePlay, on_delete=models.PROTECT, related_name="reversal")
    reason = models.CharField(_("reason"), max_length=300)
    actor = models.CharField(_("actor"), max_length=80)
    at = models.DateTimeField(_("at"), db_default=Now())

    class Meta:
        verbose_name = _("play undone")
        verbose_name_plural = _("plays undone")

    def __str__(self) -> str:
        return f"{self.play_id}"
