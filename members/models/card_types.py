"""What kinds of cards there are, what they look like, and in which batches they are made."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from loyalty_crm.kernel.models import Job
from members.models.groups import Tag

COLOUR = r"^#[0-9a-f]{6}$"


class CardDesign(models.Model):
    """The face and the back of a card. Colours are #rrggbb; the logo is a PNG of our own making.

    A card names the rules, a hotline and the company: a design without them is a draft.
    """

    class Code(models.TextChoices):
        QR = "qr", _("QR code")
        BARCODE = "code128", _("barcode")

    name = models.CharField(_("name"), max_length=100, unique=True)
    title = models.CharField(_("title on the card"), max_length=40)
    subtitle = models.CharField(_("line below the title"), max_length=60, blank=True)
    background = models.CharField(_("background"), max_length=7, default="#0a6650")
    foreground = models.CharField(_("text colour"), max_length=7, default="#ffffff")
    accent = models.CharField(_("stripe"), max_length=7, default="#f2bd66")
    code = models.CharField(_("code on the card"), max_length=8, choices=Code, default=Code.QR)
    logo = models.BinaryField(_("logo"), null=True, editable=False)
    rules_url = models.CharField(_("address of the rules"), max_length=200, blank=True)
    hotline = models.CharField(_("hotline"), max_length=60, blank=True)
    legal_entity = models.CharField(_("company"), max_length=200, blank=True)
    note = models.CharField(_("text on the back"), max_length=300, blank=True)
    updated_at = models.DateTimeField(_("changed"), db_default=Now())

    class Meta:
        verbose_name = _("card design")
        verbose_name_plural = _("card designs")
        constraints = [
            models.CheckConstraint(
                name="design_colours_are_colours",
                condition=Q(
                    background__regex=COLOUR, foreground__regex=COLOUR, accent__regex=COLOUR
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def missing(self) -> list[str]:
        """Which of the mandatory texts are empty, by field."""
        return [
            name for name in ("rules_url", "hotline", "legal_entity") if not getattr(self, name)
        ]


class CardType(models.Model):
    """One kind of card: what it promises, how it comes to life, which numbers it has.

    Discounts are the business of promotions: the ``tag`` is on a member while an
    active card of this type is, and promotions ask for the tag.
    """

    class Kind(models.TextChoices):
        POINTS = "points", _("points card")
        FIXED = "fixed_discount", _("fixed discount")
        CUMULATIVE = "cumulative_discount", _("cumulative discount")
        GIFT = "gift", _("gift card")
        STAMP = "stamp", _("stamp card")

    class Activation(models.TextChoices):
        AT_ISSUE = "at_issue", _("when it is handed out")
        FORM = "form", _("when phone, name, birth date and consent are known")
        FIRST_PURCHASE = "first_purchase", _("at the first purchase")
        CODE = "code", _("when the member confirms a code on the member's page")

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind, default=Kind.POINTS)
    design = models.ForeignKey(
        CardDesign, on_delete=models.PROTECT, null=True, blank=True, related_name="types",
        verbose_name=_("design"),
    )  # fmt: skip
    number_prefix = models.CharField(_("numbers begin with"), max_length=6)
    activation = models.CharField(
        _("pays"), max_length=20, choices=Activation, default=Activation.FORM
    )
    valid_months = models.PositiveSmallIntegerField(_("months valid"), null=True, blank=True)
    tag = models.ForeignKey(
        Tag, on_delete=models.PROTECT, to_field="code", null=True, blank=True, related_name="+",
        verbose_name=_("tag of its holders"),
    )  # fmt: skip
    is_default = models.BooleanField(_("given to new members"), default=False)
    is_active = models.BooleanField(_("in use"), default=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("card type")
        verbose_name_plural = _("card types")
        constraints = [
            models.UniqueConstraint(
                name="one_default_card_type", fields=["is_default"], condition=Q(is_default=True)
            ),
            models.CheckConstraint(
                name="card_numbers_stay_random",
                condition=Q(number_prefix__regex=r"^[0-9]{1,6}$"),
            ),
            models.CheckConstraint(
                name="default_card_type_is_in_use",
                condition=Q(is_default=False) | Q(is_active=True),
            ),
            models.CheckConstraint(
                name="card_type_validity_bounded",
                condition=Q(valid_months__isnull=True) | Q(valid_months__range=(1, 240)),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CardBatch(models.Model):
    """Numbers of one type made at once, for a print shop or a store. ``made`` counts them."""

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        GENERATING = "generating", _("being made")
        READY = "ready", _("ready")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    type = models.ForeignKey(
        CardType, on_delete=models.PROTECT, related_name="batches", verbose_name=_("card type")
    )
    name = models.CharField(_("name"), max_length=100)
    wanted = models.PositiveIntegerField(_("cards wanted"))
    made = models.PositiveIntegerField(_("cards made"), default=0, db_default=0)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DRAFT)
    job = models.ForeignKey(Job, on_delete=models.PROTECT, null=True, related_name="+")
    created_by = models.CharField(_("created by"), max_length=120)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("batch of cards")
        verbose_name_plural = _("batches of cards")
        constraints = [
            models.CheckConstraint(
                name="card_batch_made_as_wanted", condition=Q(made__lte=F("wanted"))
            ),
            models.CheckConstraint(
                name="card_batch_bounded", condition=Q(wanted__range=(1, 1_000_000))
            ),
        ]
        indexes = [models.Index(fields=["-created_at", "-id"], name="card_batches_newest")]

    def __str__(self) -> str:
        return self.name
