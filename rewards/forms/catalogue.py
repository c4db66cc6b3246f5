"""Shapes of what marketers type about rewards, causes and services."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.forms.boundfield import BoundField
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from loyalty_crm.kernel.admin_once import OnceForm
from loyalty_crm.kernel.widgets import DayInput
from members.models import Product, Segment, Store, Tag
from rewards.forms.fields import MoneyField, ScaledPointsField
from rewards.models import Cause, Programme, Promotion, Reward, Service, ServiceRule, Tier
from rewards.models.translated import Translated
from rewards.services.catalogue import RewardTerms
from rewards.services.charity import CauseTerms
from rewards.services.service_terms import RuleTerms, ServiceTerms

Kind = Reward.Kind
LINES = partial(UnfoldAdminTextareaWidget, attrs={"rows": 3})
#: The languages that stand beside the shop's own words.
OTHERS = [(code, name) for code, name in settings.LANGUAGES if code != settings.LANGUAGE_CODE[:2]]


def _whole(label: Any, most: int, *, least: int = 1, **kwargs: Any) -> forms.IntegerField:
    widget = UnfoldAdminIntegerFieldWidget
    return forms.IntegerField(label=label, min_value=least, max_value=most, widget=widget, **kwargs)


def _text(label: Any, most: int, **kwargs: Any) -> forms.CharField:
    return forms.CharField(
        label=label, max_length=most, widget=UnfoldAdminTextInputWidget, **kwargs
    )


def _one_of(rows: Any, label: Any, **kwargs: Any) -> Any:
    return forms.ModelChoiceField(
        rows, label=label, required=False, widget=UnfoldAdminSelectWidget, **kwargs
    )


def _some_of(rows: Any, label: Any, **kwargs: Any) -> Any:
    return forms.ModelMultipleChoiceField(
        rows,
        to_field_name="code",
        label=label,
        required=False,
        widget=UnfoldAdminSelect2MultipleWidget,
        **kwargs,
    )


class WordsForm(OnceForm):
    """A name and a description, in the shop's words and in the other languages."""

    name = _text(_("name"), 120)
    description = forms.CharField(
        label=_("description"), max_length=2_000, required=False, widget=LINES()
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for code, language in OTHERS:
            words = {"language": language}
            name, about = _("name, %(language)s") % words, _("description, %(language)s") % words
            self.fields[f"name_{code}"] = _text(name, 120, required=False)
            self.fields[f"description_{code}"] = forms.CharField(
                label=about, max_length=2_000, required=False, widget=LINES()
            )
        self.order_fields(self.word_fields())

    @staticmethod
    def words_of(row: Translated) -> dict[str, Any]:
        """What the fields begin with."""
        told = {"name": row.name, "description": row.description}
        for code, _language in OTHERS:
            for field in ("name", "description"):
                told[f"{field}_{code}"] = row.translations.get(code, {}).get(field, "")
        return told

    def translations(self) -> dict[str, dict[str, str]]:
        typed = self.cleaned_data
        return {
            code: {field: typed[f"{field}_{code}"] for field in ("name", "description")}
            for code, _language in OTHERS
            if typed[f"name_{code}"] or typed[f"description_{code}"]
        }

    def word_fields(self) -> list[str]:
        others = [f"{field}_{code}" for code, _l in OTHERS for field in ("name", "description")]
        return ["name", "description", *others]


class RewardForm(WordsForm):
    """A reward. Which of the fields of "what it gives" count depends on its kind."""

    code = forms.SlugField(
        label=_("code"), max_length=40, widget=UnfoldAdminTextInputWidget,
        help_text=_("Integrations know the reward by it."),
    )  # fmt: skip
    kind = forms.ChoiceField(label=_("kind"), choices=Kind.choices, widget=UnfoldAdminSelectWidget)
    price_points = ScaledPointsField(label=_("price in points"))
    price_money = MoneyField(
        label=_("and money on top"), required=False,
        help_text=_("Taken by the cashier when the reward is handed over."),
    )  # fmt: skip
    promotion = _one_of(
        Promotion.objects.filter(programme__is_default=True).order_by("name"),
        _("promotion of the coupon"),
        help_text=_("Discount, free delivery: the member gets a coupon of this promotion."),
    )
    product = forms.CharField(
        label=_("SKU of the product"), max_length=80, required=False,
        widget=UnfoldAdminTextInputWidget,
    )  # fmt: skip
    service = _one_of(Service.objects.filter(programme__is_default=True), _("service"))
    cause = _one_of(
        Cause.objects.filter(programme__is_default=True), _("cause"),
        empty_label=_("the one the member chose"),
    )  # fmt: skip
    award_code = _text(_("code of the game or draw"), 80, required=False)
    quantity = _whole(_("how many"), 100_000, initial=1)
    value = MoneyField(
        label=_("worth in money"), required=False,
        help_text=_("Of a gift card or a donation."),
    )  # fmt: skip
    valid_days = _whole(_("valid, days"), 3_660, required=False)
    image_url = forms.URLField(
        label=_("address of a picture"), max_length=500, required=False,
        assume_scheme="https", widget=UnfoldAdminTextInputWidget,
    )  # fmt: skip
    stock_mode = forms.ChoiceField(
        label=_("stock"), choices=Reward.Stock.choices, widget=UnfoldAdminSelectWidget
    )
    stores = _some_of(Store.objects.order_by("code"), _("stores"), help_text=_("Left empty: all."))
    reserve_days = _whole(_("kept for the member, days"), 366, initial=7)
    needs_confirmation = forms.BooleanField(
        label=_("staff confirm each one"), required=False, widget=UnfoldBooleanSwitchWidget
    )
    starts_on = forms.DateField(label=_("on offer from"), required=False, widget=DayInput)
    ends_on = forms.DateField(label=_("last day"), required=False, widget=DayInput)
    min_tier = _one_of(
        Tier.objects.filter(structure__programme__is_default=True).select_related("structure"),
        _("from tier"), empty_label=_("everybody"),
    )  # fmt: skip
    tags = _some_of(Tag.objects.order_by("code"), _("members with one of these tags"))
    segments = _some_of(Segment.objects.order_by("code"), _("or in one of these segments"))
    min_membership_days = _whole(
        _("member for at least, days"), 36_600, least=0, initial=0, required=False
    )
    per_member = _whole(_("most for one member"), 100_000, required=False)
    per_member_days = _whole(_("counted over so many days"), 3_660, required=False)
    sort = _whole(_("place in the list"), 30_000, least=-30_000, initial=0, required=False)

    #: What each kind gives: fields that only these kinds read.
    ONLY = {
        "promotion": [Kind.DISCOUNT, Kind.FREE_DELIVERY],
        "product": [Kind.PRODUCT],
        "service": [Kind.SERVICE],
        "cause": [Kind.DONATION],
        "award_code": [Kind.GAME_PLAY, Kind.DRAW_TICKET],
        "quantity": [Kind.PRODUCT, Kind.SERVICE, Kind.GAME_PLAY, Kind.DRAW_TICKET],
        "value": [Kind.GIFT_CARD, Kind.DONATION],
        "valid_days": [Kind.DISCOUNT, Kind.FREE_DELIVERY, Kind.GIFT_CARD, Kind.SERVICE],
    }
    NAMES = {"price_money_minor": "price_money", "value_minor": "value", "starts_at": "starts_on",
             "ends_at": "ends_on"}  # fmt: skip

    def __init__(self, *args: Any, programme: Programme, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.programme = programme
        self.fields["price_points"].scale = programme.points_scale  # type: ignore[attr-defined]
        for name in ("price_money", "value"):
            self.fields[name].currency = programme.currency  # type: ignore[attr-defined]
            self.fields[name].widget.attrs["placeholder"] = programme.currency
        for name, kinds in self.ONLY.items():
            self.fields[name].widget.attrs["data-kinds"] = " ".join(kinds)

    @classmethod
    def start(cls, reward: Reward) -> dict[str, Any]:
        """What the fields of a reward that exists begin with."""
        zone = ZoneInfo(reward.programme.time_zone)
        last = reward.ends_at - timedelta(microseconds=1) if reward.ends_at else None
        own = {name: getattr(reward, name) for name in cls.base_fields if hasattr(reward, name)}
        return {
            **own,
            **cls.words_of(reward),
            "price_money": reward.price_money_minor or None,
            "value": reward.value_minor,
            "product": reward.product.sku if reward.product else "",
            "starts_on": reward.starts_at.astimezone(zone).date() if reward.starts_at else None,
            "ends_on": last.astimezone(zone).date() if last else None,
        }

    def clean_product(self) -> Product | None:
        sku = self.cleaned_data["product"].strip()
        if not sku:
            return None
        if (found := Product.objects.filter(sku=sku).first()) is None:
            raise forms.ValidationError(_("There is no product with this SKU."))
        return found

    def sections(self) -> Iterator[tuple[str | Promise, list[BoundField]]]:
        """The fields in the order in which one thinks of a reward."""
        parts: list[tuple[str | Promise, list[str]]] = [
            (_("What it is"), ["kind", "code", *self.word_fields(), "image_url"]),
            (_("What it gives"), list(self.ONLY)),
            (_("What it costs"), ["price_points", "price_money"]),
            (_("Who may take it"), ["min_tier", "tags", "segments", "min_membership_days",
                                    "per_member", "per_member_days"]),
            (_("Where, when, how many"), ["stock_mode", "stores", "starts_on", "ends_on",
                                          "reserve_days", "needs_confirmation", "sort"]),
        ]  # fmt: skip
        for title, names in parts:
            yield title, [self[name] for name in names]

    def terms(self) -> RewardTerms:
        typed = dict(self.cleaned_data)
        zone, ends = ZoneInfo(self.programme.time_zone), typed["ends_on"]
        given = {name: typed[name] for name in RewardTerms.__slots__ if name in typed}
        codes = {name: [row.code for row in typed[name]] for name in ("stores", "tags", "segments")}
        return RewardTerms(
            **{
                **given,
                **codes,
                "translations": self.translations(),
                "price_money_minor": typed["price_money"] or 0,
                "value_minor": typed["value"] or None,
                "min_membership_days": typed["min_membership_days"] or 0,
                "sort": typed["sort"] or 0,
                "starts_at": _start(typed["starts_on"], zone),
                "ends_at": _start(ends + timedelta(days=1), zone) if ends else None,
            }
        )


def _start(day: Any, zone: ZoneInfo) -> datetime | None:
    return datetime.combine(day, time.min, zone) if day else None


class RewardStockForm(OnceForm):
    """How many pieces lie there; store left empty: for all stores without a row of their own."""

    store = _one_of(Store.objects.order_by("code"), _("store"), empty_label=_("all stores"))
    on_hand = _whole(_("in stock"), 2_000_000_000, least=0)


class RewardCodesForm(OnceForm):
    """Codes that a partner gave us, one a line."""

    codes = forms.CharField(
        label=_("codes, one a line"), max_length=900_000, widget=UnfoldAdminTextareaWidget
    )


class RedemptionStepForm(OnceForm):
    """What staff say when they move a redemption: the reason, or the receipt of the money."""

    reason = _text(_("reason"), 300, required=False)
    payment_ref = _text(_("receipt of the money"), 120, required=False)


class WhyForm(OnceForm):
    reason = _text(_("reason"), 300)


class CauseForm(WordsForm):
    code = forms.SlugField(
        label=_("code"), max_length=40, widget=UnfoldAdminTextInputWidget,
        help_text=_("Promotions pledge to it by this code. It never changes."),
    )  # fmt: skip
    url = forms.URLField(
        label=_("web page"), max_length=300, required=False, assume_scheme="https",
        widget=UnfoldAdminTextInputWidget,
    )  # fmt: skip
    is_active = forms.BooleanField(
        label=_("may be chosen"), required=False, initial=True, widget=UnfoldBooleanSwitchWidget
    )
    is_default = forms.BooleanField(
        label=_("for members who chose none"), required=False, widget=UnfoldBooleanSwitchWidget
    )

    def terms(self) -> CauseTerms:
        typed = self.cleaned_data
        own = ("code", "name", "description", "url", "is_active", "is_default")
        return CauseTerms(translations=self.translations(), **{name: typed[name] for name in own})


class CausePaymentForm(OnceForm):
    amount = MoneyField(label=_("amount"))
    paid_on = forms.DateField(label=_("paid on"), widget=DayInput)
    document = _text(_("document"), 120, help_text=_("The number of the payment order."))


class ServiceForm(WordsForm):
    code = forms.SlugField(label=_("code"), max_length=40, widget=UnfoldAdminTextInputWidget)
    is_active = forms.BooleanField(
        label=_("active"), required=False, initial=True, widget=UnfoldBooleanSwitchWidget
    )

    def terms(self, rules: list[RuleTerms]) -> ServiceTerms:
        typed = self.cleaned_data
        own = ("code", "name", "description", "is_active")
        return ServiceTerms(
            translations=self.translations(), rules=rules, **{name: typed[name] for name in own}
        )


class ServiceRuleForm(forms.Form):
    """One rule. An empty row is none."""

    tier = _one_of(
        Tier.objects.filter(structure__programme__is_default=True).select_related("structure"),
        _("from tier"), empty_label=_("everybody"),
    )  # fmt: skip
    count = _whole(_("how many"), 1_000, required=False)
    period = forms.ChoiceField(
        label=_("in"), choices=ServiceRule.Period.choices, initial=ServiceRule.Period.YEAR,
        widget=UnfoldAdminSelectWidget,
    )  # fmt: skip


ServiceRuleRows = forms.formset_factory(ServiceRuleForm, extra=2, max_num=20, absolute_max=22)


class GrantServiceForm(OnceForm):
    service = forms.ModelChoiceField(
        Service.objects.filter(programme__is_default=True, is_active=True),
        label=_("service"), widget=UnfoldAdminSelectWidget,
    )  # fmt: skip
    count = _whole(_("how many"), 1_000, initial=1)
    until = forms.DateField(label=_("last day"), required=False, widget=DayInput)
    reason = _text(_("reason"), 300)
