"""Prizes won: handed over with proof, taken back, held against the tax-free sum of the year."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from loyalty_crm.kernel.admin_chips import Colour, chip
from members.admin.lens import lens_of
from members.models import Member
from rewards.admin.amounts import money
from rewards.admin.prize_pages import attempt, refuse_without
from rewards.forms import ReasonForm
from rewards.forms.games import BoundsForm, HandOverForm
from rewards.models import PrizeKind, PrizeWin
from rewards.services import prizes
from rewards.services.prizes.yearly import year_of
from rewards.services.programmes import default_programme

HAND, UNDO, BOUNDS = "rewards.hand_over_prize", "rewards.run_games", "rewards.change_prizesettings"
STATES: dict[str, Colour] = {
    PrizeWin.State.DUE: "warning",
    PrizeWin.State.GIVEN: "success",
    PrizeWin.State.HANDED: "success",
    PrizeWin.State.CANCELLED: "default",
}


@admin.register(PrizeWin)
class PrizeWinAdmin(ReadOnlyAdmin):
    list_display = ["won_at", "who", "label", "kind", "chip_of_state"]
    list_filter = ["state", "kind"]
    list_select_related = ["member"]
    ordering = ["-pk"]
    sortable_by = ()
    change_list_template = "admin/rewards/games/prizes.html"

    def get_list_display(self, request: HttpRequest) -> Any:
        self.lens = lens_of(request.user)
        return super().get_list_display(request)

    @admin.display(description=gettext_lazy("member"))
    def who(self, win: PrizeWin) -> str:
        return self.lens.name(win.member)

    @chip(gettext_lazy("state"), STATES)
    def chip_of_state(self, win: PrizeWin) -> tuple[str, str]:
        return win.state, win.get_state_display()

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        return [
            path("tax/", guard(self.tax_page), name="rewards_prizewin_tax"),
            path("bounds/", guard(self.bounds_page), name="rewards_prizewin_bounds"),
            path("<int:win_id>/hand/", guard(self.hand_page), name="rewards_prizewin_hand"),
            path("<int:win_id>/undo/", guard(self.undo_page), name="rewards_prizewin_undo"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        wins = PrizeWin.objects.select_related("member", "handed_store")
        win = get_object_or_404(wins, pk=object_id if object_id.isdecimal() else 0)
        programme = default_programme()
        note = prizes.tax_note(programme=programme, member_id=win.member_id, at=win.won_at)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": win.label,
            "win": win,
            "who": lens_of(request.user).name(win.member),
            "value": money(win.value_minor, programme.currency),
            "tax": money(note.tax_minor, programme.currency) if note else "",
            "may_hand": win.state == PrizeWin.State.DUE and request.user.has_perm(HAND),
            "may_undo": win.state != PrizeWin.State.CANCELLED and request.user.has_perm(UNDO),
        }
        return TemplateResponse(request, "admin/rewards/games/prize.html", context)

    def hand_page(self, request: HttpRequest, win_id: int) -> HttpResponse:
        refuse_without(request, HAND)
        win = get_object_or_404(PrizeWin.objects.select_related("member"), pk=win_id)
        form = HandOverForm(request.POST or None)
        if win.kind != PrizeKind.GIFT_CARD:
            form.fields.pop("gift_card")
        if form.is_valid():
            actor = user_actor(request.user)
            work = partial(prizes.hand_over, win=win, actor=actor, **form.cleaned_data)
            return attempt(request, work, self._home(win))
        return self._asking(request, win, form, _("Hand the prize over"))

    def undo_page(self, request: HttpRequest, win_id: int) -> HttpResponse:
        """A play is undone as a whole, so that its turn comes back too."""
        refuse_without(request, UNDO)
        win = get_object_or_404(PrizeWin.objects.select_related("member"), pk=win_id)
        if hasattr(win, "play"):
            return HttpResponseRedirect(reverse("admin:rewards_gameplay_undo", args=[win.play.pk]))
        form = ReasonForm(request.POST or None)
        if form.is_valid():
            work = partial(
                prizes.cancel_prize, win=win, programme=default_programme(),
                reason=form.cleaned_data["reason"], actor=user_actor(request.user),
            )  # fmt: skip
            return attempt(request, work, self._home(win))
        return self._asking(request, win, form, _("Take the prize back"))

    def _home(self, win: PrizeWin) -> str:
        return reverse("admin:rewards_prizewin_change", args=[win.pk])

    def _asking(self, request: HttpRequest, win: PrizeWin, form: Any, title: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "form": form,
            "who": f"{win.label} · {lens_of(request.user).name(win.member)}",
            "back": self._home(win),
        }
        status = 422 if form.errors else 200
        return TemplateResponse(request, "admin/rewards/reason.html", context, status=status)

    def tax_page(self, request: HttpRequest) -> HttpResponse:
        """Who won more within a year than is free of tax: the sheet for accounting."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        programme = default_programme()
        this_year = year_of(programme, clock.now())
        text = request.GET.get("year", "")
        year = int(text) if text.isascii() and text.isdigit() and len(text) == 4 else this_year
        rows = prizes.over_limit(programme=programme, year=max(year, 1))
        members = Member.objects.in_bulk([one.member_id for one in rows])
        lens, currency = lens_of(request.user), programme.currency
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Tax of prizes, %(year)s") % {"year": year},
            "years": range(this_year, this_year - 4, -1),
            "free": money(prizes.prize_settings(programme).tax_free_minor, currency),
            "rows": [
                {
                    "member_id": one.member_id,
                    "who": lens.name(members[one.member_id]),
                    "prizes": one.prizes,
                    "won": money(one.won_minor, currency),
                    "taxed": money(one.taxed_minor, currency),
                    "tax": money(one.tax_minor, currency),
                }
                for one in rows
            ],
        }
        return TemplateResponse(request, "admin/rewards/games/tax.html", context)

    def bounds_page(self, request: HttpRequest) -> HttpResponse:
        refuse_without(request, BOUNDS)
        programme = default_programme()
        form = BoundsForm(request.POST or None, instance=prizes.prize_settings(programme))
        home = reverse("admin:rewards_prizewin_changelist")
        if form.is_valid():
            actor = user_actor(request.user)
            work = partial(
                prizes.save_bounds, programme=programme, actor=actor, **form.cleaned_data
            )
            return attempt(request, work, home)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Bounds of games and draws"),
            "form": form,
            "who": "",
            "back": home,
        }
        status = 422 if form.errors else 200
        return TemplateResponse(request, "admin/rewards/reason.html", context, status=status)
