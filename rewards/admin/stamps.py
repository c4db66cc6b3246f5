"""Stamp programmes with a look at the card, stamps by hand, and claims that wait for a look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.shortcuts import get_object_or_404, render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from loyalty_crm.kernel.admin_chips import Colour, chip
from loyalty_crm.kernel.errors import DomainError
from members.admin.lens import lens_of
from rewards.admin.member_panels import asked_for
from rewards.forms.stamps import ClaimTermsForm, SectionedForm, StampProgrammeForm
from rewards.models import (
    ClaimTerms,
    ManualStamp,
    MemberBadge,
    ReceiptClaim,
    StampCard,
    StampProgramme,
)
from rewards.services import claims
from rewards.services.challenges.reading import challenges_of
from rewards.services.programmes import default_programme
from rewards.services.stamps import by_hand
from rewards.services.stamps.programmes import (
    change_stamp_programme,
    create_stamp_programme,
    draft_promotion,
    stamping,
)
from rewards.services.stamps.reading import cards_of
from rewards.services.stamps.report import report_of
from rewards.templatetags.stamp_cards import amount

NEWEST = 10
STATES: dict[str, Colour] = {
    "done": "success", "granted": "success", "full": "success",
    "waiting": "warning", "refused": "default", "undone": "default",
}  # fmt: skip
SIGNS = {
    "same_cashier": gettext_lazy("the cashier's own sale"),
    "many_claims": gettext_lazy("many claims by one person"),
    "large": gettext_lazy("a large receipt"),
}


def told(form: SectionedForm, refusal: DomainError) -> None:
    """Put a refusal under the fields it names."""
    faults: Any = refusal.detail.get("errors") or [{"detail": refusal.message, "pointer": ""}]
    for fault in faults:
        name = str(fault["pointer"]).strip("/")
        form.add_error(name if name in form.fields else None, str(fault["detail"]))


@admin.register(StampProgramme)
class StampProgrammeAdmin(ReadOnlyAdmin):
    list_display = ["name", "code", "kind", "full_at", "reward", "is_active"]
    list_select_related = ["programme"]
    ordering = ["code"]
    sortable_by = ()
    change_list_template = "admin/rewards/stamp_programmes.html"

    @admin.display(description=gettext_lazy("a card is full at"))
    def full_at(self, programme: StampProgramme) -> str:
        return amount(programme, programme.needed)

    @admin.display(description=gettext_lazy("reward"))
    def reward(self, programme: StampProgramme) -> str:
        return reward_text(programme.terms)

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        return [
            path("new/", guard(self.programme_page), name="rewards_stampprogramme_new"),
            path("claim-terms/", guard(self.terms_page), name="rewards_claimterms"),
            path(
                "<int:pk>/promotion/",
                guard(self.promotion_page),
                name="rewards_stampprogramme_promotion",
            ),
            path("member/<int:member_id>/", guard(member_panel), name="rewards_member_stamps"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        may = {
            "may_change": request.user.has_perm("rewards.change_stampprogramme"),
            "may_set_claims": request.user.has_perm("rewards.change_claimterms"),
        }
        page: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **may})
        return page

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        known = StampProgramme.objects.select_related("programme")
        pk = object_id if object_id.isdecimal() else 0
        return self.programme_page(request, get_object_or_404(known, pk=pk))

    def programme_page(
        self, request: HttpRequest, stamps: StampProgramme | None = None
    ) -> HttpResponse:
        """One form; *Preview* draws the card, *Save* writes."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        may = request.user.has_perm("rewards.change_stampprogramme")
        if not may and (request.method == "POST" or stamps is None):
            raise PermissionDenied
        known = stamps or StampProgramme(programme=default_programme(), needed=6)
        form = StampProgrammeForm(request.POST or None, instance=known)
        if form.is_valid() and "preview" not in request.POST and self._save(request, form, stamps):
            return HttpResponseRedirect(reverse("admin:rewards_stampprogramme_changelist"))
        if form.is_bound and form.is_valid():
            known.needed = form.cleaned_data["needed"]
        return self._page(request, known, form, may)

    def _save(
        self, request: HttpRequest, form: StampProgrammeForm, stamps: StampProgramme | None
    ) -> bool:
        actor, terms = user_actor(request.user), dict(form.cleaned_data)
        try:
            if stamps is None:
                create_stamp_programme(programme=default_programme(), terms=terms, actor=actor)
            else:
                change_stamp_programme(stamps=stamps, terms=terms, actor=actor)
        except DomainError as refusal:
            told(form, refusal)
            return False
        messages.success(request, _("The stamp programme is saved."))
        return True

    def _page(
        self, request: HttpRequest, known: StampProgramme, form: StampProgrammeForm, may: bool
    ) -> HttpResponse:
        lens = lens_of(request.user)
        cards = StampCard.objects.filter(programme=known.pk or 0).select_related("member")
        today = clock.now().astimezone(ZoneInfo(known.programme.time_zone)).date()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": known.name or _("A new stamp programme"),
            "form": form,
            "stamps": known,
            "looks": [0, known.needed // 2, known.needed - 1, known.needed],
            "reward": reward_text(known.terms),
            "may_change": may,
            "report": report_of(known, today=today) if known.pk else None,
            "promotions": stamping(known)[:NEWEST] if known.pk else [],
            "newest": [
                {"card": card, "who": lens.name(card.member)}
                for card in cards.order_by("-completed_at")[:NEWEST]
            ],
        }
        status = 422 if form.errors else 200
        template = "admin/rewards/stamp_programme.html"
        return TemplateResponse(request, template, context, status=status)

    def promotion_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Make a draft that puts these stamps on, and go there."""
        if not request.user.has_perm("rewards.add_promotion"):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        stamps = get_object_or_404(StampProgramme.objects.select_related("programme"), pk=pk)
        made = draft_promotion(stamps=stamps, actor=user_actor(request.user))
        return HttpResponseRedirect(reverse("admin:rewards_promotion_change", args=[made.pk]))

    def terms_page(self, request: HttpRequest) -> HttpResponse:
        if not request.user.has_perm("rewards.change_claimterms"):
            raise PermissionDenied
        programme = default_programme()
        known = ClaimTerms.objects.filter(programme=programme).first()
        form = ClaimTermsForm(
            request.POST or None, instance=known or ClaimTerms(programme=programme)
        )
        if form.is_valid():
            claims.change_terms(
                programme=programme, terms=form.cleaned_data, actor=user_actor(request.user)
            )
            messages.success(request, _("The terms of late claims are saved."))
            return HttpResponseRedirect(reverse("admin:rewards_receiptclaim_changelist"))
        return form_page(self, request, form, _("Late claims of receipts"))


def form_page(
    model_admin: ReadOnlyAdmin, request: HttpRequest, form: Any, title: str, **more: Any
) -> HttpResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": title,
        "form": form,
        "may_change": True,
        **more,
    }
    template = "admin/rewards/sectioned_form.html"
    return TemplateResponse(request, template, context, status=422 if form.errors else 200)


def reward_text(terms: dict[str, Any]) -> str:
    """“50 points”, “1 coupon of free-coffee”, in the words of the form."""
    kinds = {
        "points": _("%(count)s points"),
        "next_coupon": _("coupons of “%(code)s”: %(count)s"),
        "gift": _("gift “%(code)s”: %(count)s"),
        "tag": _("tag “%(code)s”"),
        "game_plays": _("plays of “%(code)s”: %(count)s"),
        "draw_tickets": _("tickets of “%(code)s”: %(count)s"),
        "stamps": _("stamps of “%(code)s”: %(count)s"),
    }
    if not terms.get("kind"):
        return _("nothing")
    words = kinds.get(terms["kind"], "%(code)s: %(count)s")
    return words % {"code": terms["code"], "count": terms["amount"]}


class VeiledList(ReadOnlyAdmin):
    """A list with the member as the user may see it."""

    sortable_by = ()

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        lens = lens_of(request.user)

        @admin.display(description=_("member"))
        def member(row: Any) -> str:
            return lens.name(row.member)

        return [member if name == "member" else name for name in self.list_display]


@admin.register(StampCard)
class StampCardAdmin(VeiledList):
    list_display = ["completed_at", "member", "programme", "number", "chip_of_state", "what"]
    list_filter = ["state", "programme"]
    list_select_related = ["programme", "member"]
    ordering = ["-id"]

    @chip(gettext_lazy("state"), STATES)
    def chip_of_state(self, card: StampCard) -> tuple[str, str]:
        return card.state, card.get_state_display()

    @admin.display(description=gettext_lazy("reward"))
    def what(self, card: StampCard) -> str:
        text = reward_text(card.reward)
        return f"{text} · {card.reward['problem']}" if card.reward.get("problem") else text


class Decided(VeiledList):
    """Rows of which some wait for a second person: agree or refuse on their page."""

    permission = ""
    decide: Callable[..., Any]

    def facts(self, row: Any, who: str) -> list[tuple[Any, Any]]:
        raise NotImplementedError

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        pk = object_id if object_id.isdecimal() else 0
        row = get_object_or_404(self.get_queryset(request), pk=pk)
        may = request.user.has_perm(self.permission) and row.state == "waiting"
        if request.method == "POST":
            if not request.user.has_perm(self.permission):
                raise PermissionDenied
            return self._decide(request, row)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": str(self.opts.verbose_name),
            "facts": self.facts(row, lens_of(request.user).name(row.member)),
            "may_decide": may,
        }
        return TemplateResponse(request, "admin/rewards/second_look.html", context)

    def _decide(self, request: HttpRequest, row: Any) -> HttpResponse:
        try:
            type(self).decide(row, "agree" in request.POST, user_actor(request.user))
        except DomainError as refusal:
            messages.error(request, refusal.message)
        else:
            messages.success(request, _("Decided."))
        here = f"admin:rewards_{self.opts.model_name}_changelist"
        return HttpResponseRedirect(reverse(here))


@admin.register(ManualStamp)
class ManualStampAdmin(Decided):
    list_display = ["recorded_at", "chip_of_state", "member", "programme", "amount", "reason"]
    list_filter = ["state", "programme"]
    list_select_related = ["programme__programme", "member", "store"]
    ordering = ["-id"]
    permission = "rewards.decide_stamps"

    @staticmethod
    def decide(row: ManualStamp, agree: bool, actor: Any) -> None:
        by_hand.decide(asked=row, agree=agree, actor=actor)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ManualStamp]:
        return ManualStamp.objects.select_related("programme__programme", "member", "store")

    @chip(gettext_lazy("state"), STATES)
    def chip_of_state(self, row: ManualStamp) -> tuple[str, str]:
        return row.state, row.get_state_display()

    def facts(self, row: ManualStamp, who: str) -> list[tuple[Any, Any]]:
        return [
            (_("member"), who),
            (_("stamp programme"), row.programme.name),
            (_("stamps"), amount(row.programme, row.amount)),
            (_("reason"), row.reason),
            (_("store"), row.store or ""),
            (_("asked by"), row.actor),
            (_("state"), row.get_state_display()),
            (_("decided by"), row.decided_by),
        ]


@admin.register(ReceiptClaim)
class ReceiptClaimAdmin(Decided):
    list_display = ["recorded_at", "chip_of_state", "member", "receipt", "signs", "points"]
    list_filter = ["state"]
    list_select_related = ["receipt__store", "member"]
    ordering = ["-recorded_at", "-id"]
    permission = "rewards.decide_claims"
    change_list_template = "admin/rewards/receipt_claims.html"

    @staticmethod
    def decide(row: ReceiptClaim, agree: bool, actor: Any) -> None:
        claims.decide_claim(claim=row, agree=agree, actor=actor)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        may = {"may_set_claims": request.user.has_perm("rewards.change_claimterms")}
        page: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **may})
        return page

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReceiptClaim]:
        return ReceiptClaim.objects.select_related("receipt__store", "member")

    @chip(gettext_lazy("state"), STATES)
    def chip_of_state(self, claim: ReceiptClaim) -> tuple[str, str]:
        return claim.state, claim.get_state_display()

    @admin.display(description=gettext_lazy("signs"))
    def signs(self, claim: ReceiptClaim) -> str:
        return ", ".join(str(SIGNS.get(one, one)) for one in claim.flags)

    def facts(self, row: ReceiptClaim, who: str) -> list[tuple[Any, Any]]:
        receipt = row.receipt
        return [
            (_("member"), who),
            (_("receipt"), f"{receipt.number} · {receipt.store}"),
            (_("bought at"), receipt.occurred_at),
            (_("cashier"), receipt.cashier),
            (_("signs"), self.signs(row)),
            (_("asked by"), row.actor),
            (_("state"), row.get_state_display()),
            (_("points"), row.points),
            (_("decided by"), row.decided_by),
        ]


def member_panel(request: HttpRequest, member_id: int) -> HttpResponse:
    """On the member's page: stamp cards as they look, challenges, badges."""
    member, programme = asked_for(request, member_id), default_programme()
    today = clock.now().astimezone(ZoneInfo(programme.time_zone)).date()
    context = {
        "cards": cards_of(member=member, programme=programme),
        "challenges": challenges_of(member=member, programme=programme, today=today),
        "badges": MemberBadge.objects.filter(member=member).select_related("badge")[:50],
    }
    return render(request, "admin/rewards/_stamps.html", context)
