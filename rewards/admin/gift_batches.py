"""Batches of gift cards in the back office: asked for, approved by another, exported once."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from loyalty_crm.kernel.admin_chips import Colour, chip
from loyalty_crm.kernel.errors import DomainError
from loyalty_crm.kernel.staff import names_of
from rewards.admin.amounts import money
from rewards.admin.form_pages import FormPages
from rewards.forms.coupons import PassphraseForm
from rewards.forms.gift_cards import GiftBatchForm
from rewards.models import GiftCardBatch
from rewards.rules.codes import shown
from rewards.services.gift_cards import batches, exporting
from rewards.services.programmes import default_programme

ASK, APPROVE = "rewards.add_giftcardbatch", "rewards.approve_giftcardbatch"
_LOOKS: dict[str, Colour] = {
    GiftCardBatch.State.READY: "success",
    GiftCardBatch.State.MAKING: "info",
    GiftCardBatch.State.REQUESTED: "warning",
    GiftCardBatch.State.REFUSED: "danger",
}


@admin.register(GiftCardBatch)
class GiftCardBatchAdmin(FormPages, ReadOnlyAdmin):
    list_display = ["name", "chip_of_state", "progress", "amount", "requested_at"]
    list_filter = ["state"]
    list_select_related = ["programme"]
    search_fields = ["name"]
    ordering = ["-id"]
    sortable_by = ()

    @chip(gettext_lazy("state"), _LOOKS)
    def chip_of_state(self, batch: GiftCardBatch) -> tuple[str, str]:
        return batch.state, batch.get_state_display()

    @admin.display(description=gettext_lazy("cards"))
    def progress(self, batch: GiftCardBatch) -> str:
        return f"{batch.made:,} / {batch.wanted:,}"

    @admin.display(description=gettext_lazy("amount on each card"))
    def amount(self, batch: GiftCardBatch) -> str:
        return money(batch.amount_minor, batch.programme.currency)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(ASK))

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        own = [
            ("<int:batch_id>/decide/", self.decide_page, "decide"),
            ("<int:batch_id>/passphrase/", self.passphrase_page, "passphrase"),
            ("<int:batch_id>/download/", self.download_page, "download"),
        ]
        return [
            *(
                path(at, guard(view), name=f"rewards_giftcardbatch_{name}")
                for at, view, name in own
            ),
            *super().get_urls(),
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Ask for cards; somebody else approves."""
        self.need(request, ASK)
        form = GiftBatchForm(request.POST or None, currency=default_programme().currency)
        return self.form_page(
            request,
            form,
            lambda: batches.request_batch(order=form.order(), actor=user_actor(request.user)),
            title=_("Ask for gift cards"),
            said=_("Asked. Another person has to approve it."),
            back=reverse("admin:rewards_giftcardbatch_changelist"),
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self._page(request, self._batch(object_id))

    def decide_page(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        """Approve or refuse; whoever asked cannot."""
        self.need(request, APPROVE)
        batch = self._batch(batch_id)
        if request.method != "POST":
            return self._page(request, batch)
        step = batches.refuse_batch if "refuse" in request.POST else batches.approve_batch
        return self._try(request, batch, partial(step, batch=batch))

    def passphrase_page(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        """Draw the passphrase and show it: this page cannot be opened again."""
        self.need(request, ASK)
        batch = self._batch(batch_id)
        if request.method != "POST":
            return self._page(request, batch)
        try:
            drawn = exporting.draw_passphrase(batch=batch, actor=user_actor(request.user))
        except DomainError as refusal:
            return self._page(request, batch, refused=refusal.message)
        page = self._page(request, batch, passphrase=shown(drawn))
        add_never_cache_headers(page)
        return page

    def download_page(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        """The encrypted archive, for who types the passphrase that was shown."""
        self.need(request, ASK)
        batch, form = self._batch(batch_id), PassphraseForm(request.POST or None)
        if not form.is_valid():
            return self._page(request, batch, form=form)
        try:
            archive = exporting.start_download(
                batch=batch,
                passphrase=form.cleaned_data["passphrase"],
                now=clock.now(),
                actor=user_actor(request.user),
            )
        except DomainError as refusal:
            form.add_error(None, refusal.message)
            return self._page(request, batch, form=form)
        answer = StreamingHttpResponse(archive, content_type="application/zip")
        answer["Content-Disposition"] = f'attachment; filename="gift-cards-{batch.pk}.zip"'
        add_never_cache_headers(answer)
        return answer  # type: ignore[return-value]  # a response, if not an HttpResponse

    def _try(self, request: HttpRequest, batch: GiftCardBatch, work: Any) -> HttpResponse:
        try:
            work(actor=user_actor(request.user))
        except DomainError as refusal:
            return self._page(request, batch, refused=refusal.message)
        return HttpResponseRedirect(reverse("admin:rewards_giftcardbatch_change", args=[batch.pk]))

    def _page(
        self, request: HttpRequest, batch: GiftCardBatch, refused: str = "", **more: Any
    ) -> HttpResponse:
        batch.refresh_from_db()
        actor, form = user_actor(request.user), more.get("form")
        is_own = batch.requested_by == actor.label
        who = names_of(name for name in (batch.requested_by, batch.decided_by) if name)
        is_ready = batch.state == GiftCardBatch.State.READY
        context = {
            **self.frame(request, batch.name),
            "batch": batch,
            "percent": 100 * batch.made // batch.wanted,
            "amount": self.amount(batch),
            "total": money(batch.amount_minor * batch.wanted, batch.programme.currency),
            "by": who[batch.requested_by],
            "decided_by": who.get(batch.decided_by),
            "waits": batch.state == GiftCardBatch.State.REQUESTED,
            "may_decide": request.user.has_perm(APPROVE) and not is_own,
            "may_take": is_ready
            and is_own
            and not batch.downloaded_at
            and request.user.has_perm(ASK),
            "refused": refused,
            **more,
            "form": form or PassphraseForm(),
        }
        wrong = refused or (form is not None and form.errors)
        return TemplateResponse(
            request, "admin/rewards/gift_batch.html", context, status=422 if wrong else 200
        )

    def _batch(self, batch_id: object) -> GiftCardBatch:
        known = GiftCardBatch.objects.select_related("programme", "job")
        return get_object_or_404(known, pk=batch_id if str(batch_id).isdecimal() else None)
