"""Offers of partners in the back office: words, days, and pools of codes."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from loyalty_crm.kernel.admin_chips import Colour, chip
from rewards.admin.form_pages import FormPages
from rewards.forms.partners import CodesForm, NothingForm, OfferForm
from rewards.models import PartnerOffer
from rewards.services.partners import offers

MANAGE = "rewards.change_partneroffer"
_LOOKS: dict[str, Colour] = {
    PartnerOffer.State.LIVE: "success",
    PartnerOffer.State.DRAFT: "warning",
    PartnerOffer.State.CLOSED: "default",
}


@admin.register(PartnerOffer)
class PartnerOfferAdmin(FormPages, ReadOnlyAdmin):
    list_display = ["title", "partner", "chip_of_state", "valid_until"]
    list_filter = ["state", "partner"]
    list_select_related = ["partner"]
    search_fields = ["title"]
    ordering = ["-id"]
    sortable_by = ()

    @chip(gettext_lazy("state"), _LOOKS)
    def chip_of_state(self, offer: PartnerOffer) -> tuple[str, str]:
        return offer.state, offer.get_state_display()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("rewards.add_partneroffer"))

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        own = [
            ("<int:offer_id>/edit/", self.edit_page, "edit"),
            ("<int:offer_id>/codes/", self.codes_page, "codes"),
            ("<int:offer_id>/move/<slug:to>/", self.move_page, "move"),
        ]
        return [
            *(path(at, guard(view), name=f"rewards_partneroffer_{name}") for at, view, name in own),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One offer: how full its pool is, how much was taken, how much came back used."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        offer = self._offer(object_id)
        pool = offer.codes.aggregate(
            all=Count("pk"),
            taken=Count("pk", filter=Q(member__isnull=False)),
            used=Count("pk", filter=Q(redeemed_at__isnull=False)),
        )
        context = {
            **self.frame(request, offer.title),
            "offer": offer,
            "bars": _bars(pool),
            "free": pool["all"] - pool["taken"],
            "may_manage": request.user.has_perm(MANAGE),
        }
        return TemplateResponse(request, "admin/rewards/partner_offer.html", context)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        self.need(request, "rewards.add_partneroffer")
        form = OfferForm(request.POST or None)
        return self.form_page(
            request,
            form,
            lambda: offers.save_offer(
                partner=form.cleaned_data["partner"],
                terms=form.terms(),
                actor=user_actor(request.user),
            ),
            title=_("New offer of a partner"),
            said=_("The offer is written down. Put codes into its pool, then put it live."),
            back=reverse("admin:rewards_partneroffer_changelist"),
        )

    def edit_page(self, request: HttpRequest, offer_id: int) -> HttpResponse:
        self.need(request, MANAGE)
        offer = self._offer(offer_id)
        form = OfferForm(request.POST or None, initial=OfferForm.initial_of(offer))
        form.fields["partner"].disabled = True
        return self.form_page(
            request,
            form,
            lambda: offers.save_offer(
                partner=offer.partner,
                terms=form.terms(),
                offer=offer,
                actor=user_actor(request.user),
            ),
            title=_("Change the offer"),
            said=_("Changed."),
            back=page_of(offer),
        )

    def codes_page(self, request: HttpRequest, offer_id: int) -> HttpResponse:
        """The partner's codes, pasted, or codes of our own making."""
        self.need(request, MANAGE)
        offer, form = self._offer(offer_id), CodesForm(request.POST or None)

        def work() -> int:
            actor = user_actor(request.user)
            if count := form.cleaned_data["count"]:
                return offers.draw_codes(offer=offer, count=count, actor=actor)
            codes = form.cleaned_data["codes"].splitlines()
            return offers.add_codes(offer=offer, codes=codes, actor=actor)

        return self.form_page(
            request,
            form,
            work,
            title=_("Codes for the pool"),
            said=_("The codes are in the pool. Those that were there already are left out."),
            back=page_of(offer),
        )

    def move_page(self, request: HttpRequest, offer_id: int, to: str) -> HttpResponse:
        self.need(request, MANAGE)
        offer = self._offer(offer_id)
        titles = {"live": _("Put the offer live"), "closed": _("Close the offer")}
        if to not in titles:
            raise Http404
        return self.form_page(
            request,
            NothingForm(request.POST or None),
            partial(offers.move_offer, offer=offer, to=to, actor=user_actor(request.user)),
            title=titles[to],
            said=_("Done."),
            back=page_of(offer),
            says=_("Codes that members have stay theirs."),
        )

    def _offer(self, offer_id: object) -> PartnerOffer:
        known: QuerySet[PartnerOffer] = PartnerOffer.objects.select_related("partner")
        return get_object_or_404(known, pk=offer_id if str(offer_id).isdecimal() else None)


def _bars(pool: dict[str, int]) -> list[dict[str, Any]]:
    """The pool as a funnel: all, taken by members, used at the partner."""
    names = {"all": _("in the pool"), "taken": _("taken by members"), "used": _("used")}
    most = pool["all"] or 1
    return [
        {"name": name, "count": pool[key], "share": 100 * pool[key] // most}
        for key, name in names.items()
    ]


def page_of(offer: PartnerOffer) -> str:
    return reverse("admin:rewards_partneroffer_change", args=[offer.pk])
