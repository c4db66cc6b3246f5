"""Referrals: the terms, the friends, what looks wrong, and a report of what it brings."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_chips import Colour, chip
from rewards.admin.amounts import money
from rewards.admin.beyond.base import DecidedAdmin, SettingsAdmin, given_text, who
from rewards.forms.fields import MoneyField
from rewards.forms.rewards import RewardFields, SettingsForm
from rewards.models import Referral, ReferralTerms
from rewards.services import referrals
from rewards.services.programmes import default_or_none, default_programme
from rewards.services.referrals.report import report
from rewards.services.referrals.terms import SETTINGS

State = Referral.State
STATES: dict[str, Colour] = {
    State.ENROLLED: "info",
    State.HELD: "warning",
    State.QUALIFIED: "info",
    State.REWARDED: "success",
    State.REFUSED: "danger",
    State.CLAWED_BACK: "danger",
}
#: What the services call a sign or a reason, in words.
WORDS = {
    "household": gettext_lazy("both live in one household"),
    "card": gettext_lazy("one card was used for both"),
    "device": gettext_lazy("both use one device"),
    "person": gettext_lazy("both look like one person"),
    "chain": gettext_lazy("they brought each other in a circle"),
    "same_till": gettext_lazy("many friends at one till on one day"),
    "frozen": gettext_lazy("a points account is frozen"),
    "refund": gettext_lazy("the goods came back"),
    "limit": gettext_lazy("beyond the limit of who invited"),
}
PERIODS = (30, 90, 365)


class TermsForm(SettingsForm):
    reward_fields = {
        "referrer_reward": RewardFields("referrer", optional=True),
        "friend_reward": RewardFields("friend", optional=True),
    }
    titles = {
        "referrer_reward": gettext_lazy("who invited gets"),
        "friend_reward": gettext_lazy("the friend gets"),
    }
    amounts = {"min_total_minor": MoneyField}

    class Meta:
        model = ReferralTerms
        fields = list(SETTINGS)


@admin.register(ReferralTerms)
class ReferralTermsAdmin(SettingsAdmin):
    """One row: what a friend has to do, and what both get."""

    is_single = True
    form = TermsForm
    told = ("referrer", "friend")
    groups = (
        (None, ["is_on"]),
        (
            gettext_lazy("Rewards"),
            [*RewardFields("referrer").names(), *RewardFields("friend").names()],
        ),
        (
            gettext_lazy("What the friend has to do"),
            ["min_total_minor", "first_purchase_only", "return_days", "attach_days"],
        ),
        (
            gettext_lazy("Limits of who invites"),
            ["most_per_period", "period_days", "most_ever"],
        ),
        (gettext_lazy("Self-dealing"), ["on_suspicion", "same_till_a_day"]),
    )
    list_display = ["programme", "is_on", "referrer", "friend", "return_days"]
    list_select_related = ["programme"]
    sortable_by = ()

    @admin.display(description=gettext_lazy("who invited gets"))
    def referrer(self, terms: ReferralTerms) -> str:
        return _gives(terms, terms.referrer_reward)

    @admin.display(description=gettext_lazy("the friend gets"))
    def friend(self, terms: ReferralTerms) -> str:
        return _gives(terms, terms.friend_reward)

    def save_model(self, request: HttpRequest, obj: ReferralTerms, form: Any, change: bool) -> None:
        made = referrals.save_terms(
            programme=default_programme(),
            referrer_reward=form.rewards["referrer_reward"],
            friend_reward=form.rewards["friend_reward"],
            actor=user_actor(request.user),
            **{name: getattr(obj, name) for name in SETTINGS},
        )
        obj.pk = made.pk


def _gives(terms: ReferralTerms, reward: dict[str, Any] | None) -> str:
    if not reward:
        return ""
    return given_text(reward["kind"], reward["amount"], reward.get("code", ""), terms.programme)


@admin.register(Referral)
class ReferralAdmin(DecidedAdmin):
    """Friends, and where each of them stands."""

    noun = "referral"
    verbs = {
        "approve": (gettext_lazy("It is fine"), referrals.approve),
        "refuse": (gettext_lazy("Refuse the referral"), referrals.refuse),
        "claw-back": (gettext_lazy("Take both rewards back"), referrals.claw_back),
    }
    permission = "rewards.decide_referral"
    list_filter = ["state"]
    list_select_related = [
        "referrer", "friend", "programme", "referrer_bonus", "friend_bonus", "receipt",
    ]  # fmt: skip
    search_fields = ["public_id"]
    change_list_template = "admin/rewards/referrals.html"

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.report_page)
        return [path("report/", page, name="rewards_referral_report"), *super().get_urls()]

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        @admin.display(description=gettext_lazy("who invited"))
        def referrer(referral: Referral) -> str:
            return str(who(request, referral.referrer))

        @admin.display(description=gettext_lazy("friend"))
        def friend(referral: Referral) -> str:
            return str(who(request, referral.friend))

        return ["created_at", referrer, friend, "chip_of_state", "signs", "due_at"]

    @chip(gettext_lazy("state"), STATES)
    def chip_of_state(self, referral: Referral) -> tuple[str, str]:
        return referral.state, referral.get_state_display()

    @admin.display(description=gettext_lazy("signs"))
    def signs(self, referral: Referral) -> str:
        return ", ".join(str(WORDS.get(one, one)) for one in referral.signals)

    def title_of(self, row: Referral) -> str:
        return _("Referral: %(state)s") % {"state": row.get_state_display()}

    def open_verbs(self, row: Referral) -> list[str]:
        match row.state:
            case State.HELD:
                return ["approve", "refuse"]
            case State.ENROLLED | State.QUALIFIED:
                return ["refuse"]
            case State.REWARDED:
                return ["claw-back"]
            case _:
                return []

    def facts(self, request: HttpRequest, row: Referral) -> list[tuple[Any, Any]]:
        reasons = ", ".join(str(WORDS.get(one, one)) for one in row.reason.split(",") if one)
        moments = (
            (_("joined at"), row.created_at),
            (_("bought at"), row.qualified_at),
            (_("rewarded from"), row.due_at),
            (_("rewarded at"), row.rewarded_at),
        )
        return [
            (_("who invited"), who(request, row.referrer)),
            (_("friend"), who(request, row.friend)),
            (_("state"), row.get_state_display()),
            (_("signs"), self.signs(row)),
            (_("why"), reasons),
            (_("till"), row.place),
            (_("receipt"), row.receipt.number if row.receipt else ""),
            (_("who invited gets"), _bonus(row, row.referrer_bonus)),
            (_("the friend gets"), _bonus(row, row.friend_bonus)),
            *(
                (name, date_format(at, "SHORT_DATETIME_FORMAT") if at else "")
                for name, at in moments
            ),
        ]

    def report_page(self, request: HttpRequest) -> HttpResponse:
        """The funnel, the best, and what a new member has cost."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = request.GET.get("days", "")
        days = int(asked) if asked in map(str, PERIODS) else PERIODS[1]
        programme = default_or_none()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("What friends bring"),
            "days": days,
            "periods": PERIODS,
        }
        if programme:
            context |= _figures(request, programme, days)
        return TemplateResponse(request, "admin/rewards/referral_report.html", context)


def _bonus(row: Referral, bonus: Any) -> str:
    return given_text(bonus.kind, bonus.amount, bonus.code, row.programme) if bonus else ""


def _figures(request: HttpRequest, programme: Any, days: int) -> dict[str, Any]:
    found = report(programme=programme, since=clock.now() - timedelta(days=days))
    stages = [
        (_("joined"), found.joined),
        (_("bought enough"), found.bought),
        (_("rewarded"), found.rewarded),
    ]
    most = max((count for _name, count in stages), default=0) or 1
    per_member = found.per_member_minor
    return {
        "found": found,
        "funnel": [(name, count, round(100 * count / most)) for name, count in stages],
        "per_member": money(per_member, programme.currency) if per_member is not None else "",
        "cost": money(found.cost_minor, programme.currency),
        "spent": money(found.spent_minor, programme.currency),
        "top": [(who(request, one.member), one) for one in found.top],
    }
