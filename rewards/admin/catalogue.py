"""The catalogue in the back office: rewards with their stock, and every redemption of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from loyalty_crm.kernel.admin_chips import Colour, chip
from loyalty_crm.kernel.admin_once import OnceForm, once
from loyalty_crm.kernel.errors import DomainError
from loyalty_crm.kernel.staff import names_of
from members.admin.lens import lens_of
from rewards.admin.amounts import money, points
from rewards.admin.columns import as_uuid
from rewards.forms.catalogue import (
    RedemptionStepForm,
    RewardCodesForm,
    RewardForm,
    RewardStockForm,
)
from rewards.models import Redemption, Reward, RewardCode
from rewards.services import catalogue, redemptions
from rewards.services.catalogue.writing import open_steps
from rewards.services.programmes import default_programme

CHANGE, MOVE = "rewards.change_reward", "rewards.redeem_reward"
LATEST = 20
LOOKS: dict[str, Colour] = {
    Reward.State.LIVE: "success",
    Reward.State.PAUSED: "warning",
    Reward.State.RETIRED: "default",
}
REDEMPTION_LOOKS: dict[str, Colour] = {
    Redemption.State.REQUESTED: "warning",
    Redemption.State.RESERVED: "info",
    Redemption.State.FULFILLED: "success",
}
STATE_VERBS = {
    Reward.State.LIVE: gettext_lazy("Put on offer"),
    Reward.State.PAUSED: gettext_lazy("Pause"),
    Reward.State.RETIRED: gettext_lazy("Retire for good"),
}
DOES: dict[str, Callable[..., Redemption]] = {
    "confirm": redemptions.confirm,
    "fulfil": redemptions.fulfil,
    "cancel": redemptions.cancel,
}
VERBS = {
    "confirm": gettext_lazy("Confirm"),
    "fulfil": gettext_lazy("Hand over"),
    "cancel": gettext_lazy("Cancel the redemption"),
}


class FormPages(ReadOnlyAdmin):
    """What the pages of the catalogue share: one frame, one form that acts once."""

    def framed(self, request: HttpRequest, title: str, **context: Any) -> dict[str, Any]:
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "title": title}
        return {**frame, **context}

    def need(self, request: HttpRequest, permission: str) -> None:
        if not request.user.has_perm(permission):
            raise PermissionDenied

    def try_once(self, request: HttpRequest, form: OnceForm, work: Callable[[], object]) -> bool:
        """Whether it is done; a refusal stands beside the field that it speaks of."""
        typed = {name: str(value) for name, value in form.cleaned_data.items() if name != "key"}
        try:
            once(form=form, asked=[request.path, typed], work=work, actor=user_actor(request.user))
        except DomainError as refusal:
            show_refusal(form, refusal)
            return False
        messages.success(request, _("Saved."))
        return True

    def form_page(
        self, request: HttpRequest, form: Any, title: str, back: str, **context: Any
    ) -> HttpResponse:
        status = 422 if form.errors else 200
        frame = self.framed(request, title, form=form, back=back, **context)
        template = context.get("template", "admin/rewards/catalogue_form.html")
        return TemplateResponse(request, template, frame, status=status)

    def list_url(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")


def show_refusal(form: Any, refusal: DomainError) -> None:
    names = getattr(form, "NAMES", {})
    alone = [{"pointer": refusal.detail.get("pointer", ""), "detail": refusal.message}]
    faults: Any = refusal.detail.get("errors") or alone
    for fault in faults:
        named = str(fault["pointer"]).strip("/").partition("/")[0]
        field = names.get(named, named)
        form.add_error(field if field in form.fields else None, str(fault["detail"]))


@admin.register(Reward)
class RewardAdmin(FormPages):
    """What members can take, what is left of it and how often it was taken."""

    list_display = ["name", "kind", "price", "chip_of_state", "left_", "waiting_", "taken_"]
    list_filter = ["state", "kind"]
    search_fields = ["name", "code"]
    list_select_related = ["programme"]
    ordering = ["sort", "price_points", "id"]
    sortable_by = ()
    list_before_template = "admin/rewards/_rewards_top.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reward]:
        return Reward.objects.with_counts()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("rewards.add_reward"))

    @admin.display(description=gettext_lazy("price"))
    def price(self, reward: Reward) -> str:
        return price_of(reward)

    @chip(gettext_lazy("state"), LOOKS)
    def chip_of_state(self, reward: Reward) -> tuple[str, str]:
        return reward.state, reward.get_state_display()

    @admin.display(description=gettext_lazy("left"))
    def left_(self, reward: Any) -> str:
        return "∞" if reward.stock_mode != Reward.Stock.COUNTED else str(reward.left or 0)

    @admin.display(description=gettext_lazy("to be fetched"))
    def waiting_(self, reward: Any) -> int:
        return reward.waiting or 0

    @admin.display(description=gettext_lazy("taken"))
    def taken_(self, reward: Any) -> int:
        return reward.taken or 0

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        own = [
            ("edit/", self.edit_page, "edit"),
            ("stock/", self.stock_page, "stock"),
            ("codes/", self.codes_page, "codes"),
            ("state/<slug:state>/", self.state_page, "state"),
        ]
        pages = [
            path(f"<int:reward_id>/{at}", guard(view), name=f"rewards_reward_{name}")
            for at, view, name in own
        ]
        return [*pages, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One reward: its terms, its stock, who took it last."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        reward = self._reward(int(object_id) if object_id.isdecimal() else 0)
        latest = Redemption.objects.filter(reward=reward).select_related("member", "store")
        lens = lens_of(request.user)
        context = self.framed(
            request,
            reward.title,
            reward=reward,
            price=price_of(reward),
            given=given_by(reward),
            limits=limits_of(reward),
            stock=reward.stock.select_related("store").order_by("store__code"),
            codes=self._pool(reward),
            steps=[(str(state), STATE_VERBS[state]) for state in open_steps(reward)],
            may_change=request.user.has_perm(CHANGE),
            latest=[
                {"one": one, "who": lens.name(one.member)}
                for one in latest.order_by("-pk")[:LATEST]
            ],
        )
        return TemplateResponse(request, "admin/rewards/reward.html", context)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self._edit(request, None)

    def edit_page(self, request: HttpRequest, reward_id: int) -> HttpResponse:
        self.need(request, CHANGE)
        return self._edit(request, self._reward(reward_id))

    def _edit(self, request: HttpRequest, reward: Reward | None) -> HttpResponse:
        programme = reward.programme if reward else default_programme()
        start = RewardForm.start(reward) if reward else {}
        form = RewardForm(request.POST or None, programme=programme, initial=start)
        saved: list[Reward] = []

        def work() -> None:
            saved.append(
                catalogue.save_reward(
                    terms=form.terms(),
                    programme=programme,
                    reward=reward,
                    actor=user_actor(request.user),
                )
            )

        if form.is_valid() and self.try_once(request, form, work):
            return HttpResponseRedirect(page_of(saved[0] if saved else reward) or self.list_url())
        title = reward.title if reward else _("A new reward")
        back = page_of(reward) or self.list_url()
        return self.form_page(request, form, title, back, template="admin/rewards/reward_form.html")

    def stock_page(self, request: HttpRequest, reward_id: int) -> HttpResponse:
        """How many pieces lie in a store, as somebody counted them."""
        self.need(request, CHANGE)
        reward, form = self._reward(reward_id), RewardStockForm(request.POST or None)

        def work() -> None:
            typed = form.cleaned_data
            catalogue.count_stock(
                reward=reward, store=typed["store"], on_hand=typed["on_hand"],
                actor=user_actor(request.user),
            )  # fmt: skip

        if form.is_valid() and self.try_once(request, form, work):
            return HttpResponseRedirect(page_of(reward) or "")
        return self.form_page(request, form, _("Count the stock"), page_of(reward) or "")

    def codes_page(self, request: HttpRequest, reward_id: int) -> HttpResponse:
        self.need(request, CHANGE)
        reward, form = self._reward(reward_id), RewardCodesForm(request.POST or None)

        def work() -> None:
            codes = form.cleaned_data["codes"].splitlines()
            catalogue.add_codes(reward=reward, codes=codes, actor=user_actor(request.user))

        if form.is_valid() and self.try_once(request, form, work):
            return HttpResponseRedirect(page_of(reward) or "")
        return self.form_page(request, form, _("Add codes"), page_of(reward) or "")

    def state_page(self, request: HttpRequest, reward_id: int, state: str) -> HttpResponse:
        self.need(request, CHANGE)
        if state not in {one.value for one in STATE_VERBS}:
            raise Http404
        reward, form = self._reward(reward_id), OnceForm(request.POST or None)
        work = partial(
            catalogue.set_reward_state, reward=reward, state=state, actor=user_actor(request.user)
        )
        if form.is_valid() and self.try_once(request, form, work):
            return HttpResponseRedirect(page_of(reward) or "")
        title = str(STATE_VERBS[Reward.State(state)])
        return self.form_page(request, form, title, page_of(reward) or "", says=reward.title)

    def _reward(self, pk: int) -> Reward:
        return get_object_or_404(Reward.objects.with_parts(), pk=pk)

    def _pool(self, reward: Reward) -> dict[str, int] | None:
        if reward.kind != Reward.Kind.PARTNER_CODE:
            return None
        codes = RewardCode.objects.filter(reward=reward)
        return {"left": codes.filter(redemption=None).count(), "all": codes.count()}


def page_of(reward: Reward | None) -> str | None:
    return reverse("admin:rewards_reward_change", args=[reward.pk]) if reward else None


def price_of(reward: Reward) -> str:
    text = points(reward.programme, reward.price_points)
    if not reward.price_money_minor:
        return text
    return f"{text} + {money(reward.price_money_minor, reward.programme.currency)}"


def given_by(reward: Reward) -> str:
    """What it gives, in few words."""
    if reward.value_minor:
        worth = money(reward.value_minor, reward.programme.currency)
        return f"{worth} · {reward.cause.title}" if reward.cause else worth
    named = reward.promotion or reward.product or reward.service
    what = str(named) if named else reward.award_code
    return f"{reward.quantity} × {what}" if reward.quantity > 1 else what


def limits_of(reward: Reward) -> list[str]:
    """Who may take it, a line for each condition that it has."""
    said = []
    if reward.min_tier:
        said.append(_("From tier %(tier)s") % {"tier": reward.min_tier.name})
    if reward.tags or reward.segments:
        said.append(", ".join([*reward.tags, *reward.segments]))
    if reward.min_membership_days:
        said.append(_("member for %(days)s days") % {"days": reward.min_membership_days})
    if reward.per_member and reward.per_member_days:
        told = {"most": reward.per_member, "days": reward.per_member_days}
        said.append(_("at most %(most)s in %(days)s days") % told)
    elif reward.per_member:
        said.append(_("at most %(most)s for one member") % {"most": reward.per_member})
    if reward.stores:
        said.append(_("Only in: %(stores)s") % {"stores": ", ".join(reward.stores)})
    return said


@admin.register(Redemption)
class RedemptionAdmin(FormPages):
    """Rewards that members took, newest first; found by the code that the member shows."""

    list_display = ["requested_at", "reward_", "who", "chip_of_state", "points_", "place"]
    list_filter = ["state", "reward__kind"]
    search_fields = ["public_id"]
    search_help_text = gettext_lazy("The code that the member shows, or the id")
    ordering = ["-id"]
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Redemption]:
        self.lens = lens_of(request.user)
        return Redemption.objects.shown()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Redemption], search_term: str
    ) -> tuple[QuerySet[Redemption], bool]:
        if not (term := search_term.strip()):
            return queryset, False
        if public_id := as_uuid(term):
            return queryset.filter(public_id=public_id), False
        try:
            return queryset.filter(pk=redemptions.by_code(term).pk), False
        except DomainError:
            return queryset.none(), False

    @admin.display(description=gettext_lazy("reward"))
    def reward_(self, one: Redemption) -> str:
        return one.reward.title

    @admin.display(description=gettext_lazy("member"))
    def who(self, one: Redemption) -> str:
        return self.lens.name(one.member)

    @chip(gettext_lazy("state"), REDEMPTION_LOOKS)
    def chip_of_state(self, one: Redemption) -> tuple[str, str]:
        return one.state, one.get_state_display()

    @admin.display(description=gettext_lazy("points"))
    def points_(self, one: Redemption) -> str:
        return points(one.reward.programme, one.points)

    @admin.display(description=gettext_lazy("store"))
    def place(self, one: Redemption) -> str:
        return one.store.name if one.store else ""

    def get_urls(self) -> list[URLPattern]:
        step = path(
            "<int:redemption_id>/do/<slug:verb>/",
            self.admin_site.admin_view(self.verb_page),
            name="rewards_redemption_verb",
        )
        return [step, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        one = self._redemption(int(object_id) if object_id.isdecimal() else 0)
        steps = list(one.steps.order_by("pk"))
        who = names_of(step.actor for step in steps)
        may = request.user.has_perm(MOVE)
        context = self.framed(
            request,
            one.reward.title,
            one=one,
            who=lens_of(request.user).name(one.member),
            points=points(one.reward.programme, one.points),
            money=money(one.money_minor, one.reward.programme.currency) if one.money_minor else "",
            steps=[{"step": step, "by": who.get(step.actor)} for step in steps],
            verbs=[(verb, VERBS[verb]) for verb in open_verbs(one)] if may else [],
        )
        return TemplateResponse(request, "admin/rewards/redemption.html", context)

    def verb_page(self, request: HttpRequest, redemption_id: int, verb: str) -> HttpResponse:
        """Confirm it, hand it over, or take it back with a reason."""
        self.need(request, MOVE)
        if verb not in VERBS:
            raise Http404
        one, form = self._redemption(redemption_id), RedemptionStepForm(request.POST or None)
        for name, wanted in (("reason", "cancel"), ("payment_ref", "fulfil")):
            if verb != wanted or (name == "payment_ref" and not one.money_minor):
                del form.fields[name]
        home = reverse("admin:rewards_redemption_change", args=[one.pk])
        work = partial(self._do, one, verb, form, request)
        if form.is_valid() and self.try_once(request, form, work):
            return HttpResponseRedirect(home)
        return self.form_page(request, form, str(VERBS[verb]), home, says=one.reward.title)

    def _do(
        self, one: Redemption, verb: str, form: RedemptionStepForm, request: HttpRequest
    ) -> None:
        known: dict[str, Any] = {
            "redemption": one, "now": clock.now(), "actor": user_actor(request.user),
            **{name: value for name, value in form.cleaned_data.items() if name != "key"},
        }  # fmt: skip
        DOES[verb](**known)

    def _redemption(self, pk: int) -> Redemption:
        return get_object_or_404(Redemption.objects.shown(), pk=pk)


def open_verbs(one: Redemption) -> list[str]:
    """What makes sense in this state."""
    verbs = {
        Redemption.State.REQUESTED: ["confirm", "cancel"],
        Redemption.State.RESERVED: ["fulfil", "cancel"],
        Redemption.State.FULFILLED: ["cancel"],
    }
    return verbs.get(Redemption.State(one.state), [])
