"""The set-up wizard: a few questions, a look at the programme they make, and the making."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.errors import DomainError
from rewards.admin.amounts import money, points
from rewards.admin.sentences import Names, sentence
from rewards.admin.setup_words import MESSAGES, NAMES
from rewards.forms.setup import GOAL_NAMES, TRADE_NAMES, SetupForm
from rewards.models import Programme, ProgrammeSetup
from rewards.services.programmes import default_or_none
from rewards.services.setup import Draft, Worded, draft_of, make_programme

CHANGE, ADD, PUBLISH = (
    "rewards.change_programme", "rewards.add_promotion", "rewards.publish_promotion",
)  # fmt: skip
RUNS = 10


class SetupPages:
    """Pages of the programme's admin."""

    def __init__(self, site: Any, opts: Any) -> None:
        self.site, self.opts = site, opts

    def urls(self) -> list[URLPattern]:
        guard = self.site.admin_view
        return [
            path("setup/", guard(self.wizard), name="rewards_programme_setup"),
            path("setup/<int:setup_id>/", guard(self.done), name="rewards_programme_setup_done"),
        ]

    def wizard(self, request: HttpRequest) -> HttpResponse:
        """*Look* shows what would be made, *Make it* makes it; both by the same plan."""
        may_start = request.user.has_perm(PUBLISH)
        if not (request.user.has_perm(CHANGE) and request.user.has_perm(ADD)):
            raise PermissionDenied
        programme = default_or_none() or Programme()
        form = SetupForm(request.POST or None, programme=programme, may_start=may_start)
        draft = self._draft(programme, form) if form.is_valid() else None
        if draft and "make" in request.POST and (made := self._make(request, form, draft)):
            return HttpResponseRedirect(
                reverse("admin:rewards_programme_setup_done", args=[made.pk])
            )
        context = {
            **self._frame(request, _("Set up a programme")),
            "form": form,
            "told": told(draft, programme) if draft else None,
            "runs": list(ProgrammeSetup.objects.select_related("programme")[:RUNS]),
        }
        status = 422 if form.errors else 200
        return TemplateResponse(request, "admin/rewards/setup.html", context, status=status)

    def done(self, request: HttpRequest, setup_id: int) -> HttpResponse:
        """What one run made, with ways to each of it."""
        if not request.user.has_perm("rewards.view_programme"):
            raise PermissionDenied
        setup = get_object_or_404(ProgrammeSetup, pk=setup_id)
        context = {
            **self._frame(request, _("The programme is made")),
            "setup": setup,
            "trade": TRADE_NAMES.get(setup.answers["trade"], ""),
            "goal": GOAL_NAMES.get(setup.answers["goal"], ""),
            "made": [part for noun in PARTS if (part := _made(setup, noun))],
            "messages": messages_of(setup),
        }
        return TemplateResponse(request, "admin/rewards/setup_done.html", context)

    def _frame(self, request: HttpRequest, title: str) -> dict[str, Any]:
        return {**self.site.each_context(request), "opts": self.opts, "title": title}

    def _draft(self, programme: Programme, form: SetupForm) -> Draft | None:
        for name, value in form.new_programme().items():
            setattr(programme, name, value)
        try:
            return draft_of(programme=programme, answers=form.answers())
        except DomainError as refusal:
            form.add_error(None, str(refusal.message))
            return None

    def _make(self, request: HttpRequest, form: SetupForm, draft: Draft) -> ProgrammeSetup | None:
        asked = form.cleaned_data
        worded = Worded(
            names={code: str(name) for code, name in NAMES.items()},
            messages={language: _messages(language) for language, _name in settings.LANGUAGES},
            owner=asked["owner"],
            aim=asked["aim"],
            start=asked["start"],
        )
        try:
            return make_programme(
                new=form.new_programme(), draft=draft, worded=worded,
                once=str(asked["key"]), actor=user_actor(request.user),
            )  # fmt: skip
        except DomainError as refusal:
            form.add_error(None, str(refusal.message))
            return None


def _messages(language: str) -> dict[str, str]:
    with override(language):
        return {code: str(text) for code, text in MESSAGES.items()}


def told(draft: Draft, programme: Programme) -> dict[str, Any]:
    """The plan in words and figures. Three queries for the names of goods."""
    plan, year, currency = draft.plan, draft.year, programme.currency
    names = Names.behind(one.definition for one in plan.documents)
    return {
        "offers": [
            {"name": NAMES[one.code], "says": sentence(one.definition, programme, names)}
            for one in plan.documents
        ],
        "tiers": [
            {"name": NAMES[tier.code], "from": money(tier.threshold_minor, currency),
             "times": f"{tier.tenths / 10:g}"}
            for tier in plan.tiers
        ],
        "stamps": plan.stamps and {"name": NAMES[plan.stamps.code], "needed": plan.stamps.needed},
        "gifts": [
            {"name": NAMES[gift.kind], "points": points(programme, gift.points)}
            for gift in plan.gifts
        ],
        "days": plan.settings["expiry_days"],
        "share": plan.settings["max_points_share_percent"],
        "delay": plan.settings["activation_delay_days"],
        "year": {
            "sales": money(year.sales_minor, currency),
            "points": points(programme, year.points),
            "worth": money(year.points_minor, currency),
            "discounts": money(year.discount_minor, currency),
            "percent": f"{year.share / 100:.1f}",
            "asked": f"{draft.answers.give_back / 100:g}",
            "over": year.share > draft.answers.give_back,
            "bars": _bars(draft),
        },
        "messages": list(MESSAGES.values()),
    }  # fmt: skip


def _bars(draft: Draft) -> list[dict[str, Any]]:
    """Points and discounts as shares of sales beside what was asked for; the widest is whole."""
    year, sales = draft.year, max(draft.year.sales_minor, 1)
    parts = [
        (_("asked for"), draft.answers.give_back),
        (_("points"), year.points_minor * 10_000 // sales),
        (_("discounts and free pieces"), year.discount_minor * 10_000 // sales),
    ]
    most = max(share for _name, share in parts) or 1
    return [
        {"name": name, "percent": f"{share / 100:.1f}", "width": 100 * share // most}
        for name, share in parts
    ]


#: By noun: what its part of the page is called, and where it is looked through.
PARTS = {
    "promotions": (gettext_lazy("Promotions"), "admin:rewards_promotion_changelist"),
    "tiers": (gettext_lazy("Ladders of tiers"), "admin:rewards_tierstructure_changelist"),
    "stamp_cards": (gettext_lazy("Stamp cards"), "admin:rewards_stampprogramme_changelist"),
    "gifts": (gettext_lazy("Gifts"), "admin:rewards_occasion_changelist"),
}


def _made(setup: ProgrammeSetup, noun: str) -> dict[str, Any] | None:
    new, kept = (setup.made[part].get(noun, []) for part in ("new", "kept"))
    if not new and not kept:
        return None
    return {
        "title": PARTS[noun][0],
        "url": reverse(PARTS[noun][1]),
        "new": [NAMES.get(code, code) for code in new],
        "kept": [NAMES.get(code, code) for code in kept],
    }


def messages_of(setup: ProgrammeSetup) -> list[dict[str, Any]]:
    """Drafts in every language, side by side."""
    return [
        {"code": NAMES.get(code, code), "texts": [by[code] for by in setup.messages.values()]}
        for code in MESSAGES
        if all(code in by for by in setup.messages.values())
    ]
